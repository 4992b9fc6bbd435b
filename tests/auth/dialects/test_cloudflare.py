"""The `cloudflare` dialect: the contract in each form of a rule, a sample, and the boundaries."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from auth.algorithms import Algorithm
from auth.carriage import Found, Transport
from auth.claims import Claims
from auth.dialects.cloudflare import CARRIAGE, Cloudflare, CloudflareOptions
from auth.enforce import Policy, enforce
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.options import read_options
from auth.request import Request
from auth.rules.url import Url
from auth.rules.wildcards import UrlWildcards
from auth.scope import PathScope
from auth.secret import Secret, Token
from tests.auth.samples import HMAC_KEY, NOW
from tests.contracts.dialect import DialectContract

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "cloudflare.json").read_text())
KEY = Key("c1", Algorithm.SHARED, Secret(b"0123456789abcdef"))
RING = KeyRing([KEY])
TTL = 10_800
URL = Url.parse("https://cdn.example/vod/film/a.ts?x=1")
DEFAULT = Cloudflare(CloudflareOptions())


def located(path: str, query: str, dialect: Cloudflare = DEFAULT) -> Found:
    found = dialect.locate(Request("GET", "https", "h", path, query), CARRIAGE, "/vod")
    assert found is not None
    return found


def refusal(found: Found, dialect: Cloudflare = DEFAULT, ring: KeyRing = RING) -> Reason:
    with pytest.raises(Denied) as denied:
        dialect.verify(found, ring)
    return denied.value.reason


class TestContract(DialectContract):
    name = "cloudflare"
    key = KEY
    other_key = Key("c1", Algorithm.SHARED, Secret(b"x" * 16))
    verify_only_key = replace(KEY, verify_only=True)
    transports = (Transport.QUERY,)
    claims = Claims(
        expires=NOW + TTL,
        issued_at=NOW,
        scope=PathScope.exact("/vod/film/a.ts"),
        urls=UrlWildcards("*://*/vod/film/a.ts\\?x=1"),
    )


class TestUrlSafe(TestContract):
    options = CloudflareOptions(ttl=60, url_safe=True, separator="&verify=")
    claims = replace(TestContract.claims, expires=NOW + 60)


class TestPrefix(TestContract):
    options = CloudflareOptions(segments=2)
    claims = Claims(expires=NOW + TTL, issued_at=NOW, scope=PathScope.prefix("/vod/film/"))


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["url"])
def test_samples(vector: dict[str, Any]) -> None:
    ring = KeyRing([Key("c1", Algorithm.SHARED, Secret(VECTORS["key"].encode()), allow_weak=True)])
    path, _, query = vector["url"].partition("?")
    claims = DEFAULT.verify(located(path, query), ring)
    assert (claims.issued_at, claims.expires) == (vector["issued"], vector["issued"] + TTL)
    assert DEFAULT.verify(located(path, query.replace("=", "%3D").replace("%3D", "=", 1)), ring) == claims
    assert refusal(located(path + "x", query), ring=ring) is Reason.BAD_SIGNATURE
    assert refusal(located(path, "x=1&" + query), ring=ring) is Reason.BAD_SIGNATURE


def test_its_time() -> None:
    """Good from its issue on, and no more at issue + ttl."""
    claims = DEFAULT.verify(located("/vod/a", _query(Url.parse("https://h/vod/a"))), RING)
    asked = Request("GET", "https", "h", "/vod/a")
    for now, words in (
        (NOW - 1, "token_not_yet_valid"),
        (NOW, "None"),
        (NOW + TTL - 1, "None"),
        (NOW + TTL, "token_expired"),
    ):
        assert str(enforce(claims, asked, Policy(), now)) == words


def _query(url: Url, dialect: Cloudflare = DEFAULT) -> str:
    token = dialect.mint(Claims(expires=NOW + TTL), KEY, url).reveal()
    return (f"{url.query}&" if url.query else "") + f"verify={token}"


def test_the_parameter_is_the_last() -> None:
    query = _query(URL)
    for altered in (query + "&y=1", query + "&", query + "&verifyx=1"):
        with pytest.raises(Denied) as denied:
            located(URL.path, altered)
        assert denied.value.reason is Reason.MALFORMED
    with pytest.raises(Denied) as denied:
        located(URL.path, query + "&%76erify=1")
    assert denied.value.reason is Reason.AMBIGUOUS


def test_a_prefix_is_good_for_all_below_it() -> None:
    prefix = Cloudflare(CloudflareOptions(segments=2))
    query = _query(URL, prefix)
    token = query.rpartition("&")[2]
    assert prefix.verify(located("/vod/film/b/c.ts", "y=2&" + token, prefix), RING).scope == PathScope.prefix(
        "/vod/film/"
    )
    assert refusal(located("/vod/other/a.ts", token, prefix), prefix) is Reason.BAD_SIGNATURE
    assert refusal(located("/vod/film", token, prefix), prefix) is Reason.MALFORMED


def test_the_newest_few_secrets_are_tried() -> None:
    others = [Key(f"n{n}", Algorithm.SHARED, Secret(f"{n:016}".encode())) for n in range(4)]
    found = located(URL.path, _query(URL))
    assert DEFAULT.verify(found, KeyRing([*others[:3], KEY])).key_id == "c1"
    assert refusal(found, ring=KeyRing([KEY, *others])) is Reason.BAD_SIGNATURE
    assert refusal(found, ring=KeyRing([HMAC_KEY])) is Reason.UNKNOWN_KEY


def test_what_no_rule_can_say() -> None:
    """An authentic URL whose query would be a wildcard, and paths without a normal form."""
    for path, query, reason in (("/vod/a", "x=*", Reason.UNSUPPORTED), ("/vod/../a", "", Reason.MALFORMED)):
        url = Url("https", "h", None, path, query)
        with pytest.raises(Misuse):
            DEFAULT.mint(Claims(expires=NOW + TTL), KEY, url)
        signed = Cloudflare(CloudflareOptions(segments=1, separator=f"a?{query}" if query else "../a"))
        token = signed.mint(Claims(expires=NOW + TTL), KEY, Url.parse("https://h/vod/a")).reveal()
        pieces = [query] if query else []
        assert refusal(located(path, "&".join([*pieces, f"verify={token}"]))) is reason


def test_a_token_without_its_url() -> None:
    token = DEFAULT.mint(Claims(expires=NOW + TTL), KEY, URL)
    assert refusal(Found(token, Transport.QUERY, "/", "")) is Reason.MALFORMED


@pytest.mark.parametrize(
    "text", ["", "1800000000-", "180000000-" + "A" * 44, "1800000000-" + "A" * 43, "18e8000000-" + "A" * 44]
)
def test_what_is_no_token(text: str) -> None:
    assert refusal(Found(Token(text), Transport.QUERY, "/", "", ("/vod/a", ""))) is Reason.MALFORMED


@pytest.mark.parametrize(
    "claims",
    [
        Claims(),
        Claims(expires=NOW + 0.5),
        Claims(expires=TTL + 10**9 - 1),
        Claims(expires=TTL + 10**10),
        Claims(expires=float("nan")),
        Claims(expires=NOW, issued_at=NOW - 1),
        Claims(expires=NOW, not_before=NOW - 1),
        Claims(expires=NOW, subject="x"),
        Claims(expires=NOW, scope=PathScope.prefix("/vod")),
        Claims(expires=NOW, urls=UrlWildcards("*")),
    ],
)
def test_what_a_url_cannot_say_is_not_minted(claims: Claims) -> None:
    with pytest.raises(Misuse):
        DEFAULT.mint(claims, KEY, URL)


def test_what_is_needed_to_mint() -> None:
    with pytest.raises(Misuse):
        DEFAULT.mint(Claims(expires=NOW), KEY)
    with pytest.raises(Misuse):
        DEFAULT.mint(Claims(expires=NOW), HMAC_KEY, URL)


@pytest.mark.parametrize("table", [{"ttl": 0}, {"ttl": True}, {"segments": -1}, {"url_safe": 1}, {"other": 1}])
def test_options_that_are_refused(table: dict[str, object]) -> None:
    with pytest.raises(Misuse):
        read_options(CloudflareOptions, table)
