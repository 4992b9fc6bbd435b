from __future__ import annotations

import msgspec
import pytest

from auth import Algorithm, KeyRing, public_jwks
from origin.edge.pages import Page, answer_page, fixed, keys_page, time_page
from origin.http.reply import Bytes, Reply
from origin.keystore.generate import new_key
from tests.edge_parts import inbound

NOW = 1_800_000_000.25
PLAYER = fixed(Page("text/html", b"<p>", (("Content-Security-Policy", "default-src 'none'"),)))
ORIGIN = ("Origin", "https://elsewhere.example")


def body(reply: Reply) -> bytes:
    assert isinstance(reply.body, Bytes)
    return reply.body.data


def test_time_is_exact_open_to_all_and_never_kept() -> None:
    reply = answer_page(time_page, inbound("/time", ORIGIN), NOW)
    assert body(reply) == b"2027-01-15T08:00:00.250Z"
    fields = dict(reply.headers)
    assert (fields["Cache-Control"], fields["Access-Control-Allow-Origin"]) == ("no-store", "*")
    assert "Date" in fields["Access-Control-Expose-Headers"]


def test_of_the_keys_only_public_halves_are_shown() -> None:
    ring = KeyRing(
        [new_key(Algorithm.HS256, "secret"), new_key(Algorithm.EDDSA, "pair"), new_key(Algorithm.ES256, "ec")]
    )
    reply = answer_page(keys_page(lambda: msgspec.json.encode(public_jwks(ring))), inbound("/k"), NOW)
    keys = msgspec.json.decode(body(reply))["keys"]
    assert {key["kid"] for key in keys} == {"pair", "ec"}
    assert not {"d", "k"} & {name for key in keys for name in key}
    assert dict(reply.headers)["Cache-Control"] == "public, max-age=300"


def test_a_page_is_for_its_own_origin() -> None:
    reply = answer_page(PLAYER, inbound("/player", ORIGIN), NOW)
    assert body(reply) == b"<p>"
    fields = dict(reply.headers)
    assert "Access-Control-Allow-Origin" not in fields
    assert fields["Content-Security-Policy"] == "default-src 'none'"


@pytest.mark.parametrize(("make", "is_open"), [(time_page, True), (PLAYER, False)])
def test_preflight(make: object, is_open: bool) -> None:
    reply = answer_page(make, inbound("/x", ORIGIN, method="OPTIONS"), NOW)  # type: ignore[arg-type]
    assert reply.status == 204
    assert ("Access-Control-Allow-Origin" in dict(reply.headers)) == is_open


def test_pages_have_tags() -> None:
    tag = dict(answer_page(PLAYER, inbound("/player"), NOW).headers)["ETag"]
    assert answer_page(PLAYER, inbound("/player", ("If-None-Match", tag)), NOW).status == 304
