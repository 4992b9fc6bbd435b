"""The `edgio` dialect: the contract, vectors, and each rule."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from ipaddress import ip_network
from pathlib import Path
from typing import ClassVar

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from auth.algorithms import Algorithm
from auth.carriage import Carriage, Found, Transport
from auth.claims import Claims
from auth.dialects.edgio import Edgio
from auth.encoding import base64url_encode
from auth.enforce import Policy, enforce
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.rules.condition import Condition
from auth.rules.countries import Countries
from auth.rules.referrers import Referrers
from auth.rules.schemes import Schemes
from auth.scope import PathScope
from auth.secret import Secret, Token
from tests.auth.samples import NOW, SECRET, get
from tests.contracts.dialect import DialectContract

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "edgio.json").read_text())
KEY = Key("k1", Algorithm.SHARED, Secret(SECRET))
RING = KeyRing([KEY])
CARRIAGE = Carriage("token", frozenset({Transport.QUERY}))
DIALECT = Edgio()
FULL = Claims(
    scope=PathScope.glob("/vod/film/**", "/vod/b**"),
    expires=NOW + 60,
    networks=(ip_network("192.0.2.7"), ip_network("2001:db8::/32")),
    conditions=(
        Countries(("CA", "US"), ("RU",)),
        Referrers(("a.example", ""), ("*.b.example/x",)),
        Schemes(("https",)),
    ),
)


class TestContract(DialectContract):
    name = "edgio"
    key = KEY
    other_key = Key("k1", Algorithm.SHARED, Secret(b"x" * 32))
    verify_only_key = replace(KEY, verify_only=True)
    claims = FULL
    transports: ClassVar[tuple[Transport, ...]] = (Transport.QUERY,)


def sealed(rules: bytes) -> str:
    nonce = b"0" * 12
    return base64url_encode(nonce + AESGCM(sha256(SECRET).digest()).encrypt(nonce, rules, None))


def opened(text: str, ring: KeyRing = RING) -> Claims:
    return DIALECT.verify(Found(Token(text), Transport.QUERY, "/vod/a", ""), ring)


def refused(text: str, ring: KeyRing = RING) -> Reason:
    with pytest.raises(Denied) as caught:
        opened(text, ring)
    return caught.value.reason


def test_the_vectors() -> None:
    ring = KeyRing([Key("k", Algorithm.SHARED, Secret(VECTORS["secret"].encode()), allow_weak=True)])
    assert refused(VECTORS["published"], ring) is Reason.MALFORMED  # it opens, and holds no rules
    assert refused(VECTORS["published"]) is Reason.BAD_SIGNATURE
    assert opened(VECTORS["rules"], ring) == Claims(
        scope=PathScope.glob("/vod/a/**"),
        expires=4102444800,
        networks=(ip_network("192.0.2.7"),),
        key_id="k",
        dialect="edgio",
    )


@pytest.mark.parametrize(
    ("rule", "condition"),
    [
        ("ec_country_allow=US,CA", Countries(("US", "CA"))),
        ("ec_country_deny=US", Countries((), ("US",))),
        ("ec_ref_allow=a.example,MISSING", Referrers(("a.example", ""))),
        ("ec_ref_allow=a.example,", Referrers(("a.example", ""))),
        ("ec_ref_deny=*.a.example", Referrers((), ("*.a.example",))),
        ("ec_proto_allow=https", Schemes(("https",))),
        ("ec_proto_deny=http", Schemes(("https",))),
    ],
)
def test_conditions(rule: str, condition: Condition) -> None:
    assert opened(sealed(rule.encode())).conditions == (condition,)


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (b"", Reason.MALFORMED),
        (b"ec_expire", Reason.MALFORMED),
        (b"ec_expire=x", Reason.MALFORMED),
        (b"ec_expire=1800000000&ec_expire=1900000000", Reason.MALFORMED),
        (b"ec_clientip=192.0.2.1/8", Reason.MALFORMED),
        (b"ec_clientip=", Reason.MALFORMED),
        (b"ec_url_allow=vod", Reason.MALFORMED),
        (b"ec_url_allow=/vod/../a", Reason.MALFORMED),
        (b"ec_url_allow=/vod/*/a", Reason.UNSUPPORTED),
        (b"ec_country_allow=us", Reason.MALFORMED),
        (b"ec_proto_allow=ftp", Reason.MALFORMED),
        (b"ec_host_allow=a.example", Reason.UNSUPPORTED),
        (b"ec_anything=1", Reason.UNSUPPORTED),
        (b"ec_expire=1800000000&\xff=1", Reason.MALFORMED),
    ],
)
def test_rules_that_are_refused(rules: bytes, reason: Reason) -> None:
    assert refused(sealed(rules)) is reason


@pytest.mark.parametrize(("path", "is_open"), [("/vod/a/x", True), ("/vod/ab", True), ("/vod/b", False)])
def test_paths_compare_as_text(path: str, is_open: bool) -> None:
    claims = opened(sealed(f"ec_expire={NOW + 1}&ec_url_allow=/vod/a".encode()))
    assert (enforce(claims, get(path), Policy(), NOW) is None) is is_open


@pytest.mark.parametrize(("now", "is_open"), [(NOW + 0.9, True), (NOW + 1, False)])
def test_at_its_end_it_is_over(now: float, is_open: bool) -> None:
    claims = opened(sealed(f"ec_expire={NOW + 1}&ec_url_allow=/vod".encode()))
    assert (enforce(claims, get(), Policy(), now) is None) is is_open


def test_it_is_found_among_other_parameters() -> None:
    text = sealed(b"ec_expire=1800000000")
    found = DIALECT.locate(get(query=f"a=1&{text}&b"), CARRIAGE, "/vod")
    assert found is not None
    assert (found.token, found.query) == (Token(text), "a=1&b")
    with pytest.raises(Denied) as caught:
        DIALECT.locate(get(query=f"{text}&{text}"), CARRIAGE, "/vod")
    assert caught.value.reason is Reason.AMBIGUOUS


@pytest.mark.parametrize(
    "claims",
    [
        replace(FULL, scope=PathScope.prefix("/vod")),
        replace(FULL, scope=PathScope.glob("/vod/*/a**")),
        replace(FULL, scope=PathScope.glob("/vod/a")),
        replace(FULL, expires=NOW + 0.5),
        replace(FULL, networks=()),
        replace(FULL, subject="x"),
        replace(FULL, conditions=(Referrers(("a&ec_expire=1",)),)),
        replace(FULL, conditions=(Referrers(("\N{SNOWMAN}",)),)),
        replace(FULL, conditions=(Schemes(()),)),
    ],
)
def test_what_a_token_cannot_say(claims: Claims) -> None:
    with pytest.raises(Misuse):
        DIALECT.mint(claims, KEY)
