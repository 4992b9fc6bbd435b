"""The `access-control` dialect: the contract, the documented token, and each pair's meaning."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from auth.algorithms import Algorithm
from auth.carriage import Transport
from auth.claims import Claims
from auth.dialects.access_control import CARRIAGE, AccessControl
from auth.encoding import base64url_encode
from auth.enforce import Policy
from auth.errors import Denied, Misuse, Reason
from auth.gate import Gate
from auth.keys import Key, KeyRing
from auth.primitives import Hash, mac
from auth.realm import Accepted, Realm
from auth.request import Request
from auth.scope import PathScope
from auth.secret import Secret
from tests.auth.samples import NOW, found
from tests.contracts.dialect import DialectContract

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "access-control.json").read_text())["vectors"]
KEY = Key("key1", Algorithm.SHARED, Secret(b"0123456789abcdef"))
RING = KeyRing([KEY, Key("other", Algorithm.HS256, Secret(b"x" * 32))])
TOKENS = AccessControl()
FULL = Claims(
    subject="frogs & fish = 42 %",
    token_id="t/1",
    expires=NOW + 60,
    not_before=NOW - 9,
    issued_at=NOW,
    scope=PathScope.prefix("/vod/film"),
)
USUAL = f"sub=frogs&exp={NOW}&kid=key1"


def sealed(pairs: str, using: Hash = Hash.SHA256) -> str:
    text = f"{pairs}&md="
    assert isinstance(KEY.material, Secret)
    return base64url_encode((text + mac(KEY.material, text.encode(), using).hex()).encode())


def denied(text: str) -> Reason:
    with pytest.raises(Denied) as caught:
        TOKENS.verify(found(text), RING)
    return caught.value.reason


class TestContract(DialectContract):
    name = "access-control"
    key = KEY
    other_key = replace(KEY, material=Secret(b"x" * 16))
    verify_only_key = None
    claims = FULL
    transports = (Transport.COOKIE, Transport.QUERY)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["source"])
def test_documented_tokens(vector: Mapping[str, Any]) -> None:
    key = Key(vector["key"]["id"], Algorithm.SHARED, Secret(vector["key"]["secret"].encode()), allow_weak=True)
    claims = TOKENS.verify(found(base64url_encode(vector["text"].encode())), KeyRing([key]))
    for name in ("subject", "expires", "not_before", "issued_at", "token_id"):
        assert getattr(claims, name) == vector[name]
    assert (claims.scope, claims.key_id) == (None, "key1")


@pytest.mark.parametrize(
    ("pairs", "now", "reason"),
    [
        (USUAL, NOW + 0.999, None),
        (USUAL, NOW + 1, Reason.EXPIRED),
        (f"sub=f&exp={NOW + 9}&nbf={NOW}&kid=key1", NOW + 0.999, Reason.NOT_YET_VALID),
        (f"sub=f&exp={NOW + 9}&nbf={NOW}&kid=key1", NOW + 1, None),
        ("sub=f&exp=0&kid=key1", NOW, Reason.EXPIRY_MISSING),
        (f"sub=f&exp={NOW}&scope=/vod/other&kid=key1", NOW, Reason.OUT_OF_SCOPE),
        (f"sub=f&exp={NOW}&scope=vod/film/&kid=key1", NOW, None),
    ],
)
def test_through_the_gate(pairs: str, now: float, reason: Reason | None) -> None:
    gate = Gate(Realm("/vod", (Accepted("access-control", CARRIAGE),), Policy(scope_required=False)))
    request = Request("GET", "https", "h", "/vod/film/a.ts", cookies=(("TokenCookie", sealed(pairs)),))
    if reason is None:
        assert gate.admit(request, RING, now).claims.subject
        return
    with pytest.raises(Denied) as caught:
        gate.admit(request, RING, now)
    assert caught.value.reason is reason


@pytest.mark.parametrize(("st", "using"), [("", Hash.SHA256), ("&st=HMAC-SHA-512", Hash.SHA512)])
def test_hash_functions(st: str, using: Hash) -> None:
    assert TOKENS.verify(found(sealed(USUAL + st, using)), RING).subject == "frogs"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.MALFORMED),
        ("A" * 4097, Reason.TOO_LARGE),
        (sealed(USUAL) + "=", Reason.MALFORMED),
        (base64url_encode("sub=é".encode()), Reason.MALFORMED),
        (base64url_encode(USUAL.encode()), Reason.MALFORMED),
        (base64url_encode(f"md=00&{USUAL}".encode()), Reason.MALFORMED),
        (sealed(USUAL + "&sub=fish"), Reason.MALFORMED),
        (sealed(USUAL + "&aud=x"), Reason.MALFORMED),
        (sealed(USUAL + "&tid=a\nb"), Reason.MALFORMED),
        (sealed(f"exp={NOW}&kid=key1"), Reason.MALFORMED),
        (sealed("sub=f&kid=key1"), Reason.MALFORMED),
        (sealed(f"sub=f&exp={NOW}"), Reason.MALFORMED),
        (sealed(f"sub=f&exp={NOW}&kid=key2"), Reason.UNKNOWN_KEY),
        (sealed(f"sub=f&exp={NOW}&kid=a b"), Reason.UNKNOWN_KEY),
        (sealed(f"sub=f&exp={NOW}&kid=other"), Reason.WRONG_ALGORITHM),
        (sealed(USUAL + "&st=RSA-PSS"), Reason.UNSUPPORTED),
        (sealed(USUAL + "&st=HMAC-SHA-512"), Reason.BAD_SIGNATURE),
        (sealed(USUAL + "&ver=2"), Reason.UNSUPPORTED),
        (sealed("sub=f&exp=x&kid=key1"), Reason.MALFORMED),
        (sealed("sub=f&exp=-1&kid=key1"), Reason.MALFORMED),
        (sealed("sub=f&exp=1e9&kid=key1"), Reason.MALFORMED),
        (sealed(USUAL + "&nbf=0"), Reason.MALFORMED),
        (sealed(USUAL + "&iat="), Reason.MALFORMED),
        (sealed(USUAL + "&tid=%f"), Reason.MALFORMED),
        (sealed(USUAL + "&tid=%ff"), Reason.MALFORMED),
        (sealed(USUAL + "&scope=/a/../b"), Reason.MALFORMED),
    ],
)
def test_what_is_refused(text: str, reason: Reason) -> None:
    assert denied(text) is reason


def test_no_end_is_no_end() -> None:
    claims = replace(FULL, expires=None)
    assert TOKENS.verify(found(TOKENS.mint(claims, KEY).reveal()), RING).expires is None


@pytest.mark.parametrize(
    "claims",
    [
        replace(FULL, subject=None),
        replace(FULL, subject=""),
        replace(FULL, expires=NOW + 0.5),
        replace(FULL, expires=1),
        replace(FULL, issued_at=0),
        replace(FULL, expires=float("inf")),
        replace(FULL, scope=PathScope.exact("/vod/a")),
        replace(FULL, scope=PathScope.prefix("/a", "/b")),
        replace(FULL, scope=PathScope.prefix("/a/")),
        replace(FULL, issuer="x"),
        replace(FULL, networks=(ip_network("192.0.2.0/24"),)),
        replace(FULL, one_time=True),
    ],
)
def test_what_cannot_be_said_is_not_minted(claims: Claims) -> None:
    with pytest.raises(Misuse):
        TOKENS.mint(claims, KEY)


def test_only_shared_secrets_mint() -> None:
    with pytest.raises(Misuse):
        TOKENS.mint(FULL, RING.keys[1])
