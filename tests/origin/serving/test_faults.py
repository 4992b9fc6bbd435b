from __future__ import annotations

import msgspec
import pytest

from auth import Denied, Reason
from auth.remedy import Remedied, Remedy
from origin.http.reply import Bytes
from origin.manifests.template import Malformed
from origin.media.target import Refusal, Refused
from origin.serving.faults import reply_to
from origin.serving.inbound import RefusedRequestError
from origin.shield.manifests import UpstreamFailed
from origin.storage.store import ObjectChanged, StoreUnavailable
from origin.upstream.origin_server import Trouble, UpstreamError

METHODS = frozenset({"HEAD", "GET"})
DENIED = {Reason.ABSENT: 401, Reason.STORE_UNAVAILABLE: 503}
ROWS: list[tuple[Exception, int, str]] = [
    (RefusedRequestError(400, "body_not_allowed", "no body"), 400, "body_not_allowed"),
    (RefusedRequestError(405, "method_not_allowed", "no"), 405, "method_not_allowed"),
    (RefusedRequestError(505, "version_unsupported", "no"), 505, "version_unsupported"),
    (Refused(Refusal.MALFORMED, "dots"), 400, "path_malformed"),
    (Refused(Refusal.NOT_FOUND, "none"), 404, "not_found"),
    (StoreUnavailable("away"), 503, "store_unavailable"),
    (ObjectChanged("changed"), 503, "object_changed"),
    (Malformed("not_a_playlist", "line 1"), 502, "not_a_playlist"),
    *((Denied(reason), DENIED.get(reason, 403), reason.value) for reason in Reason),
]


@pytest.mark.parametrize(("error", "status", "reason"), ROWS, ids=str)
def test_row(error: Exception, status: int, reason: str) -> None:
    answer = reply_to(error, METHODS)
    assert answer is not None
    reply, told = answer
    assert isinstance(reply.body, Bytes)
    document = msgspec.json.decode(reply.body.data)
    assert (reply.status, told, document["reason"], document["status"]) == (status, reason, reason, status)
    fields = dict(reply.headers)
    assert fields["Cache-Control"] == "no-store"
    assert fields.get("Allow") == ("GET, HEAD" if status == 405 else None)
    assert fields.get("Retry-After") == ("2" if status == 503 else None)
    assert fields.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)
    assert reply.must_close == isinstance(error, RefusedRequestError)


UPSTREAM = {Trouble.TIMED_OUT: 504, Trouble.LOOP: 508, Trouble.BUSY: 503}


@pytest.mark.parametrize("trouble", Trouble)
@pytest.mark.parametrize("kind", [UpstreamError, UpstreamFailed])
def test_what_an_upstream_does_wrong_is_told_alike_for_manifests_and_for_all_else(
    kind: type[UpstreamError] | type[UpstreamFailed], trouble: Trouble
) -> None:
    answer = reply_to(kind(trouble), METHODS)
    assert answer is not None
    reply, told = answer
    assert isinstance(reply.body, Bytes)
    document = msgspec.json.decode(reply.body.data)
    assert (reply.status, told, document["reason"]) == (UPSTREAM.get(trouble, 502), trouble.value, trouble.value)
    fields = dict(reply.headers)
    assert (fields["Cache-Control"], fields["Retry-After"]) == ("no-store", "2")
    assert fields["Cache-Status"].endswith(f"detail={trouble.value}")


@pytest.mark.parametrize("error", [ValueError("secret"), KeyError(), RuntimeError()])
def test_a_defect_is_none_of_them(error: Exception) -> None:
    assert reply_to(error, METHODS) is None


@pytest.mark.parametrize(
    ("status", "location"), [(401, ""), (403, ""), (302, "https://a.example/"), (307, "https://a/")]
)
def test_a_token_that_says_what_to_answer(status: int, location: str) -> None:
    remedy = Remedy(frozenset({Reason.EXPIRED}), status, location)
    answer = reply_to(Remedied(Denied(Reason.EXPIRED), remedy), METHODS)
    assert answer is not None
    fields = dict(answer[0].headers)
    assert (answer[0].status, answer[1]) == (status, "token_expired")
    assert (fields.get("Location", ""), fields["Cache-Control"]) == (location, "no-store")
    assert fields.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)
