"""The `ovenmedia` dialect: the contract, the documented example, members of policies, ports and places."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import ClassVar

import pytest

from auth.algorithms import Algorithm
from auth.carriage import Carriage, Transport
from auth.claims import Claims
from auth.dialects.ovenmedia import OvenMedia, OvenMediaOptions
from auth.encoding import base64url_encode
from auth.enforce import Policy, enforce
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.primitives import Hash, mac
from auth.request import Request
from auth.rules.url import Url
from auth.scope import PathScope
from auth.secret import Secret
from tests.auth.samples import NOW, SECRET
from tests.contracts.dialect import DialectContract

VECTOR = json.loads((Path(__file__).parents[2] / "vectors" / "ovenmedia.json").read_text())
KEY = Key("k1", Algorithm.SHARED, Secret(SECRET))
RING = KeyRing([KEY])
CARRIAGE = Carriage("signature", frozenset({Transport.QUERY}))
DIALECT = OvenMedia(OvenMediaOptions())
FULL = Claims(
    scope=PathScope.exact("/vod/film/a.ts"),
    not_before=NOW - 10.5,
    expires=NOW + 60.25,
    session_ends=NOW + 3600,
    networks=(ip_network("192.0.2.0/24"),),
)


class TestContract(DialectContract):
    name = "ovenmedia"
    key = KEY
    other_key = Key("k1", Algorithm.SHARED, Secret(b"x" * 32))
    verify_only_key = replace(KEY, verify_only=True)
    claims = FULL
    transports: ClassVar[tuple[Transport, ...]] = (Transport.QUERY,)


def opened(request: Request, ring: KeyRing = RING) -> Claims:
    found = DIALECT.locate(request, CARRIAGE, "/vod")
    assert found is not None
    return DIALECT.verify(found, ring)


def refused(request: Request) -> Reason:
    with pytest.raises(Denied) as caught:
        opened(request)
    return caught.value.reason


def asked(members: object, *, query: str = "{policy}", url: str = "https://cdn.example:443/vod/a") -> Request:
    """A request signed by hand; `query` says where the policy stands."""
    text = members if isinstance(members, str) else json.dumps(members)
    unsigned = query.format(policy="policy=" + base64url_encode(text.encode()))
    signature = base64url_encode(mac(Secret(SECRET), f"{url}?{unsigned}".encode(), Hash.SHA1))
    return Request("GET", "https", "cdn.example", "/vod/a", f"{unsigned}&signature={signature}")


def test_the_documented_example() -> None:
    ring = KeyRing([Key("k", Algorithm.SHARED, Secret(VECTOR["secret"].encode()), allow_weak=True)])
    claims = opened(Request("GET", VECTOR["scheme"], VECTOR["authority"], VECTOR["path"], VECTOR["query"]), ring)
    assert claims == Claims(
        scope=PathScope.exact(VECTOR["path"]), expires=VECTOR["expires"], key_id="k", dialect="ovenmedia"
    )


@pytest.mark.parametrize("query", ["{policy}", "a=1&{policy}", "{policy}&b=2", "a=1&{policy}&b=2&c"])
def test_the_policy_is_hashed_at_its_place(query: str) -> None:
    request = asked({"url_expire": NOW * 1000}, query=query)
    assert opened(request).expires == NOW
    assert refused(replace(request, query=request.query + "&z=1")) is Reason.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("field", "value"), [("scheme", "http"), ("authority", "other.example"), ("authority", "cdn.example:8443")]
)
def test_the_whole_url_is_covered(field: str, value: str) -> None:
    request = asked({"url_expire": NOW * 1000})
    assert opened(request).key_id == "k1"
    assert refused(replace(request, **{field: value})) is Reason.BAD_SIGNATURE  # type: ignore[arg-type]
    without_port = asked({"url_expire": NOW * 1000}, url="https://cdn.example/vod/a")
    assert refused(without_port) is Reason.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"url_expire": NOW * 1000, "allow_ip": "10.0.0.0/8", "real_ip": "10.0.0.0/8"}, Reason.UNSUPPORTED),
        ({"url_expire": NOW * 1000, "max_viewers": 1}, Reason.UNSUPPORTED),
        ({"url_activate": NOW * 1000}, Reason.MALFORMED),
        ({"url_expire": str(NOW)}, Reason.MALFORMED),
        ({"url_expire": NOW * 1000 + 0.5}, Reason.MALFORMED),
        ({"url_expire": True}, Reason.MALFORMED),
        ({"url_expire": -1}, Reason.MALFORMED),
        ({"url_expire": NOW * 1000, "allow_ip": "10.0.0.1/8"}, Reason.MALFORMED),
        ({"url_expire": NOW * 1000, "real_ip": None}, Reason.MALFORMED),
        ([], Reason.MALFORMED),
        ('{"url_expire":1,"url_expire":4102444800000}', Reason.MALFORMED),
        ("{", Reason.MALFORMED),
    ],
)
def test_policies_that_are_refused(members: object, reason: Reason) -> None:
    assert refused(asked(members)) is reason


def test_the_viewers_address_by_either_name() -> None:
    for name in ("allow_ip", "real_ip"):
        claims = opened(asked({"url_expire": NOW * 1000, name: "192.0.2.0/24"}))
        assert claims.networks == (ip_network("192.0.2.0/24"),)


@pytest.mark.parametrize(
    ("now", "reason"), [(NOW - 1, None), (NOW, Reason.EXPIRED), (NOW - 60, Reason.NOT_YET_VALID), (NOW - 30, None)]
)
def test_milliseconds_at_their_bounds(now: float, reason: Reason | None) -> None:
    request = asked({"url_activate": (NOW - 30) * 1000, "url_expire": NOW * 1000})
    objection = enforce(opened(request), request, Policy(), now)
    assert (objection and objection.reason) is reason


def test_a_stream_ends_before_its_url() -> None:
    request = asked({"url_expire": NOW * 1000, "stream_expire": (NOW - 9) * 1000})
    objection = enforce(opened(request), request, Policy(), NOW - 5)
    assert objection is not None
    assert objection.reason is Reason.SESSION_ENDED


def test_a_signature_without_a_policy() -> None:
    request = Request("GET", "https", "h", "/vod/a", "signature=" + "a" * 27)
    assert refused(request) is Reason.MALFORMED
    assert refused(replace(request, query=request.query + "&policy=a&policy=b")) is Reason.AMBIGUOUS


@pytest.mark.parametrize(
    "claims",
    [
        replace(FULL, expires=None),
        replace(FULL, expires=NOW + 0.0001),
        replace(FULL, expires=float("nan")),
        replace(FULL, networks=(ip_network("192.0.2.1"), ip_network("192.0.2.2"))),
        replace(FULL, scope=PathScope.prefix("/vod")),
        replace(FULL, subject="x"),
    ],
)
def test_what_a_policy_cannot_say(claims: Claims) -> None:
    for url in (Url.parse(TestContract.url), None):
        with pytest.raises(Misuse):
            DIALECT.mint(claims, KEY, url)
