"""The `cloudflare-stream` dialect: the contract, a sample, and each claim's meaning."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from auth.algorithms import Algorithm
from auth.carriage import Found, Transport
from auth.claims import Claims
from auth.dialects.cloudflare_stream import CARRIAGE, CloudflareStream
from auth.enforce import Policy, enforce
from auth.errors import Denied, Misuse, Reason
from auth.jwk import key_from_jwk
from auth.keys import KeyRing
from auth.request import Place, Request
from auth.rules.access import AccessRule, AccessRules, NotBelow
from auth.scope import PathScope
from auth.secret import Token
from origin.keystore.generate import new_key
from tests.auth.samples import HMAC_KEY, NOW, key_of, raw_token
from tests.auth.samples import token as jwt
from tests.contracts.dialect import DialectContract

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "cloudflare-stream.json").read_text())
VECTOR_RING = KeyRing(key_from_jwk(jwk) for jwk in VECTORS["keys"])
STREAM = CloudflareStream()
KEY = key_of(Algorithm.RS256)
RING = KeyRing([KEY])
VIEWER = Request("GET", "https", "h", "/", client=ip_address("192.0.2.7"), place=Place("GB"))
PAYLOAD: dict[str, object] = {"sub": "film", "kid": KEY.id, "exp": NOW + 60}


def admit(token: str, rest: str = "manifest/video.m3u8", viewer: Request = VIEWER, ring: KeyRing = RING) -> Claims:
    """The claims of a token on a request, as far as the judge; Denied otherwise."""
    found = STREAM.locate(viewer.at(f"/vod/{token}/{rest}", ""), CARRIAGE, "/vod")
    if found is None:
        raise Denied(Reason.ABSENT)
    claims = STREAM.verify(found, ring)
    objection = enforce(claims, viewer.at(found.path, found.query), Policy(), NOW)
    if objection is not None:
        raise objection
    assert found.path == f"/vod/{claims.subject}/{rest}"
    return claims


def refusal(token: str, rest: str = "manifest/video.m3u8", viewer: Request = VIEWER, ring: KeyRing = RING) -> Reason:
    with pytest.raises(Denied) as denied:
        admit(token, rest, viewer, ring)
    return denied.value.reason


class TestContract(DialectContract):
    name = "cloudflare-stream"
    key = KEY
    other_key = new_key(Algorithm.RS256, KEY.id)
    verify_only_key = replace(KEY, verify_only=True)
    transports = (Transport.PATH,)
    claims = Claims(
        subject="film",
        expires=NOW + 60,
        not_before=NOW - 60,
        issued_at=NOW,
        scope=PathScope.prefix("/vod/film/"),
        conditions=(
            NotBelow("/vod/film/downloads/"),
            AccessRules(
                (
                    AccessRule(True, frozenset({"GB", "IE"})),
                    AccessRule(False, networks=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))),
                    AccessRule(False),
                )
            ),
        ),
    )


class TestContractWithDownloads(TestContract):
    claims = replace(TestContract.claims, conditions=())


@pytest.mark.parametrize("vector", VECTORS["tokens"], ids=lambda vector: vector["source"])
def test_samples(vector: dict[str, Any]) -> None:
    claims = admit(vector["token"], ring=VECTOR_RING)
    assert (claims.subject, claims.expires) == (vector["subject"], vector["expires"])
    abroad = replace(VIEWER, place=Place("FR"))
    assert refusal(vector["token"], viewer=abroad, ring=VECTOR_RING) is Reason.WRONG_PLACE
    assert refusal(vector["token"], viewer=replace(VIEWER, place=Place()), ring=VECTOR_RING) is Reason.WRONG_PLACE


def test_downloads_are_for_tokens_that_say_so() -> None:
    assert refusal(jwt(PAYLOAD, key=KEY), "downloads/default.mp4") is Reason.OUT_OF_SCOPE
    assert refusal(jwt(PAYLOAD | {"downloadable": False}, key=KEY), "%64ownloads/a.mp4") is Reason.OUT_OF_SCOPE
    assert admit(jwt(PAYLOAD | {"downloadable": True}, key=KEY), "downloads/default.mp4").conditions == ()


@pytest.mark.parametrize("rest", ["../other/a", "%2e%2e/other/a", "a//b"])
def test_no_way_to_another_video(rest: str) -> None:
    assert refusal(jwt(PAYLOAD, key=KEY), rest) is Reason.OUT_OF_SCOPE


@pytest.mark.parametrize(
    ("altered", "reason"),
    [
        ({"sub": None}, Reason.MALFORMED),
        ({"sub": "a/b"}, Reason.MALFORMED),
        ({"sub": ".."}, Reason.MALFORMED),
        ({"sub": ""}, Reason.MALFORMED),
        ({"kid": "another"}, Reason.MALFORMED),
        ({"kid": 1}, Reason.MALFORMED),
        ({"exp": str(NOW + 60)}, Reason.MALFORMED),
        ({"nbf": "1"}, Reason.MALFORMED),
        ({"exp": NOW}, Reason.EXPIRED),
        ({"nbf": NOW + 1}, Reason.NOT_YET_VALID),
        ({"downloadable": "yes"}, Reason.MALFORMED),
        ({"aud": "x"}, Reason.UNSUPPORTED),
        ({"accessRules": {}}, Reason.MALFORMED),
        ({"accessRules": [1]}, Reason.MALFORMED),
        ({"accessRules": [{"type": "any", "action": "allow"}] * 6}, Reason.MALFORMED),
        ({"accessRules": [{"type": "any", "action": "log"}]}, Reason.UNSUPPORTED),
        ({"accessRules": [{"type": "any", "action": []}]}, Reason.UNSUPPORTED),
        ({"accessRules": [{"type": "ip.asn", "action": "allow"}]}, Reason.UNSUPPORTED),
        ({"accessRules": [{"type": "any", "action": "allow", "country": ["GB"]}]}, Reason.UNSUPPORTED),
        ({"accessRules": [{"type": "ip.geoip.country", "country": ["gb"], "action": "allow"}]}, Reason.MALFORMED),
        ({"accessRules": [{"type": "ip.geoip.country", "country": [], "action": "allow"}]}, Reason.MALFORMED),
        ({"accessRules": [{"type": "ip.src", "ip": ["192.0.2.1/24"], "action": "allow"}]}, Reason.MALFORMED),
        ({"accessRules": [{"type": "any", "action": "block"}]}, Reason.WRONG_PLACE),
    ],
)
def test_a_payload_that_is_refused(altered: dict[str, object], reason: Reason) -> None:
    assert refusal(jwt(PAYLOAD | altered, key=KEY)) is reason


def test_the_envelope() -> None:
    payload = {name: value for name, value in PAYLOAD.items() if name != "kid"}
    assert admit(jwt(payload, key=KEY)).key_id == KEY.id
    header = b'{"alg":"RS256"}'
    assert admit(raw_token(header, json.dumps(PAYLOAD).encode(), KEY)).key_id == KEY.id
    assert refusal(raw_token(header, json.dumps(payload).encode(), KEY)) is Reason.MALFORMED
    assert refusal(raw_token(header, b'{"a":1,"a":2}', KEY)) is Reason.MALFORMED
    assert refusal(jwt(PAYLOAD, header={"typ": "at+jwt"}, key=KEY)) is Reason.UNSUPPORTED
    wrong = jwt(PAYLOAD | {"kid": HMAC_KEY.id}, key=HMAC_KEY)
    assert refusal(wrong, ring=KeyRing([HMAC_KEY])) is Reason.WRONG_ALGORITHM
    with pytest.raises(Denied):
        STREAM.verify(Found(Token(jwt(PAYLOAD, key=KEY)), Transport.PATH, "/", ""), RING)


def test_empty_rules_are_none() -> None:
    assert admit(jwt(PAYLOAD | {"accessRules": []}, key=KEY)).conditions == (NotBelow("/vod/film/downloads/"),)


@pytest.mark.parametrize(
    "claims",
    [
        Claims(expires=NOW),
        Claims(expires=NOW, subject="a/b"),
        Claims(expires=NOW, subject="film", scope=PathScope.prefix("/vod/other/")),
        Claims(expires=NOW, subject="film", scope=PathScope.exact("/vod/film/")),
        Claims(expires=NOW, subject="film", issuer="x"),
        Claims(expires=NOW, subject="film", conditions=(NotBelow("/vod/"),)),
        Claims(expires=NOW, subject="film", conditions=(AccessRules((AccessRule(True),) * 6),)),
        Claims(expires=-1, subject="film"),
    ],
)
def test_what_a_token_cannot_say_is_not_minted(claims: Claims) -> None:
    with pytest.raises(Misuse):
        STREAM.mint(claims, KEY)


def test_it_stands_in_the_place_of_the_id() -> None:
    token = STREAM.mint(Claims(expires=NOW, subject="film"), KEY)
    signed = STREAM.issue("https://h/vod/film/a?b=://c#d", token, CARRIAGE, "/vod", Transport.PATH)
    assert signed.url == f"https://h/vod/{token.reveal()}/a?b=://c#d"
    assert STREAM.issue(signed.url, token, CARRIAGE, "/vod", Transport.PATH) == signed
    for url, transport in (
        ("/vod/film/a", Transport.QUERY),
        ("/vod/other/a", Transport.PATH),
        ("/other/film/a", Transport.PATH),
        ("vod/film/a", Transport.PATH),
    ):
        with pytest.raises(Misuse):
            STREAM.issue(url, token, CARRIAGE, "/vod", transport)
    with pytest.raises(Misuse):
        STREAM.mint(Claims(expires=NOW, subject="film"), HMAC_KEY)
