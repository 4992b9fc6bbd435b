"""The `akamai` dialect: the contract, tokens of Akamai's own generator, and each field's meaning."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from auth.algorithms import Algorithm
from auth.carriage import Carriage, Found, Transport
from auth.claims import Claims
from auth.dialects.akamai import CARRIAGE, Akamai, AkamaiOptions, Mac
from auth.enforce import Policy, enforce, judge_token
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.options import read_options
from auth.request import Request
from auth.rules.path_and_query import PathAndQuery
from auth.rules.url import Url, UrlPrefixes
from auth.scope import PathRule, PathScope, Rule
from auth.secret import Secret, Token
from tests.auth.samples import NOW
from tests.contracts.dialect import DialectContract

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "akamai.json").read_text())
SECRET = bytes.fromhex(VECTORS["key"])
KEY = Key("a1", Algorithm.SHARED, Secret(SECRET))
OTHER = Key("a1", Algorithm.SHARED, Secret(b"x" * 16))
RING = KeyRing([KEY])
AKAMAI = Akamai(AkamaiOptions())
ESCAPING = Akamai(AkamaiOptions(escape_early=True))

FOR_PATHS = Claims(
    not_before=NOW - 10,
    expires=NOW + 60,
    session_id="s-1",
    scope=PathScope((PathRule(Rule.EXACT, "/vod/film/a.ts"), PathRule(Rule.GLOB, "/vod/**/x?.ts"))),
    networks=(ip_network("192.0.2.7/32"),),
)


def signed(fields: str, hashed: str = "", using: str = "sha256", key: bytes = SECRET) -> str:
    return f"{fields}~hmac={hmac.new(key, (fields + hashed).encode(), using).hexdigest()}"


def found(text: str, target: str = "/vod/film/a.ts", sent: str = "") -> Found:
    return Found(Token(text), Transport.QUERY, "/vod/film/a.ts", "", (target, sent))


def claims_of(text: str, dialect: Akamai = AKAMAI, ring: KeyRing = RING, target: str = "/vod/film/a.ts") -> Claims:
    return dialect.verify(found(text, target), ring)


def denied(text: str, dialect: Akamai = AKAMAI, ring: KeyRing = RING, target: str = "/vod/film/a.ts") -> Reason:
    with pytest.raises(Denied) as caught:
        claims_of(text, dialect, ring, target)
    return caught.value.reason


class TestContract(DialectContract):
    name = "akamai"
    key = KEY
    other_key = OTHER
    verify_only_key = None
    claims = FOR_PATHS
    transports = (Transport.QUERY, Transport.HEADER, Transport.COOKIE)


class TestContractForOneUrl(TestContract):
    claims = replace(FOR_PATHS, scope=None, urls=PathAndQuery("/vod/film/a.ts?x=1"))
    options = AkamaiOptions(hmac=Mac.SHA1, salt=Secret(b"pepper"), escape_early=True)


class TestContractWithIpv6(TestContract):
    claims = replace(FOR_PATHS, networks=(ip_network("2001:db8::1/128"),), session_id="a b/ü*'")
    options = AkamaiOptions(hmac=Mac.MD5, escape_early=True)


@pytest.mark.parametrize("vector", VECTORS["generated"], ids=lambda vector: vector["source"])
def test_akamais_own_tokens(vector: Mapping[str, Any]) -> None:
    salt = vector.get("salt")
    dialect = Akamai(AkamaiOptions(salt=Secret(salt.encode()) if salt else None, escape_early=salt is not None))
    claims = claims_of(vector["token"], dialect, target=vector.get("url", ""))
    assert claims.expires in {4102444800, 1795374329}
    assert claims.not_before in {1700000000, 1795368329}
    if salt:
        assert (claims.session_id, claims.networks) == ("sess/1", (ip_network("192.0.2.7/32"),))
        assert claims.extra == (("data", "k=v&a"),)
    if "url" in vector:
        assert claims.urls == PathAndQuery(vector["url"])
        assert denied(vector["token"], dialect, target=vector["url"] + "x") is Reason.BAD_SIGNATURE
        return
    assert claims.scope is not None
    assert all(map(claims.scope.covers, vector["covers"]))
    assert not any(map(claims.scope.covers, vector["not"]))


@pytest.mark.parametrize("using", Mac)
def test_each_hash(using: Mac) -> None:
    dialect = Akamai(read_options(AkamaiOptions, {"hmac": using.value}))
    text = signed("exp=2000000000~acl=/*", using=using.value)
    assert claims_of(text, dialect).key_id == "a1"
    assert using is Mac.SHA256 or denied(text) is Reason.BAD_SIGNATURE


def test_the_key_before_the_current_one_still_opens() -> None:
    text = signed("exp=2000000000~acl=/*")
    ring = KeyRing([KEY, Key("a2", Algorithm.SHARED, Secret(b"y" * 16))])
    assert claims_of(text, ring=ring).key_id == "a1"


def test_the_boundaries_in_time() -> None:
    claims = claims_of(signed(f"st={NOW - 5}~exp={NOW}~acl=/*"))
    expired = judge_token(claims, Policy(), NOW)
    early = judge_token(claims, Policy(), NOW - 5.001)
    assert expired is not None
    assert early is not None
    assert (expired.reason, early.reason) == (Reason.EXPIRED, Reason.NOT_YET_VALID)
    assert judge_token(claims, Policy(), NOW - 5) is None
    assert judge_token(claims, Policy(), NOW - 0.001) is None


def test_a_token_without_an_end_is_left_to_the_policy() -> None:
    objection = judge_token(claims_of(signed("acl=/*")), Policy(), NOW)
    assert objection is not None
    assert objection.reason is Reason.EXPIRY_MISSING


@pytest.mark.parametrize(
    ("acl", "path", "is_covered"),
    [
        ("/vod/*", "/vod/a/b/c", True),
        ("/vod/*", "/vod/", True),
        ("/vod/*", "/vod", False),
        ("/vod/*", "/vodka", False),
        ("*", "/anything/at/all", True),
        ("/*", "/", True),
        ("*/film/*", "/a/b/film/c", True),
        ("*.m3u8", "/a/b.m3u8", True),
        ("/vod/**", "/vod/a/b", True),
        ("/vod/***.ts", "/vod/a/b.ts", True),
        ("/vod/a.ts", "/vod/a.ts", True),
        ("/vod/a.ts", "/vod/a.tss", False),
        ("/vod/?.ts", "/vod/a.ts", True),
        ("/vod?a", "/vod/a", False),
        ("/vod/%61/*", "/vod/a/x", True),
        ("/a!/b", "/b", True),
        ("/a!/b", "/a!/b", False),
    ],
)
def test_patterns(acl: str, path: str, is_covered: bool) -> None:
    claims = claims_of(signed(f"exp=2000000000~acl={acl}"))
    objection = enforce(claims, Request("GET", "https", "h", path), Policy(), NOW)
    assert (objection is None) is is_covered


@pytest.mark.parametrize(
    "acl", ["", "vod/*", "/a!", "!/a", "?vod", "/a//b", "/a/../b", "%2fvod%2f%2a", "/a#", "/a!" * 80]
)
def test_patterns_that_are_none(acl: str) -> None:
    assert denied(signed(f"exp=2000000000~acl={acl}")) is Reason.MALFORMED


@pytest.mark.parametrize(
    "fields",
    [
        "exp=2000000000~acl=/*~exp=3000000000",
        "exp=2000000000~acl=/*~acl=/a",
        "exp=~acl=/*",
        "exp=2e9~acl=/*",
        "exp=-1~acl=/*",
        "exp=+1~acl=/*",
        "exp=2000000000.5~acl=/*",
        "exp=\N{FULLWIDTH DIGIT NINE}~acl=/*",
        "exp=9999999999999999~acl=/*",
        "st=now~exp=2000000000~acl=/*",
        "ip=192.0.2.0/24~exp=2000000000~acl=/*",
        "ip=x~exp=2000000000~acl=/*",
        "ip=~exp=2000000000~acl=/*",
        "exp=2000000000~acl=/*~id=",
        "exp=2000000000~acl=/*~id=a\nb",
        "exp=2000000000~acl=/*~data=" + "x" * 513,
        "exp=2000000000~~acl=/*",
        "exp=2000000000~acl=/*~alone",
        "~acl=/*",
    ],
)
def test_authentic_nonsense(fields: str) -> None:
    assert denied(signed(fields)) is Reason.MALFORMED


@pytest.mark.parametrize("fields", ["exp=2000000000~acl=/*~geo=CA", "exp=2000000000~acl=/*~hmac=00~id=x"])
def test_an_unknown_field_may_restrict(fields: str) -> None:
    assert denied(signed(fields)) is Reason.UNSUPPORTED


def test_an_unknown_field_that_is_said_to_be_harmless() -> None:
    dialect = Akamai(AkamaiOptions(unknown_fields=True))
    assert claims_of(signed("exp=2000000000~acl=/*~tier=gold"), dialect).extra == (("tier", "gold"),)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hmac=00",
        "exp=1~acl=/*",
        "exp=1~acl=/*~hmac=",
        signed("exp=1~acl=/*").upper(),
        signed("exp=1~acl=/*") + "~id=x",
        "exp=1~acl=/" + "a" * 4096 + "~hmac=00",
    ],
)
def test_what_is_no_token(text: str) -> None:
    assert denied(text) is Reason.MALFORMED


def test_the_mac_comes_before_everything_else() -> None:
    assert denied("geo=CA~exp=x~hmac=" + "0" * 64) is Reason.BAD_SIGNATURE


def test_a_token_for_a_url_is_for_no_other() -> None:
    text = signed("exp=2000000000", "~url=/vod/film/a.ts?x=1")
    assert claims_of(text, target="/vod/film/a.ts?x=1").urls == PathAndQuery("/vod/film/a.ts?x=1")
    for target in ("/vod/film/a.ts", "/vod/film/a.ts?x=2", "/vod/film/b.ts?x=1"):
        assert denied(text, target=target) is Reason.BAD_SIGNATURE
    assert denied(text, target="") is Reason.MALFORMED


@pytest.mark.parametrize("is_lenient", [False, True])
def test_a_url_that_was_signed_is_never_taken_for_fields(is_lenient: bool) -> None:
    """Whoever gets a URL with "~acl=" in it signed has the HMAC of these fields."""
    dialect = Akamai(AkamaiOptions(unknown_fields=is_lenient))
    assert denied(signed("exp=2000000000~url=/x?~acl=/*"), dialect) is Reason.MALFORMED
    assert denied(signed("exp=2000000000~url=/x", "~url=/y"), dialect, target="/y") is Reason.MALFORMED


def test_the_query_may_be_no_part_of_the_url() -> None:
    dialect = Akamai(AkamaiOptions(url_query=False))
    request = Request("GET", "https", "h", "/vod/a", "x=1&hdnts=" + signed("exp=2000000000", "~url=/vod/a"))
    located = dialect.locate(request, CARRIAGE, "/vod")
    assert located is not None
    assert dialect.verify(located, RING).urls == PathAndQuery("/vod/a")


@pytest.mark.parametrize(
    "url",
    ["%2fvod%2fa%3fx%3d1+2%7ex", "%2fvod%2fa%3fx%3d1%202%7ex", "%2fvod%2fa%3fx%3d1+2~x"],
    ids=["python before 3.7", "javascript", "python"],
)
def test_both_libraries_escapes(url: str) -> None:
    text = signed("exp=2000000000", f"~url={url}")
    if url.endswith("+2%7ex"):
        assert denied(text, ESCAPING, target="/vod/a?x=1 2~x") is Reason.BAD_SIGNATURE
    else:
        assert claims_of(text, ESCAPING, target="/vod/a?x=1 2~x").expires == 2000000000
    assert denied(text, target="/vod/a?x=1 2~x") is Reason.BAD_SIGNATURE


@pytest.mark.parametrize("spelling", ["sess%2f1+a", "sess%2f1%20a"])
def test_escaped_fields_survive_a_url_that_has_them_as_they_are(spelling: str) -> None:
    text = signed(f"exp=2000000000~acl=/vod/*~id={spelling}")
    for request in (
        Request("GET", "https", "h", "/vod/a", f"hdnts={text}"),
        Request("GET", "https", "h", "/vod/a", cookies=(("hdnts", text),)),
        Request("GET", "https", "h", "/vod/a", headers=(("hdnts", text),)),
    ):
        located = ESCAPING.locate(request, CARRIAGE, "/vod")
        assert located is not None
        assert ESCAPING.verify(located, RING).session_id == "sess/1 a"


def test_a_broken_escape() -> None:
    assert denied(signed("exp=2000000000~acl=/*~id=%2"), ESCAPING) is Reason.MALFORMED


def test_two_tokens_are_ambiguous() -> None:
    text = signed("exp=2000000000~acl=/*")
    with pytest.raises(Denied) as caught:
        AKAMAI.locate(Request("GET", "https", "h", "/vod/a", f"hdnts={text}&hdnts={text}"), CARRIAGE, "/vod")
    assert caught.value.reason is Reason.AMBIGUOUS


def test_a_token_for_paths_is_located_alike_on_every_url() -> None:
    """So that it is verified once for all segments."""
    text = signed("exp=2000000000~acl=/*")
    places = [
        AKAMAI.locate(Request("GET", "https", "h", path, f"hdnts={text}"), CARRIAGE, "/") for path in ("/a", "/b")
    ]
    assert [place and place.bound for place in places] == [("", ""), ("", "")]


def test_by_any_name() -> None:
    carriage = Carriage("__token__", frozenset({Transport.HEADER}), "x-akamai-token")
    text = signed("exp=2000000000~acl=/*")
    request = Request("GET", "https", "h", "/a", headers=(("x-akamai-token", text),))
    assert AKAMAI.locate(request, carriage, "/") is not None


def test_a_prefix_is_minted_as_patterns() -> None:
    text = AKAMAI.mint(Claims(expires=NOW + 60, scope=PathScope.prefix("/vod/film")), KEY).reveal()
    assert "~acl=/vod/film!/vod/film/*~" in text
    assert AKAMAI.mint(Claims(scope=PathScope.prefix("/")), KEY).reveal().startswith("acl=/*~")


@pytest.mark.parametrize(
    "claims",
    [
        Claims(expires=NOW),
        Claims(expires=NOW + 0.5, scope=PathScope.exact("/a")),
        Claims(expires=-1, scope=PathScope.exact("/a")),
        Claims(expires=NOW, not_before=NOW, scope=PathScope.exact("/a")),
        Claims(expires=NOW, scope=PathScope.glob("/a/*")),
        Claims(expires=NOW, scope=PathScope.exact("/a!b")),
        Claims(expires=NOW, scope=PathScope.exact("/a*b")),
        Claims(expires=NOW, scope=PathScope.exact("/a~b")),
        Claims(expires=NOW, scope=PathScope.exact("/a"), subject="x"),
        Claims(expires=NOW, scope=PathScope.exact("/a"), session_id="a~b"),
        Claims(expires=NOW, scope=PathScope.exact("/a"), session_id=""),
        Claims(expires=NOW, scope=PathScope.exact("/a"), methods=frozenset({"GET"})),
        Claims(expires=NOW, scope=PathScope.exact("/a"), networks=(ip_network("192.0.2.0/24"),)),
        Claims(expires=NOW, scope=PathScope.exact("/a"), networks=()),
        Claims(expires=NOW, scope=PathScope.exact("/a"), extra=(("tier", "gold"),)),
        Claims(expires=NOW, scope=PathScope.exact("/a"), urls=PathAndQuery("/a")),
        Claims(expires=NOW, urls=UrlPrefixes(("https://h/",))),
        Claims(expires=NOW, urls=PathAndQuery("/other")),
    ],
)
def test_nonsense_is_not_minted(claims: Claims) -> None:
    with pytest.raises(Misuse):
        AKAMAI.mint(claims, KEY, Url.parse("https://h/vod/a"))


def test_data_is_minted() -> None:
    claims = Claims(expires=NOW, scope=PathScope.exact("/a"), extra=(("data", "k=v"),))
    assert AKAMAI.mint(claims, KEY).reveal().startswith(f"exp={NOW}~acl=/a~data=k=v~hmac=")


def test_only_a_shared_secret_mints() -> None:
    with pytest.raises(Misuse):
        AKAMAI.mint(FOR_PATHS, Key("a1", Algorithm.HS256, Secret(b"x" * 32)))
