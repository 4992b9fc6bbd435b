"""The `bunny` dialect: the contract by generation, every published vector, countries, addresses and traps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import ClassVar

import pytest

from auth.algorithms import Algorithm
from auth.carriage import Carriage, Transport
from auth.claims import Claims
from auth.dialects.bunny import Bunny, BunnyOptions, Generation
from auth.enforce import Policy, enforce
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.request import Request
from auth.rules.countries import Countries
from auth.rules.url import Url
from auth.scope import PathScope
from auth.secret import Secret
from tests.auth.samples import NOW, SECRET
from tests.contracts.dialect import DialectContract

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "bunny.json").read_text())
VECTOR_RING = KeyRing([Key("k", Algorithm.SHARED, Secret(VECTORS["secret"].encode()), allow_weak=True)])
KEY = Key("k1", Algorithm.SHARED, Secret(SECRET))
RING = KeyRing([KEY])
CARRIAGE = Carriage("token", frozenset({Transport.PATH, Transport.QUERY}))
FILM = Url.parse("https://cdn.example/vod/film/a.ts?x=1")
PLAIN = Claims(scope=PathScope.exact("/vod/film/a.ts"), expires=NOW + 60)


class TestContract(DialectContract):
    name = "bunny"
    key = KEY
    other_key = Key("k1", Algorithm.SHARED, Secret(b"x" * 32))
    verify_only_key = replace(KEY, verify_only=True)
    claims = Claims(
        scope=PathScope.prefix("/vod/film"), expires=NOW + 60, conditions=(Countries(("CA", "US"), ("RU",)),)
    )
    transports: ClassVar[tuple[Transport, ...]] = (Transport.QUERY,)


class TestContractInPaths(TestContract):
    url = "https://cdn.example/vod/film/a.ts"
    transports: ClassVar[tuple[Transport, ...]] = (Transport.PATH, Transport.QUERY)


class TestContractOfSha256(TestContract):
    options = BunnyOptions(Generation.SHA256)


class TestContractOfMd5(TestContract):
    options = BunnyOptions(Generation.MD5)
    claims = PLAIN


def opened(request: Request, options: BunnyOptions | None = None, ring: KeyRing = RING) -> Claims:
    dialect = Bunny(options or BunnyOptions())
    found = dialect.locate(request, CARRIAGE, "/")
    assert found is not None
    return dialect.verify(found, ring)


def refused(request: Request, options: BunnyOptions | None = None, ring: KeyRing = RING) -> Reason:
    with pytest.raises(Denied) as caught:
        opened(request, options, ring)
    return caught.value.reason


def signed(claims: Claims = PLAIN, options: BunnyOptions | None = None, url: Url = FILM) -> Request:
    dialect = Bunny(options or BunnyOptions())
    parts = Url.parse(dialect.issue(url.text, dialect.mint(claims, KEY, url), CARRIAGE, "/", Transport.QUERY).url)
    return Request("GET", "https", "cdn.example", parts.path, parts.query)


def asked(vector: Mapping[str, str]) -> Request:
    path, _, query = vector["url"].partition("?")
    client = VECTORS["clients"].get(vector["name"][:5])
    return Request("GET", "https", "h", path, query, client=ip_address(client) if client else None)


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["name"])
def test_the_vectors(vector: Mapping[str, str]) -> None:
    options = BunnyOptions(Generation(vector["generation"]), ignore_limit=True)
    claims = opened(asked(vector), options, VECTOR_RING)
    name = vector["name"]
    assert claims.expires == VECTORS["expires"]
    assert claims.scope == {
        "path_only": PathScope.prefix("/abc"),
        "ip_v4_path": PathScope.prefix("/abc"),
    }.get(name, PathScope.exact("/abc/" if "/abc/" in vector["url"] else "/300kb.jpg"))
    assert claims.networks == {
        "ip_v4": (ip_network("1.2.3.4"),),
        "ip_v6": (ip_network("2001:db8:85a3::/64"),),
    }.get(name[:5])
    countries = Countries(("CA", "US")) if "countries" in name else Countries((), ("RU", "CN"))
    assert claims.conditions == ((countries,) if "countries" in name or "blocked" in name else ())


@pytest.mark.parametrize("name", ["ip_v4_only", "ip_v6_only"])
def test_another_address_is_refused(name: str) -> None:
    request = asked(next(vector for vector in VECTORS["vectors"] if vector["name"] == name))
    for client, reason in (("1.2.3.5", Reason.BAD_SIGNATURE), ("2001:db8:85a4::1", Reason.BAD_SIGNATURE)):
        assert refused(replace(request, client=ip_address(client)), ring=VECTOR_RING) is reason
    assert refused(replace(request, client=None), ring=VECTOR_RING) is Reason.WRONG_NETWORK
    if name == "ip_v6_only":
        assert opened(replace(request, client=ip_address("2001:db8:85a3::1")), ring=VECTOR_RING).key_id == "k"


def test_a_limit_is_not_enforced_here() -> None:
    request = asked(next(vector for vector in VECTORS["vectors"] if vector["name"] == "limit_only"))
    assert refused(request, ring=VECTOR_RING) is Reason.UNSUPPORTED
    assert opened(request, BunnyOptions(ignore_limit=True), VECTOR_RING).extra == (("limit", "1000"),)


@pytest.mark.parametrize("more", ["&token_countries=US", "&token_countries_blocked=RU", "&limit=9"])
def test_what_is_not_covered_is_not_taken(more: str) -> None:
    for name in ("ignore_params", "md5"):
        vector = next(vector for vector in VECTORS["vectors"] if vector["name"] == name)
        request = asked(vector)
        options = BunnyOptions(Generation(vector["generation"]))
        assert refused(replace(request, query=request.query + more), options, VECTOR_RING) is Reason.MALFORMED


def test_other_parameters_may_be_left_out_of_the_hash() -> None:
    request = asked(next(vector for vector in VECTORS["vectors"] if vector["name"] == "ignore_params"))
    assert opened(replace(request, query=request.query + "&any=1"), ring=VECTOR_RING).key_id == "k"
    other = replace(request, query=request.query.replace("=true", "=false"))
    assert refused(other, ring=VECTOR_RING) is Reason.MALFORMED


def test_two_parameters_are_not_joined_into_one() -> None:
    """Without escapes both spellings are the same text, and the restriction would be gone."""
    claims = replace(PLAIN, conditions=(Countries(("CA",)),))
    request = signed(claims)
    assert "x=1" in request.query
    moved = request.query.replace("x=1", "x=1%26token_countries%3DCA").replace("&token_countries=CA", "")
    assert refused(replace(request, query=moved)) is Reason.MALFORMED


def test_a_path_gives_no_digit_to_the_expiry() -> None:
    url = Url.parse("https://cdn.example/vod/ch2")
    request = signed(replace(PLAIN, scope=PathScope.exact(url.path)), url=url)
    assert opened(request).scope == PathScope.exact("/vod/ch2")
    shifted = replace(request, path="/vod/ch", query=request.query.replace("expires=", "expires=2"))
    assert refused(shifted) is Reason.MALFORMED


@pytest.mark.parametrize("old", ["x=1", f"expires={NOW + 60}", "token="])
def test_every_parameter_is_covered(old: str) -> None:
    request = signed()
    changed = old.replace("1", "2") if "1" in old else old + "x"
    assert refused(replace(request, query=request.query.replace(old, changed))) in {
        Reason.BAD_SIGNATURE,
        Reason.MALFORMED,
    }


@pytest.mark.parametrize("more", ["&token=x", "&expires=1", "&x=2", "&%78=2"])
def test_a_parameter_twice(more: str) -> None:
    request = signed()
    assert refused(replace(request, query=request.query + more)) is Reason.AMBIGUOUS


def test_a_token_in_two_places() -> None:
    request = signed()
    assert refused(replace(request, path="/bcdn_token=x&expires=1" + request.path)) is Reason.AMBIGUOUS


def test_a_segment_of_anything_else() -> None:
    assert refused(Request("GET", "https", "h", "/bcdn_token=x&other=1/a")) is Reason.MALFORMED
    assert refused(Request("GET", "https", "h", "/bcdn_token=x/a")) is Reason.MALFORMED
    assert refused(Request("GET", "https", "h", "/bcdn_token=%GG/a")) is Reason.MALFORMED


@pytest.mark.parametrize(("path", "is_open"), [("/vod/film/b.ts", True), ("/vod/filmed/b.ts", False)])
def test_a_prefix_ends_at_a_segment(path: str, is_open: bool) -> None:
    request = signed(replace(PLAIN, scope=PathScope.prefix("/vod/film")))
    asked_for = replace(request, path=path)
    claims = opened(asked_for)
    assert (enforce(claims, asked_for, Policy(), NOW) is None) is is_open


@pytest.mark.parametrize(("now", "is_open"), [(NOW + 59, True), (NOW + 60, False)])
def test_at_its_end_it_is_over(now: float, is_open: bool) -> None:
    assert (enforce(opened(signed()), Request("GET", "https", "h", FILM.path), Policy(), now) is None) is is_open


@pytest.mark.parametrize("network", ["192.0.2.7/32", "2001:db8:1:2::/64"])
@pytest.mark.parametrize("options", [BunnyOptions(), BunnyOptions(Generation.SHA256, has_address=True)])
def test_our_own_with_addresses(network: str, options: BunnyOptions) -> None:
    claims = replace(PLAIN, networks=(ip_network(network),))
    if network.endswith("/64") and options.generation is not Generation.HMAC:
        return
    request = signed(claims, options)
    client = ip_address("2001:db8:1:2::9" if ":" in network else "192.0.2.7")
    assert opened(replace(request, client=client), options).networks == claims.networks


@pytest.mark.parametrize(
    "claims",
    [
        replace(PLAIN, expires=None),
        replace(PLAIN, scope=PathScope.prefix("/a", "/b")),
        replace(PLAIN, networks=(ip_network("192.0.2.0/24"),)),
        replace(PLAIN, networks=(ip_network("2001:db8::1"),)),
        replace(PLAIN, subject="x"),
        replace(PLAIN, conditions=(Countries(("CA",)), Countries(("US",)))),
    ],
)
def test_what_a_token_cannot_say(claims: Claims) -> None:
    for url in (FILM, None):
        with pytest.raises(Misuse):
            Bunny(BunnyOptions()).mint(claims, KEY, url)
