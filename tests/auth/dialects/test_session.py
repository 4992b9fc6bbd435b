"""The `session` dialect: the contract, what it says, and how little of it a forger can use."""

from __future__ import annotations

import hmac
import struct
from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.algorithms import Algorithm
from auth.carriage import Carriage, Transport
from auth.claims import Claims
from auth.dialects.session import MARK, MAX_CHARS, Session
from auth.encoding import base64url_decode, base64url_encode
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.rules.url import ExactUrl, UrlPrefixes
from auth.scope import PathRule, PathScope, Rule
from auth.secret import Secret
from tests.auth.samples import HMAC_KEY, NOW, RING, SECRET, found, get, key_of, token
from tests.contracts.dialect import DialectContract

SESSION = Session()
PLAIN = Claims(
    issued_at=NOW,
    expires=NOW + 600,
    session_ends=NOW + 14_400,
    session_id="0123456789abcdef",
    scope=PathScope.prefix("/vod/film"),
)
FULL = replace(
    PLAIN,
    issuer="https://issuer.example",
    subject="viewer\u00e9",
    audience=("edge", "other"),
    token_id="t-1",
    scope=PathScope(
        (
            PathRule(Rule.EXACT, "/vod/k.key"),
            PathRule(Rule.PREFIX, "/vod/film"),
            PathRule(Rule.GLOB, "/vod/*/x.m3u8"),
        )
    ),
    urls=UrlPrefixes(("https://cdn.example/vod/film/",)),
    methods=frozenset({"GET", "PUT"}),
    networks=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")),
    asns=frozenset({64496, 64511}),
    extra=(("issued_for", "jwt"),),
)


def said(text: str, ring: KeyRing = RING) -> Claims:
    return SESSION.verify(found(text), ring)


def reason(text: str, ring: KeyRing = RING) -> Reason:
    with pytest.raises(Denied) as denied:
        said(text, ring)
    return denied.value.reason


def authentic(payload: bytes, key: Key = HMAC_KEY) -> str:
    """A token around any payload, made by the words of the module and not by its code."""
    signed = base64url_decode(MARK) + bytes([len(key.id)]) + key.id.encode() + payload
    own = hmac.digest(SECRET, b"headgate session token, version 1", "sha256")
    return base64url_encode(signed + hmac.digest(own, signed, "sha256")[:16])


TIMES = struct.pack(">III", NOW, NOW + 600, NOW + 14_400)


class TestContract(DialectContract):
    name = "session"
    key = HMAC_KEY
    other_key = Key("k1", Algorithm.HS256, Secret(b"x" * 32))
    verify_only_key = replace(HMAC_KEY, verify_only=True)
    claims = FULL


class TestContractOfThePlain(TestContract):
    key = replace(key_of(Algorithm.HS512), id="k1")
    other_key = HMAC_KEY
    verify_only_key = replace(key, verify_only=True)
    claims = PLAIN


def test_the_layout_is_as_written_down() -> None:
    text = authentic(TIMES + b"0123456789abcdef\n\n\n\n\n\n//vod/film")
    assert text == SESSION.mint(PLAIN, HMAC_KEY).reveal()
    assert said(text) == replace(PLAIN, key_id="k1", dialect="session")
    assert len(text) < 100


def test_it_says_for_whom_it_was_issued() -> None:
    claims = said(SESSION.mint(FULL, HMAC_KEY).reveal())
    assert (claims.extra, claims.token_id) == ((("issued_for", "jwt"),), "t-1")


def test_an_exact_url() -> None:
    claims = replace(PLAIN, scope=None, urls=ExactUrl("https://cdn.example/vod/film/a.ts"))
    assert said(SESSION.mint(claims, HMAC_KEY).reveal()).urls == claims.urls


def test_tokens_of_other_dialects_are_not_its_own() -> None:
    request = get(query=f"token={token()}")
    assert SESSION.locate(request, Carriage(), "/vod") is None
    own = SESSION.mint(PLAIN, HMAC_KEY)
    located = SESSION.locate(get(query=f"token={own.reveal()}"), Carriage(), "/vod")
    assert located is not None
    assert (located.token, located.transport) == (own, Transport.QUERY)


def test_the_keys_own_mac_is_not_a_sessions() -> None:
    """Whoever makes the ring's key sign any octets (as a JWT's issuer does) has not made a session token."""
    data = base64url_decode(SESSION.mint(PLAIN, HMAC_KEY).reveal())[:-16]
    assert reason(base64url_encode(data + hmac.digest(SECRET, data, "sha256")[:16])) is Reason.BAD_SIGNATURE


def test_a_secret_of_another_format_serves_too() -> None:
    key = replace(HMAC_KEY, algorithm=Algorithm.SHARED)
    assert SESSION.verify(found(SESSION.mint(PLAIN, key).reveal()), KeyRing([key])).session_id == PLAIN.session_id


@pytest.mark.parametrize("algorithm", [Algorithm.ES256, Algorithm.A256GCM])
def test_keys_of_other_kinds(algorithm: Algorithm) -> None:
    key = key_of(algorithm)
    with pytest.raises(Misuse, match="HS256"):
        SESSION.mint(PLAIN, key)
    text = SESSION.mint(PLAIN, replace(HMAC_KEY, id=key.id)).reveal()
    assert reason(text, KeyRing([key])) is Reason.WRONG_ALGORITHM


@pytest.mark.parametrize(
    "lines",
    [
        *("", "s", "s\n\n\n\n", "\n\n\n\n\n", "s\n\n\n\n\n\n", "s\n\n\n\n\n\n//vod\n", "s\n\n\n\n\n\n?/vod"),
        *("s\n\n\n\n\n\n/vod", "s\n\n\n\n\n\n//vod/../x", "s\n\r\n\n\n\n", "s\t\n\n\n\n\n", "x" * 513 + "\n\n\n\n\n"),
        *("s\n\n\n\n\n[]", "s\n\n\n\n\n{", 's\n\n\n\n\n{"aud":[]}', 's\n\n\n\n\n{"methods":["get"]}'),
        *('s\n\n\n\n\n{"networks":["10.0.0.1/8"]}', 's\n\n\n\n\n{"asns":[-1]}', 's\n\n\n\n\n{"asns":[true]}'),
        *('s\n\n\n\n\n{"url":"x"}', 's\n\n\n\n\n{"url":["url"]}', 's\n\n\n\n\n{"url":["url",1]}'),
    ],
)
def test_authentic_nonsense_is_denied(lines: str) -> None:
    assert reason(authentic(TIMES + lines.encode())) is Reason.MALFORMED


@pytest.mark.parametrize("more", ['{"url":["of-tomorrow",1]}', '{"if":[["of-tomorrow",1]]}', '{"of-tomorrow":1}'])
def test_a_rule_that_is_not_known_is_not_dropped(more: str) -> None:
    assert reason(authentic(TIMES + f"s\n\n\n\n\n{more}".encode())) is Reason.UNSUPPORTED


@given(st.binary(max_size=80))
def test_any_authentic_payload_is_claims_or_denied(payload: bytes) -> None:
    try:
        claims = said(authentic(payload))
    except Denied:
        return
    assert claims.dialect == "session"


def test_a_long_one_is_not_read() -> None:
    assert reason(MARK + "A" * MAX_CHARS) is Reason.TOO_LARGE


@pytest.mark.parametrize(
    "claims",
    [
        replace(PLAIN, expires=None),
        replace(PLAIN, expires=NOW + 0.5),
        replace(PLAIN, session_ends=2.0**32),
        replace(PLAIN, session_ends=None),
        replace(PLAIN, issued_at=-1),
        replace(PLAIN, session_id=None),
        replace(PLAIN, session_id="a\nb"),
        replace(PLAIN, subject="a\nb"),
        replace(PLAIN, not_before=NOW),
        replace(PLAIN, one_time=True),
        replace(PLAIN, methods=frozenset()),
        replace(PLAIN, networks=()),
        replace(PLAIN, asns=frozenset()),
        replace(PLAIN, extra=(("tier", "gold"),)),
        replace(PLAIN, urls=UrlPrefixes(("https://cdn.example/" + "x" * 9000,))),
    ],
)
def test_what_it_cannot_say_is_not_minted(claims: Claims) -> None:
    with pytest.raises(Misuse):
        SESSION.mint(claims, HMAC_KEY)


def test_a_description() -> None:
    words = dict(SESSION.describe(found(SESSION.mint(FULL, HMAC_KEY).reveal())))
    assert (words["session"], words["issued_for"], words["prefix"]) == ("0123456789abcdef", "jwt", "/vod/film")
    assert "subject" not in words
