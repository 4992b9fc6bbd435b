"""The `mux` dialect: the contract, a token of Mux's library, and each claim's meaning."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from auth.algorithms import Algorithm
from auth.carriage import Found, Transport
from auth.claims import Claims
from auth.dialects.mux import CARRIAGE, Mux, MuxOptions
from auth.enforce import Policy, enforce
from auth.errors import Denied, Misuse, Reason
from auth.jwk import key_from_jwk
from auth.keys import KeyRing
from auth.options import read_options
from auth.request import Request
from auth.scope import PathRule, PathScope, Rule
from auth.secret import Token
from origin.keystore.generate import new_key
from tests.auth.samples import HMAC_KEY, NOW, key_of, raw_token
from tests.auth.samples import token as jwt
from tests.contracts.dialect import DialectContract

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "mux.json").read_text())
VECTOR_RING = KeyRing(key_from_jwk(jwk) for jwk in VECTORS["keys"])
MUX = Mux(MuxOptions())
KEY = key_of(Algorithm.RS256)
RING = KeyRing([KEY])
HEADER: dict[str, object] = {"alg": "RS256", "typ": "JWT"}
PAYLOAD: dict[str, object] = {"kid": KEY.id, "sub": "film", "aud": "v", "exp": NOW + 60}


def token(payload: dict[str, object]) -> str:
    """As Mux's library makes it: no key id in the header."""
    return raw_token(json.dumps(HEADER).encode(), json.dumps(payload).encode(), KEY)


def admit(text: str, path: str = "/vod/film.m3u8", ring: KeyRing = RING, now: float = NOW, mux: Mux = MUX) -> Claims:
    """The claims of a token on a request, as far as the judge; Denied otherwise."""
    asked = Request("GET", "https", "h", path, f"token={text}")
    found = mux.locate(asked, CARRIAGE, "/vod")
    assert found is not None
    claims = mux.verify(found, ring)
    objection = enforce(claims, asked.at(found.path, found.query), Policy(), now)
    if objection is not None:
        raise objection
    return claims


def refusal(text: str, path: str = "/vod/film.m3u8", ring: KeyRing = RING) -> Reason:
    with pytest.raises(Denied) as denied:
        admit(text, path, ring)
    return denied.value.reason


class TestContract(DialectContract):
    name = "mux"
    key = KEY
    other_key = new_key(Algorithm.RS256, KEY.id)
    verify_only_key = replace(KEY, verify_only=True)
    transports = (Transport.QUERY,)
    claims = Claims(
        subject="film",
        expires=NOW + 60,
        not_before=NOW - 60,
        issued_at=NOW,
        scope=PathScope((PathRule(Rule.PREFIX, "/vod/film"), PathRule(Rule.GLOB, "/vod/film.*"))),
    )


class TestContractForThumbnails(TestContract):
    options = MuxOptions(("t", "g"))


@pytest.mark.parametrize("vector", VECTORS["tokens"], ids=lambda vector: vector["source"])
def test_other_programs_tokens(vector: dict[str, Any]) -> None:
    path = f"/vod/{vector['subject']}.m3u8"
    claims = admit(vector["token"], path, VECTOR_RING, vector["expires"] - 1)
    assert (claims.subject, claims.expires) == (vector["subject"], vector["expires"])
    with pytest.raises(Denied) as denied:
        admit(vector["token"], path, VECTOR_RING, vector["expires"])
    assert denied.value.reason is Reason.EXPIRED


@pytest.mark.parametrize("path", ["/vod/film.m3u8", "/vod/film/high.mp4", "/vod/film/a/b.ts", "/vod/film"])
def test_what_a_playback_id_opens(path: str) -> None:
    assert admit(token(PAYLOAD), path).subject == "film"


@pytest.mark.parametrize(
    "path", ["/vod/films.m3u8", "/vod/a/film.m3u8", "/vod/film.x/y", "/vod/film/../a", "/film.m3u8"]
)
def test_what_it_does_not_open(path: str) -> None:
    assert refusal(token(PAYLOAD), path) is Reason.OUT_OF_SCOPE


def test_kinds_of_media() -> None:
    thumbnails = Mux(MuxOptions(("t", "s")))
    for kind in ("t", "s"):
        assert admit(token(PAYLOAD | {"aud": kind}), mux=thumbnails).audience == ()
        assert refusal(token(PAYLOAD | {"aud": kind})) is Reason.WRONG_AUDIENCE
    with pytest.raises(Denied):
        admit(token(PAYLOAD), mux=thumbnails)


@pytest.mark.parametrize(
    ("altered", "reason"),
    [
        ({"kid": None}, Reason.MALFORMED),
        ({"kid": "another"}, Reason.UNKNOWN_KEY),
        ({"sub": None}, Reason.MALFORMED),
        ({"sub": ""}, Reason.MALFORMED),
        ({"sub": "a/b"}, Reason.MALFORMED),
        ({"sub": "*"}, Reason.MALFORMED),
        ({"sub": "a.b"}, Reason.MALFORMED),
        ({"aud": ["v"]}, Reason.MALFORMED),
        ({"aud": None}, Reason.MALFORMED),
        ({"exp": "1"}, Reason.MALFORMED),
        ({"playback_restriction_id": "x"}, Reason.UNSUPPORTED),
        ({"exp": NOW}, Reason.EXPIRED),
        ({"nbf": NOW + 1}, Reason.NOT_YET_VALID),
    ],
)
def test_a_payload_that_is_refused(altered: dict[str, object], reason: Reason) -> None:
    assert refusal(token(PAYLOAD | altered)) is reason


def test_the_envelope() -> None:
    assert admit(jwt(PAYLOAD, key=KEY)).key_id == KEY.id
    assert refusal(jwt(PAYLOAD | {"kid": "another"}, key=KEY)) is Reason.MALFORMED
    assert refusal(token({name: value for name, value in PAYLOAD.items() if name != "kid"})) is Reason.MALFORMED
    assert refusal(jwt(PAYLOAD, header={"typ": "at+jwt"}, key=KEY)) is Reason.UNSUPPORTED
    assert refusal(raw_token(json.dumps(HEADER).encode(), b"[]", KEY)) is Reason.MALFORMED
    wrong = jwt(PAYLOAD | {"kid": HMAC_KEY.id}, key=HMAC_KEY)
    assert refusal(wrong, ring=KeyRing([HMAC_KEY])) is Reason.WRONG_ALGORITHM
    with pytest.raises(Denied):
        MUX.verify(Found(Token(token(PAYLOAD)), Transport.QUERY, "/", ""), RING)


@pytest.mark.parametrize(
    "claims",
    [
        Claims(expires=NOW),
        Claims(expires=NOW, subject="a/b"),
        Claims(expires=-1, subject="film"),
        Claims(expires=NOW, subject="film", scope=PathScope.prefix("/vod/film")),
        Claims(expires=NOW, subject="film", audience=("v",)),
    ],
)
def test_what_a_token_cannot_say_is_not_minted(claims: Claims) -> None:
    with pytest.raises(Misuse):
        MUX.mint(claims, KEY)
    with pytest.raises(Misuse):
        MUX.mint(claims, HMAC_KEY)


def test_a_minted_token_names_its_key_in_the_payload() -> None:
    found = Found(MUX.mint(Claims(expires=NOW, subject="film"), KEY), Transport.QUERY, "/", "")
    assert dict(MUX.describe(found)) == {"alg": "RS256", "kid": KEY.id, "sub": "film", "aud": "v", "exp": str(NOW)}


@pytest.mark.parametrize("kinds", [[], ["v", ""], ["a b"], "v", [1]])
def test_kinds_that_are_refused(kinds: object) -> None:
    with pytest.raises(Misuse):
        read_options(MuxOptions, {"kinds": kinds})
