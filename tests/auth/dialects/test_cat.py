"""The `cat` dialect: the contract, other implementations' tokens, every claim, and what others let through."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import ClassVar

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.algorithms import Algorithm
from auth.carriage import Found, Signed, Transport
from auth.claims import Claims
from auth.dialects.cat import CARRIAGE, Cat, CatOptions
from auth.encoding import base64url_encode
from auth.enforce import Policy, enforce
from auth.errors import Denied, Misuse, Reason
from auth.jwk import key_from_jwk
from auth.keys import Key, KeyRing
from auth.options import Options
from auth.renewal import Renewal, RenewalTransport
from auth.request import Pairs, Place, Request, Tls
from auth.rules.header_matches import HeaderMatches
from auth.rules.places import Regions
from auth.rules.text_matches import MatchType, TextMatch
from auth.rules.tls_traits import Protocols
from auth.rules.uri_components import Component, UriComponents
from auth.rules.url import UrlPrefixes
from auth.scope import PathRule, PathScope, Rule
from auth.secret import Secret, Token
from origin.keystore.generate import new_key
from tests.auth.samples import HMAC_KEY, NOW, RING, SECRET, found, key_of
from tests.contracts.dialect import MOUNT, DialectContract, request_of

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "cat.json").read_text())
VECTOR_RING = KeyRing(key_from_jwk(jwk) for jwk in VECTORS["keys"])
OPTIONS = CatOptions(redirect_hosts=("auth.example",))
CAT = Cat(OPTIONS)
LENIENT = Policy(expiry_required=False, scope_required=False)
HOST = UriComponents(((Component.HOST, (TextMatch(MatchType.EXACT, "cdn.example"),)),))

FULL = Claims(
    issuer="https://issuer.example",
    subject="viewer-42",
    audience=("edge", "other"),
    not_before=NOW - 10,
    expires=NOW + 60.5,
    issued_at=NOW,
    token_id="00ff",
    scope=PathScope((PathRule(Rule.PREFIX, "/vod/film/"),)),
    urls=HOST,
    methods=frozenset({"GET", "PUT"}),
    networks=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")),
    asns=frozenset({64500}),
    conditions=(
        HeaderMatches("user-agent", (TextMatch(MatchType.CONTAINS, "VLC"),)),
        Protocols(("h2",)),
        Regions(("CA", "US-NY")),
    ),
    one_time=True,
    renewal=Renewal(RenewalTransport.COOKIE, 120, 60, "CAT", cookie_attributes=("Path=/",)),
)


def raw(payload: object) -> str:
    """An authentic token around any payload, made without our own code."""
    data = payload if isinstance(payload, bytes) else cbor2.dumps(payload)
    mac = hmac.digest(SECRET, cbor2.dumps(["MAC0", b"\xa1\x01\x05", b"", data]), "sha256")
    tagged = cbor2.CBORTag(61, cbor2.CBORTag(17, [b"\xa1\x01\x05", {4: b"k1"}, data, mac]))
    return base64url_encode(cbor2.dumps(tagged))


def claims(payload: object) -> Claims:
    return CAT.verify(found(raw(payload)), RING)


def denied(payload: object) -> Reason:
    with pytest.raises(Denied) as caught:
        claims(payload)
    return caught.value.reason


def judged(payload: object, request: Request, now: float = NOW) -> Reason | None:
    objection = enforce(claims(payload), request, LENIENT, now)
    return None if objection is None else objection.reason


def asked(path: str = "/vod/a.ts", headers: Pairs = (), method: str = "GET") -> Request:
    return Request(method, "https", "cdn.example", path, headers=headers)


class TestContract(DialectContract):
    name = "cat"
    key = HMAC_KEY
    other_key = Key("k1", Algorithm.HS256, Secret(b"x" * 32))
    verify_only_key = replace(HMAC_KEY, verify_only=True)
    claims = FULL


class TestContractWithEcdsa(TestContract):
    key = key_of(Algorithm.ES256)
    other_key = new_key(Algorithm.ES256, "ES256")
    verify_only_key = replace(key_of(Algorithm.ES256), verify_only=True)
    options: ClassVar[Options | None] = OPTIONS


@pytest.mark.parametrize("algorithm", [Algorithm.PS256, Algorithm.EDDSA])
def test_other_signatures(algorithm: Algorithm) -> None:
    key = key_of(algorithm)
    read = CAT.verify(found(CAT.mint(FULL, key).reveal()), KeyRing([key]))
    assert read == replace(FULL, key_id=key.id, dialect="cat")


VECTOR_CLAIMS: dict[str, dict[str, object]] = {
    "Eyevinn/node-cat src/index.test.ts, without exp": {"issuer": "coap://jonas.example.com", "not_before": 1741985961},
    "Eyevinn/node-cat src/index.test.ts, with exp": {"expires": 1963080379},
    "Eyevinn/node-cat src/index.test.ts, with an array of aud": {"audience": ("one", "two")},
    "npm @eyevinn/cat 0.16.4, catu, catm and catr": {
        "issuer": "edge.example",
        "subject": "viewer-42",
        "token_id": "000102030405060708090a0b0c0d0e0f",
        "scope": PathScope.prefix("/vod/"),
        "methods": frozenset({"GET", "HEAD"}),
        "renewal": Renewal(
            RenewalTransport.COOKIE,
            120,
            60,
            "CTA-Common-Access-Token",
            cookie_attributes=("Path=/", "Secure", "HttpOnly"),
        ),
    },
    "npm @eyevinn/cat 0.16.4, catnip and cath": {
        "networks": (ip_network("192.0.2.0/24"), ip_network("2001:db8::1")),
        "asns": frozenset({64500}),
        "conditions": (HeaderMatches("user-agent", (TextMatch(MatchType.CONTAINS, "VLC"),)),),
        "one_time": True,
    },
    "PyPI cwt 3.3.0, HS256": {"expires": 4102444800, "scope": PathScope.prefix("/vod/")},
    "PyPI cwt 3.3.0, ES256": {"expires": 4102444800, "scope": PathScope.prefix("/vod/"), "key_id": "e1"},
    "RFC 8392, appendix A.3": {"subject": "erikw", "expires": 1444064944, "token_id": "0b71"},
}


@pytest.mark.parametrize("vector", VECTORS["accepted"], ids=lambda vector: vector["source"])
def test_other_implementations_tokens(vector: Mapping[str, str]) -> None:
    read = CAT.verify(found(vector["token"]), VECTOR_RING)
    for name, value in VECTOR_CLAIMS[vector["source"]].items():
        assert getattr(read, name) == value


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector["source"])
def test_vectors_that_are_refused(vector: Mapping[str, str]) -> None:
    with pytest.raises(Denied) as caught:
        CAT.verify(found(vector["token"]), VECTOR_RING)
    assert caught.value.reason == vector["reason"]


def test_every_vector_is_tested() -> None:
    assert {vector["source"] for vector in VECTORS["accepted"]} == set(VECTOR_CLAIMS)


def test_at_exp_itself_it_has_expired() -> None:
    payload = {4: NOW, 312: {3: {1: "/vod/"}}}
    assert judged(payload, asked(), NOW - 0.001) is None
    assert judged(payload, asked(), NOW) is Reason.EXPIRED


def test_at_nbf_itself_it_is_valid() -> None:
    assert judged({5: NOW}, asked(), NOW) is None
    assert judged({5: NOW}, asked(), NOW - 0.001) is Reason.NOT_YET_VALID


@pytest.mark.parametrize("value", [0, 0.0, 1.5, 2**53])
def test_times_are_numbers(value: float) -> None:
    assert claims({4: value}).expires == value


def test_zero_is_a_time() -> None:
    assert judged({4: 0}, asked()) is Reason.EXPIRED


@pytest.mark.parametrize("label", [4, 5, 6])
@pytest.mark.parametrize("value", ["1", b"1", -5, -0.1, True, None, [1], {1: 1}, 2**53 + 1, 2**64 - 1])
def test_times_that_are_refused(label: int, value: object) -> None:
    assert denied({label: value}) is Reason.MALFORMED


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xa2\x04\x01\x04\x1a\xf4\x86\x57\x00",  # exp twice: past, then future
        b"\xa2\x04\x01\x18\x04\x1a\xf4\x86\x57\x00",  # and the second one written longer
        b"\xbf\x04\x01\xff",  # indefinite
        b"\xa1\x04\xf9\x7e\x00",  # NaN
        b"\xa1\x04\xc1\x01",  # tagged, which RFC 8392 §2 forbids
        b"\x80",
        b"\xa1\x04\x01\x00",
        b"\xd9\x01\x03\xa1\x01\x61\x78",  # tag 259 around the map
        b"\x81" * 3000,
    ],
)
def test_payloads_that_are_refused(payload: bytes) -> None:
    assert denied(payload) is Reason.MALFORMED


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({310: 2}, Reason.UNSUPPORTED),
        ({310: 0}, Reason.UNSUPPORTED),
        ({310: True}, Reason.UNSUPPORTED),
        ({310: 1.0}, Reason.UNSUPPORTED),
        ({310: "1"}, Reason.UNSUPPORTED),
        ({45: [9999]}, Reason.UNSUPPORTED),
        ({45: ["tier"], "tier": 1}, Reason.UNSUPPORTED),
        ({45: [4, 309]}, Reason.UNSUPPORTED),
        ({45: 4}, Reason.MALFORMED),
        ({45: []}, Reason.MALFORMED),
        ({45: [True]}, Reason.MALFORMED),
        ({41: [{1: "x"}]}, Reason.UNSUPPORTED),
        ({42: [{1: "x"}]}, Reason.UNSUPPORTED),
        ({43: [{1: "x"}]}, Reason.UNSUPPORTED),
        ({44: b"x"}, Reason.UNSUPPORTED),
        ({309: 0}, Reason.UNSUPPORTED),
        ({318: [0, 100]}, Reason.UNSUPPORTED),
        ({308: 2}, Reason.UNSUPPORTED),
        ({308: 3}, Reason.UNSUPPORTED),
        ({308: True}, Reason.MALFORMED),
        ({308: "1"}, Reason.MALFORMED),
        ({7: "text"}, Reason.MALFORMED),
        ({7: b""}, Reason.MALFORMED),
        ({7: bytes(65)}, Reason.MALFORMED),
        ({1: b"issuer"}, Reason.MALFORMED),
        ({2: ""}, Reason.MALFORMED),
        ({3: []}, Reason.MALFORMED),
        ({3: [1]}, Reason.MALFORMED),
        ({313: []}, Reason.MALFORMED),
        ({313: "GET"}, Reason.MALFORMED),
        ({313: ["get"]}, Reason.MALFORMED),
        ({311: []}, Reason.MALFORMED),
        ({312: {}}, Reason.MALFORMED),
        ({312: {9: {0: "x"}}}, Reason.UNSUPPORTED),
        ({322: {4: [307, {"Location": "https://evil.example/"}]}}, Reason.UNSUPPORTED),
        ({323: {0: 9, 1: 1}}, Reason.UNSUPPORTED),
    ],
)
def test_claims_that_are_refused(payload: object, reason: Reason) -> None:
    """Most of these pass other implementations, which let in more than was meant."""
    assert denied(payload) is reason


@pytest.mark.parametrize(
    ("payload", "request_", "reason"),
    [
        ({312: {3: {1: "/vod/"}}}, asked(), None),
        ({312: {3: {1: "/vod/"}}}, asked("/live/a.ts"), Reason.OUT_OF_SCOPE),
        ({312: {3: {1: "/vod/", 2: ".mp4"}}}, asked(), Reason.OUT_OF_SCOPE),
        ({312: {0: {0: "http"}}}, asked(), Reason.OUT_OF_SCOPE),
        ({312: {1: {0: "cdn.example"}, 8: {0: ".ts"}}}, asked(), None),
        ({313: ["GET"]}, asked(), None),
        ({313: ["GET"]}, asked(method="HEAD"), None),
        ({313: ["POST"]}, asked(), Reason.WRONG_METHOD),
        ({315: {"User-Agent": {3: "VLC"}}}, asked(headers=(("user-agent", "VLC/3"),)), None),
        ({315: {"User-Agent": {3: "VLC"}}}, asked(), Reason.WRONG_HEADER),
        ({314: [b"h2"]}, replace(asked(), tls=Tls("h2")), None),
        ({314: [b"h9"]}, replace(asked(), tls=Tls("h2")), Reason.WRONG_TLS),
        ({314: [b"h2"]}, asked(), Reason.WRONG_TLS),
        ({316: ["CA"]}, replace(asked(), place=Place("CA")), None),
        ({316: ["ZZ"]}, replace(asked(), place=Place("CA")), Reason.WRONG_PLACE),
        ({319: bytes(32)}, replace(asked(), tls=Tls(client_key=bytes(32))), None),
        ({319: bytes(32)}, replace(asked(), tls=Tls()), Reason.WRONG_TLS),
        ({311: [64500]}, replace(asked(), place=Place(asn=64500)), None),
        ({311: [64500]}, replace(asked(), place=Place(asn=64501)), Reason.WRONG_NETWORK),
        ({3: "other"}, asked(), Reason.WRONG_AUDIENCE),
        ({45: [4, 312], 4: NOW + 1, 312: {3: {0: "/vod/a.ts"}}}, asked(), None),
    ],
)
def test_what_a_claim_lets_in(payload: object, request_: Request, reason: Reason | None) -> None:
    assert judged(payload, request_) is reason


def test_one_use_is_told_by_cti_or_by_what_was_authenticated() -> None:
    assert claims({308: 1, 7: b"\x01\xff"}) == Claims(one_time=True, token_id="01ff", key_id="k1", dialect="cat")
    one, other = claims({308: 1}), claims({308: 1, 2: "x"})
    assert one.one_time
    assert one.token_id is not None
    assert one.token_id != other.token_id
    assert not claims({308: 0}).one_time


def test_remedies_come_with_the_reasons_they_are_for() -> None:
    (remedy,) = claims({322: {4: [307, {"Location": "https://auth.example/"}]}}).remedies
    assert (remedy.reasons, remedy.status) == (frozenset({Reason.EXPIRED}), 307)


def test_claims_that_restrict_nothing_are_kept_for_explanations() -> None:
    assert claims({65000: "gold", "n": [1, b"\xff"], 320: "x" * 100}).extra == (
        ("65000", "gold"),
        ("n", "[1, ff]"),
        ("catifdata", "x" * 60 + "…"),
    )


TOKEN = CAT.mint(FULL, HMAC_KEY).reveal()


def carrying(query: str = "", headers: Pairs = (), cookies: Pairs = ()) -> Request:
    return Request("GET", "https", "h", "/vod/a", query, headers, cookies)


@pytest.mark.parametrize(
    ("request_", "transport", "query"),
    [
        (carrying(f"a=1&cat={TOKEN}&b=%41"), Transport.QUERY, "a=1&b=%41"),
        (carrying(f"CAT={TOKEN}"), Transport.QUERY, ""),
        (carrying(f"%63at={TOKEN}"), Transport.QUERY, ""),
        (carrying(headers=(("cta-common-access-token", TOKEN),)), Transport.HEADER, ""),
        (carrying("q=CAT", headers=(("common-access-token", TOKEN),)), Transport.HEADER, "q=CAT"),
        (carrying(cookies=(("CTA-Common-Access-Token", TOKEN),)), Transport.COOKIE, ""),
        (carrying(cookies=(("cta-common-access-token", TOKEN), ("a", "b"))), Transport.COOKIE, ""),
    ],
)
def test_names_that_a_token_goes_by(request_: Request, transport: Transport, query: str) -> None:
    located = CAT.locate(request_, CARRIAGE, MOUNT)
    assert located == Found(Token(TOKEN), transport, "/vod/a", query)
    assert CAT.strip("/vod/a", request_.query, CARRIAGE, MOUNT) == ("/vod/a", query)


@pytest.mark.parametrize(
    "request_",
    [
        carrying("cat=a&CAT=a"),
        carrying("cat=a&cat=a"),
        carrying("cat=a", headers=(("cta-common-access-token", "b"),)),
        carrying(headers=(("cta-common-access-token", "a"), ("common-access-token", "a"))),
        carrying(cookies=(("CTA-Common-Access-Token", "a"), ("cta-common-access-token", "b"))),
    ],
)
def test_two_tokens_are_refused(request_: Request) -> None:
    with pytest.raises(Denied) as caught:
        CAT.locate(request_, CARRIAGE, MOUNT)
    assert caught.value.reason is Reason.AMBIGUOUS


def test_options_name_the_places() -> None:
    plain = Cat(CatOptions(header_names=(), cookie_names=()))
    assert plain.locate(carrying(headers=(("common-access-token", TOKEN),)), CARRIAGE, MOUNT) is None
    assert plain.locate(carrying(cookies=(("CTA-Common-Access-Token", TOKEN),)), CARRIAGE, MOUNT) is None
    signed = plain.issue("https://h/vod/a", Token(TOKEN), CARRIAGE, MOUNT, Transport.COOKIE)
    assert signed == Signed("https://h/vod/a", (("cat", TOKEN),))
    assert plain.locate(request_of(signed), CARRIAGE, MOUNT) is not None
    with pytest.raises(Misuse):
        CatOptions(header_names=("a b",))


def test_a_cookie_has_the_name_of_the_standard() -> None:
    signed = CAT.issue("https://h/vod/a", Token(TOKEN), CARRIAGE, MOUNT, Transport.COOKIE)
    assert signed.cookies == (("CTA-Common-Access-Token", TOKEN),)


@pytest.mark.parametrize(
    "given_",
    [
        Claims(session_id="s"),
        Claims(session_ends=NOW),
        Claims(strict_time=True),
        Claims(token_id="not hexadecimal"),
        Claims(token_id="AB"),
        Claims(token_id=""),
        Claims(one_time=True),
        Claims(expires=-1),
        Claims(expires=NOW, not_before=NOW),
        Claims(expires=NOW, issued_at=NOW + 1),
        Claims(scope=PathScope.prefix("/vod")),
        Claims(scope=PathScope.prefix("/a/", "/b/")),
        Claims(urls=UrlPrefixes(("https://h/",))),
        Claims(urls=UriComponents(((Component.PATH, (TextMatch(MatchType.PREFIX, "/vod/"),)),))),
        Claims(networks=()),
        Claims(asns=frozenset()),
        Claims(asns=frozenset({-1})),
        Claims(methods=frozenset()),
        Claims(audience=("x",) * 65),
        Claims(renewal=Renewal(RenewalTransport.SAME, 120)),
        Claims(renewal=Renewal(RenewalTransport.SAME, 120, 60, path_depth=1)),
        Claims(extra=(("tier", "gold"),)),
    ],
)
def test_what_a_cat_cannot_say_is_not_minted(given_: Claims) -> None:
    with pytest.raises(Misuse):
        CAT.mint(given_, HMAC_KEY)


def test_a_minted_token_says_what_it_is() -> None:
    text = CAT.mint(Claims(expires=NOW + 60.0, scope=PathScope.prefix("/vod/")), HMAC_KEY).reveal()
    assert dict(CAT.describe(found(text))) == {
        "alg": "HS256",
        "kid": "k1",
        "exp": str(NOW + 60),
        "catu": "{3: {1: /vod/}}",
        "catv": "1",
    }


KEYS = st.sampled_from([*range(1, 9), *range(41, 46), 282, *range(308, 325), "x"])
LEAVES = st.none() | st.booleans() | st.integers(-3, 9) | st.floats() | st.text(max_size=4) | st.binary(max_size=4)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.integers(-3, 9) | st.text(max_size=3), inner, max_size=3)
        | st.builds(cbor2.CBORTag, st.sampled_from([1, 52, 54]), inner)
    ),
    max_leaves=6,
)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_authentic_payload_is_claims_or_denied(payload: dict[object, object]) -> None:
    text = raw(payload)
    try:
        read = CAT.verify(found(text), RING)
    except Denied:
        return
    assert read.key_id == "k1"
    CAT.describe(found(text))


@given(st.binary(max_size=80))
def test_any_authentic_octets_are_claims_or_denied(payload: bytes) -> None:
    try:
        read = claims(payload)
    except Denied:
        return
    assert read.dialect == "cat"
