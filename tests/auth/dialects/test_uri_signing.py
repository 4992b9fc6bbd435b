"""The `uri-signing` dialect: the contract, the RFC's and Traffic Server's tokens, and each claim's meaning."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth import jwe
from auth.algorithms import Algorithm
from auth.carriage import Carriage, Transport
from auth.claims import Claims
from auth.dialects.uri_signing import CARRIAGE, Match, UriSigning, UriSigningOptions
from auth.enforce import Policy
from auth.errors import Denied, Misuse, Reason
from auth.gate import Gate
from auth.jwk import key_from_jwk
from auth.keys import Key, KeyRing
from auth.realm import Accepted, Realm
from auth.renewal import Renewal, RenewalTransport
from auth.request import Request
from auth.rules.expressions import UrlHash, UrlRegex
from auth.rules.url import ExactUrl, Url
from auth.scope import PathScope
from auth.secret import Secret
from auth.uri_signing_codes import code_of
from origin.keystore.generate import new_key
from tests.auth.samples import HMAC_KEY, NOW, RING, found, get, key_of, raw_token, token
from tests.contracts.dialect import DialectContract

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "uri-signing.json").read_text())
RFC_RING = KeyRing(key_from_jwk(jwk) for jwk in VECTORS["keys"])
ATS = VECTORS["trafficserver"]
ATS_RING = KeyRing(key_from_jwk(jwk, allow_weak=True) for jwk in ATS["keys"])

SIGNING = UriSigning(UriSigningOptions())
SEALING = UriSigningOptions(encryption_key=Secret(b"s" * 16))
RULE = UrlRegex(r"^https://cdn\.example/vod/film/.*$")
MINIMAL: dict[str, object] = {"cdniuc": f"regex:{RULE.pattern}"}
URL = Url.parse("https://cdn.example/vod/film/a.ts")
FULL = Claims(
    issuer="https://issuer.example",
    subject="viewer-42",
    audience=("edge", "other"),
    not_before=NOW - 10,
    expires=NOW + 60.5,
    issued_at=NOW,
    token_id="t-1",
    one_time=True,
    urls=RULE,
    networks=(ip_network("192.0.2.0/24"),),
    strict_time=True,
)


def read(claims: Mapping[str, object], dialect: UriSigning = SIGNING, ring: KeyRing = RING) -> Claims:
    return dialect.verify(found(token(claims)), ring)


def refusal(claims: Mapping[str, object], ring: KeyRing = RING) -> Denied:
    with pytest.raises(Denied) as caught:
        read(claims, ring=ring)
    return caught.value


class TestContract(DialectContract):
    name = "uri-signing"
    key = HMAC_KEY
    other_key = Key("k1", Algorithm.HS256, Secret(b"x" * 32))
    verify_only_key = replace(HMAC_KEY, verify_only=True)
    claims = FULL
    options = SEALING


class TestContractWithSignatures(TestContract):
    key = key_of(Algorithm.ES256)
    other_key = new_key(Algorithm.ES256, "ES256")
    verify_only_key = replace(key_of(Algorithm.ES256), verify_only=True)


class TestContractWithRenewal(TestContract):
    claims = replace(
        FULL,
        token_id=None,
        one_time=False,
        urls=UrlHash.of(URL),
        renewal=Renewal(RenewalTransport.QUERY, 30, path_depth=0),
    )


class TestContractWithAnAgreedHeader(TestContract):
    options = replace(SEALING, jwt_header='{"alg":"HS256","kid":"k1"}')


@pytest.mark.parametrize("vector", VECTORS["rfc9246"], ids=lambda vector: vector["source"])
def test_the_examples_of_the_rfc(vector: Mapping[str, Any]) -> None:
    claims = SIGNING.verify(found(vector["token"]), RFC_RING)
    for name in ("issuer", "expires", "not_before", "issued_at", "token_id", "subject"):
        assert getattr(claims, name) == vector.get(name)
    assert claims.audience == tuple(vector.get("audience", ()))
    assert claims.one_time is ("token_id" in vector)
    assert claims.networks == ((ip_network(vector["network"]),) if "network" in vector else None)
    renewal = vector.get("renewal")
    assert claims.renewal == (None if renewal is None else Renewal(**renewal))
    assert claims.urls is not None
    assert all(claims.urls.covers(Url.parse(url)) for url in vector["covers"])
    assert not any(claims.urls.covers(Url.parse(url)) for url in vector["refuses"])


def test_traffic_servers_tokens() -> None:
    vector = ATS["accepted"]
    claims = SIGNING.verify(found(vector["token"]), ATS_RING)
    assert (claims.issuer, claims.expires, claims.audience) == ("issuer", 1923056084, ("edge-test",))
    assert claims.urls is not None
    assert claims.urls.covers(Url.parse(vector["covers"][0]))
    assert not claims.urls.covers(Url.parse(vector["refuses"][0]))


@pytest.mark.parametrize("vector", ATS["without_container"], ids=lambda vector: vector["source"])
def test_an_authentic_token_without_a_container(vector: Mapping[str, str]) -> None:
    """Traffic Server serves them; RFC 9246 §2.1.11 does not."""
    for ring, reason in ((ATS_RING, Reason.SCOPE_MISSING), (RING, Reason.BAD_SIGNATURE)):
        with pytest.raises(Denied) as caught:
            SIGNING.verify(found(vector["token"]), ring)
        assert caught.value.reason is reason


@pytest.mark.parametrize(("given_url", "bare"), ATS["strip"])
def test_traffic_servers_table_of_removals(given_url: str, bare: str) -> None:
    path, _, query = given_url.partition("?")
    path, query = SIGNING.strip(path, query, CARRIAGE, "/")
    assert path + (f"?{query}" if query else "") == bare


@pytest.mark.parametrize(
    ("path", "query", "transport", "rest"),
    [
        ("/vod/a.ts;URISigningPackage=J", "", Transport.PATH, ("/vod/a.ts", "")),
        ("/vod/a.ts;URISigningPackage=J;v=1", "x", Transport.PATH, ("/vod/a.ts;v=1", "x")),
        ("/vod/URISigningPackage=J/a.ts", "x=1", Transport.PATH, ("/vod/a.ts", "x=1")),
        ("/vod;x=1;URISigningPackage=J/a.ts", "", Transport.PATH, ("/vod;x=1/a.ts", "")),
        ("/URISigningPackage=J", "", Transport.PATH, ("/", "")),
        ("/vod/a.ts", "URISigningPackage=J", Transport.QUERY, ("/vod/a.ts", "")),
        ("/vod/a.ts", "x=1&URISigningPackage=J&y=2", Transport.QUERY, ("/vod/a.ts", "x=1&y=2")),
        ("/vod/a.ts", "x=1&%55RISigningPackage=J", Transport.QUERY, ("/vod/a.ts", "x=1")),
        ("/vod/a.ts", "URISigningPackage=J/../b", Transport.QUERY, ("/vod/a.ts", "/../b")),
    ],
)
def test_where_a_token_may_stand(path: str, query: str, transport: Transport, rest: tuple[str, str]) -> None:
    located = SIGNING.locate(get(path, query), CARRIAGE, "/vod")
    assert located is not None
    assert (located.token.reveal(), located.transport, (located.path, located.query)) == ("J", transport, rest)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/vod/URISigningPackage=J/a", "URISigningPackage=K"),
        ("/vod/URISigningPackage=J/URISigningPackage=J/a", ""),
        ("/vod/a", "URISigningPackage=J&URISigningPackage=J"),
        ("/vod/a", "URISigningPackage=J&x=/URISigningPackage=K"),
        ("/vod/a", "URISigningPackage=J&URISigning%50ackage=K"),
    ],
)
def test_more_than_one_token(path: str, query: str) -> None:
    with pytest.raises(Denied) as caught:
        SIGNING.locate(get(path, query), CARRIAGE, "/vod")
    assert caught.value.reason is Reason.AMBIGUOUS


def test_cookies_are_looked_at_last() -> None:
    cookies = (("URISigningPackage", "C"),)
    with_both = Request("GET", "https", "h", "/vod/a", "URISigningPackage=J", cookies=cookies)
    for request, text in ((with_both, "J"), (with_both.at("/vod/a", ""), "C")):
        located = SIGNING.locate(request, CARRIAGE, "/vod")
        assert located is not None
        assert located.token.reveal() == text


def test_a_header_field_and_the_uri_say_the_same() -> None:
    everywhere = Carriage("usp")
    request = Request("GET", "https", "h", "/vod/a", "usp=J", headers=(("authorization", "Bearer J"),))
    located = SIGNING.locate(request, everywhere, "/vod")
    assert located is not None
    with pytest.raises(Denied):
        SIGNING.locate(request.at("/vod/a", "usp=K"), everywhere, "/vod")


def test_a_broken_escape_in_the_token() -> None:
    with pytest.raises(Denied) as caught:
        SIGNING.locate(get("/vod/a", "URISigningPackage=%f"), CARRIAGE, "/vod")
    assert caught.value.reason is Reason.MALFORMED


@pytest.mark.parametrize(
    ("claims", "reason", "code"),
    [
        ({"cdniuc": None}, Reason.SCOPE_MISSING, "411"),
        ({"cdniuc": 1}, Reason.UNSUPPORTED, "411"),
        ({"cdniuc": "regex:("}, Reason.MALFORMED, "411"),
        ({"cdniuc": "regex:"}, Reason.MALFORMED, "411"),
        ({"cdniuc": r"regex:a\d"}, Reason.MALFORMED, "411"),
        ({"cdniuc": "regex:" + "a" * 1025}, Reason.MALFORMED, "411"),
        ({"cdniuc": "regex:(a{1,1000}){1,1000}"}, Reason.MALFORMED, "411"),
        ({"cdniuc": "hash:sha-256;x"}, Reason.MALFORMED, "411"),
        ({"cdniuc": "hash:sha-256-128;" + "A" * 22}, Reason.UNSUPPORTED, "411"),
        ({"cdniuc": "uri:http://h/a"}, Reason.UNSUPPORTED, "411"),
        *(({"cdniv": value}, Reason.UNSUPPORTED, "408") for value in (0, 2, "1", 1.0, True, None)),
        *(({"cdnicrit": value}, Reason.MALFORMED, "409") for value in ("", 1, ["x"], "x", "exp", None)),
        ({"cdnicrit": "x,x", "x": 1}, Reason.MALFORMED, "409"),
        ({"cdnicrit": "x", "x": 1}, Reason.UNSUPPORTED, "409"),
        ({"cdnistt": 1}, Reason.MALFORMED, "406"),
        ({"cdnistt": 0}, Reason.MALFORMED, "406"),
        ({"cdniets": 1}, Reason.MALFORMED, "406"),
        *(({"cdnistt": value, "cdniets": 9}, Reason.UNSUPPORTED, "406") for value in (3, "1", 1.0, True, None)),
        *(({"cdnistt": 1, "cdniets": value}, Reason.MALFORMED, "406") for value in ("1", -1, True, None)),
        *(({"cdnistd": value}, Reason.MALFORMED, "500") for value in (-1, "1", 1.0, True, None)),
        *(({"exp": value}, Reason.MALFORMED, "404") for value in ("1", "4102444800", None, True, -1)),
        *(({"nbf": value}, Reason.MALFORMED, "405") for value in ("1", None)),
        ({"jti": ""}, Reason.MALFORMED, "407"),
        ({"jti": 1}, Reason.MALFORMED, "407"),
        ({"iss": ""}, Reason.MALFORMED, "401"),
        ({"aud": ""}, Reason.MALFORMED, "403"),
        ({"aud": []}, Reason.MALFORMED, "403"),
        *(({"sub": value}, Reason.MALFORMED, "402") for value in ("viewer", 1, None)),
        *(({"cdniip": value}, Reason.MALFORMED, "410") for value in ("192.0.2.1", 1, None)),
        ({"cnf": {}}, Reason.UNSUPPORTED, "409"),
        ({"ip": "192.0.2.1"}, Reason.UNSUPPORTED, "409"),
    ],
)
def test_what_is_refused(claims: dict[str, object], reason: Reason, code: str) -> None:
    denied = refusal(MINIMAL | claims)
    assert (denied.reason, code_of(denied)) == (reason, code)


def test_other_claims_restrict_nothing() -> None:
    claims = read(MINIMAL | {"tier": "gold", "cdnix": [1]})
    assert claims.extra == (("tier", "gold"), ("cdnix", "[1]"))


@pytest.mark.parametrize("seconds", [30, 30.5, 1.7e1])
def test_renewal_by_cookie_with_numbers_as_traffic_server_writes_them(seconds: float) -> None:
    claims = read(MINIMAL | {"exp": 1.7e9, "iat": 1.6e9, "cdnistt": 1, "cdniets": seconds, "cdnistd": 2})
    assert claims.renewal == Renewal(RenewalTransport.COOKIE, seconds, path_depth=2)
    assert (claims.expires, claims.issued_at) == (1_700_000_000, 1_600_000_000)


def test_no_renewal_in_so_many_words() -> None:
    assert read(MINIMAL | {"cdnistt": 0, "cdniets": 30}).renewal is None


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("192.0.2.1", "192.0.2.1/32"),
        ("[2001:db8::1/32]", "2001:db8::/32"),
        ("2001:db8::1", "2001:db8::1/128"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
    ],
)
def test_an_address_of_the_client(text: str, network: str) -> None:
    key = key_of(Algorithm.A128GCM)
    claims = read(MINIMAL | {"cdniip": jwe.encrypt(text.encode(), key)}, ring=KeyRing([HMAC_KEY, key]))
    assert claims.networks == (ip_network(network),)


@pytest.mark.parametrize("text", ["[192.0.2.1", "192.0.2.1]", "192.0.2.1/33", "10.0.0.0/255.0.0.0", "x", ""])
def test_what_is_no_address(text: str) -> None:
    key = key_of(Algorithm.A128GCM)
    denied = refusal(MINIMAL | {"cdniip": jwe.encrypt(text.encode(), key)}, ring=KeyRing([HMAC_KEY, key]))
    assert (denied.reason, code_of(denied)) == (Reason.MALFORMED, "410")


def test_an_encrypted_claim_that_cannot_be_read() -> None:
    sealed = jwe.encrypt(b"viewer", key_of(Algorithm.A128GCM))
    denied = refusal(MINIMAL | {"sub": sealed})
    assert (denied.reason, code_of(denied)) == (Reason.UNKNOWN_KEY, "402")
    binary = jwe.encrypt(b"\xff", key_of(Algorithm.A128GCM))
    assert refusal(MINIMAL | {"sub": binary}, KeyRing([HMAC_KEY, key_of(Algorithm.A128GCM)])).reason is Reason.MALFORMED


@pytest.mark.parametrize("typ", ["at+jwt", "CATv1", ""])
def test_another_type_of_token(typ: str) -> None:
    with pytest.raises(Denied) as caught:
        SIGNING.verify(found(token(MINIMAL, {"typ": typ})), RING)
    assert caught.value.reason is Reason.UNSUPPORTED


def test_an_expression_may_match_the_start_only() -> None:
    """As Traffic Server reads it; the RFC does not say."""
    lax = UriSigning(UriSigningOptions(match=Match.START))
    for dialect, is_covered in ((SIGNING, False), (lax, True)):
        urls = read({"cdniuc": r"regex:https://cdn\.example/foo"}, dialect).urls
        assert urls is not None
        assert urls.covers(Url.parse("https://cdn.example/foobar")) is is_covered
        assert not urls.covers(Url.parse("https://cdn.example/zz/foo"))


def test_a_header_that_was_agreed_on() -> None:
    header = '{"alg":"HS256","kid":"k1"}'
    agreed = UriSigning(UriSigningOptions(jwt_header=header))
    text = agreed.mint(replace(FULL, subject=None, networks=None), HMAC_KEY).reveal()
    assert text.count(".") == 1
    encoded = raw_token(header.encode(), b"{}").partition(".")[0]
    for whole, dialect in ((f"{encoded}.{text}", SIGNING), (f"{encoded}.{text}", agreed), (text, agreed)):
        assert dialect.verify(found(whole), RING).issuer == FULL.issuer
    with pytest.raises(Denied):
        SIGNING.verify(found(text), RING)
    assert UriSigning(UriSigningOptions(jwt_header=encoded)).verify(found(text), RING).token_id == "t-1"


@pytest.mark.parametrize(
    "options",
    [
        UriSigningOptions(jwt_header="{}"),
        UriSigningOptions(jwt_header='{"alg":"none"}'),
        UriSigningOptions(jwt_header="e30"),
        UriSigningOptions(jwt_header="a b"),
        UriSigningOptions(encryption_key=Secret(b"short")),
    ],
)
def test_options_that_make_no_sense(options: UriSigningOptions) -> None:
    with pytest.raises(Misuse):
        UriSigning(options)


@pytest.mark.parametrize(
    "claims",
    [
        replace(FULL, urls=None, scope=None),
        replace(FULL, urls=ExactUrl("https://cdn.example/vod/a")),
        replace(FULL, scope=PathScope.prefix("/vod")),
        replace(FULL, urls=UrlRegex("a", is_whole=False)),
        replace(FULL, methods=frozenset({"GET"})),
        replace(FULL, session_id="s"),
        replace(FULL, session_ends=NOW),
        replace(FULL, asns=frozenset({1})),
        replace(FULL, networks=(ip_network("192.0.2.0/24"), ip_network("198.51.100.0/24"))),
        replace(FULL, networks=()),
        replace(FULL, renewal=Renewal(RenewalTransport.COOKIE, 30)),
        replace(FULL, token_id=None, one_time=True),
        replace(FULL, token_id=None, one_time=False, renewal=Renewal(RenewalTransport.HEADER, 30)),
        replace(FULL, token_id=None, one_time=False, renewal=Renewal(RenewalTransport.COOKIE, 30, window=5)),
        replace(FULL, expires=NOW),
        replace(FULL, issued_at=None, expires=NOW - 10),
        replace(FULL, extra=(("tier", "gold"),)),
        replace(FULL, subject=""),
        replace(FULL, expires=float("nan")),
    ],
)
def test_what_cannot_be_said_is_not_minted(claims: Claims) -> None:
    with pytest.raises(Misuse):
        UriSigning(SEALING).mint(claims, HMAC_KEY)


def test_who_a_viewer_is_needs_a_key_to_hide_it() -> None:
    with pytest.raises(Misuse):
        SIGNING.mint(FULL, HMAC_KEY)


def test_a_header_for_another_key_does_not_mint() -> None:
    claims = Claims(expires=NOW + 60, urls=RULE)
    for header in ('{"alg":"HS256","kid":"k2"}', '{"alg":"HS384"}'):
        with pytest.raises(Misuse):
            UriSigning(UriSigningOptions(jwt_header=header)).mint(claims, HMAC_KEY)


def test_a_scope_becomes_an_expression() -> None:
    claims = Claims(expires=NOW + 60, token_id="audit-1", scope=PathScope.prefix("/vod/film"))
    said = SIGNING.verify(found(SIGNING.mint(claims, HMAC_KEY, URL).reveal()), RING)
    assert said.urls == UrlRegex(r"^https://cdn\.example(/vod/film(/[^?]*)?)(\?.*)?$")
    assert (said.token_id, said.one_time, said.strict_time) == (None, False, True)


def test_no_rule_at_all_covers_the_url_alone() -> None:
    said = SIGNING.verify(found(SIGNING.mint(Claims(expires=NOW + 60), HMAC_KEY, URL).reveal()), RING)
    assert said.urls == UrlHash.of(URL)


REALM = Realm("/vod", (Accepted("uri-signing", CARRIAGE),), Policy(leeway=60), public_origin="https://cdn.example")


@pytest.mark.parametrize(
    ("claims", "now", "reason"),
    [
        ({"exp": NOW}, NOW - 0.001, None),
        ({"exp": NOW}, NOW, Reason.EXPIRED),
        ({"exp": NOW + 9, "nbf": NOW}, NOW, None),
        ({"exp": NOW + 9, "nbf": NOW}, NOW - 0.001, Reason.NOT_YET_VALID),
        ({"exp": NOW + 9, "aud": "elsewhere"}, NOW, Reason.WRONG_AUDIENCE),
        ({"exp": NOW + 9, "cdniuc": "regex:https://cdn.example/vod/b.ts"}, NOW, Reason.OUT_OF_SCOPE),
    ],
)
def test_through_the_gate_without_leeway(claims: dict[str, object], now: float, reason: Reason | None) -> None:
    text = token(MINIMAL | claims)
    request = replace(get("/vod/film/a.ts", f"URISigningPackage={text}"), client=ip_address("192.0.2.1"))
    gate = Gate(REALM)
    if reason is None:
        assert gate.admit(request, RING, now).path == "/vod/film/a.ts"
        return
    with pytest.raises(Denied) as caught:
        gate.admit(request, RING, now)
    assert caught.value.reason is reason


@given(
    st.dictionaries(
        st.sampled_from(["exp", "aud", "sub", "cdniuc", "cdniip", "cdnistt", "cdniets", "cdnistd", "cdnicrit", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=5,
        ),
    )
)
def test_any_authentic_payload_is_claims_or_denied(payload: dict[str, object]) -> None:
    try:
        claims = read(MINIMAL | payload)
    except Denied:
        return
    assert claims.strict_time


@given(st.text(max_size=80))
def test_any_expression_is_a_rule_or_denied(pattern: str) -> None:
    try:
        claims = read({"cdniuc": f"regex:{pattern}"})
    except Denied:
        return
    assert claims.urls is not None
    claims.urls.covers(URL)
