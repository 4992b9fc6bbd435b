"""What is signed when somebody asks for little, and that what was asked for is never left out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auth.algorithms import Algorithm
from auth.carriage import Found, Transport
from auth.claims import Claims
from auth.dialects import DIALECTS
from auth.dialects.dialect import Spec
from auth.dialects.jwt import Jwt
from auth.errors import Misuse
from auth.gate import Gate
from auth.keys import Key, KeyRing
from auth.minting import Customs, Wish, fulfil
from auth.realm import Accepted, Realm
from auth.request import Request
from auth.rules.url import ExactUrl, Url, UrlPrefixes
from auth.scope import PathScope
from auth.secret import Token
from tests.auth.samples import NOW, RING, key_of

URL = "https://cdn.example/vod/film/index.m3u8"
ASKED = Claims(expires=NOW + 60)
CUSTOMS = Customs("fresh-id", "https://issuer.example", ())
GATE = Gate(Realm("/vod"))


def said(gate: Gate, wish: Wish) -> Claims:
    signed = fulfil(gate, wish, CUSTOMS, RING, NOW)
    url = Url.parse(signed.url)
    return gate.admit(Request("GET", "https", "cdn.example", url.path, url.query), RING, NOW).claims


class Terse(Jwt):
    """A format that knows nothing but times and paths."""

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        if claims.token_id or claims.issuer or claims.subject:
            raise Misuse("it cannot say who")
        return super().mint(claims, key, url)

    def verify(self, found: Found, ring: object) -> Claims:
        return replace(super().verify(found, ring), dialect="terse")  # type: ignore[arg-type]


class TerseAboutOnePath(Terse):
    """And of paths only one."""

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        if claims.scope is not None and not claims.scope.patterns(claims.scope.rules[0].rule.EXACT):
            raise Misuse("it covers one path")
        return super().mint(claims, key, url)


def test_the_directory_is_covered_and_customs_are_kept() -> None:
    claims = said(GATE, Wish(URL, ASKED))
    assert claims.scope == PathScope.prefix("/vod/film/")
    assert (claims.token_id, claims.issuer, claims.issued_at) == ("fresh-id", "https://issuer.example", NOW)


def test_what_is_asked_for_wins() -> None:
    asked = replace(ASKED, issuer="me", token_id="mine", issued_at=NOW - 5, scope=PathScope.prefix("/vod"))
    claims = said(GATE, Wish(URL, asked))
    assert (claims.issuer, claims.token_id, claims.issued_at, claims.scope) == ("me", "mine", NOW - 5, asked.scope)


def test_a_token_on_the_url_is_replaced() -> None:
    once = fulfil(GATE, Wish(URL, ASKED, Transport.PATH), CUSTOMS, RING, NOW).url
    assert said(GATE, Wish(once, ASKED, Transport.PATH)).scope == PathScope.prefix("/vod/film/")


@pytest.mark.parametrize(
    ("dialect", "scope"),
    [(Terse(), PathScope.prefix("/vod/film/")), (TerseAboutOnePath(), PathScope.exact("/vod/film/index.m3u8"))],
)
def test_a_terse_format_goes_without(dialect: Jwt, scope: PathScope) -> None:
    gate = Gate(Realm("/vod", (Accepted("terse"),)), {"terse": Spec(lambda _: dialect)})
    claims = said(gate, Wish(URL, ASKED))
    assert (claims.token_id, claims.issuer, claims.scope) == (None, None, scope)
    with pytest.raises(Misuse, match=r"cannot say who|covers one path"):
        fulfil(gate, Wish(URL, replace(ASKED, subject="anna")), CUSTOMS, RING, NOW)


@pytest.mark.parametrize(
    ("url", "scope", "says"),
    [
        ("/vod", None, "is the mount itself"),
        (URL, PathScope.prefix("/vod/other"), "would not cover"),
        ("/vod/a%2Fb", None, "encoded slash"),
        ("nowhere", None, "absolute URL"),
    ],
)
def test_what_cannot_be_signed(url: str, scope: PathScope | None, says: str) -> None:
    with pytest.raises(Misuse, match=says):
        fulfil(GATE, Wish(url, replace(ASKED, scope=scope)), CUSTOMS, RING, NOW)


@pytest.mark.parametrize(
    ("dialect", "covers"),
    [
        ("edgio", PathScope.glob("/vod/film/**")),
        ("wowza", PathScope.prefix("/vod/film")),
        ("cdn77", PathScope.glob("/vod/film/*")),
        ("keycdn", PathScope.exact("/vod/film/index.m3u8")),
        ("cloud-cdn", UrlPrefixes(("https://cdn.example/vod/film/",))),
    ],
)
def test_a_format_covers_the_directory_in_its_own_words(dialect: str, covers: PathScope | UrlPrefixes) -> None:
    gate = Gate(Realm("/vod", (Accepted(dialect, DIALECTS[dialect].carriage),)))
    ring = KeyRing([key_of(Algorithm.SHARED)])
    signed = fulfil(gate, Wish(URL, ASKED), CUSTOMS, ring, NOW)
    url = Url.parse(signed.url)
    claims = gate.admit(Request("GET", "https", "cdn.example", url.path, url.query), ring, NOW).claims
    assert covers in {claims.scope, claims.urls}
    with pytest.raises(Misuse):
        fulfil(gate, Wish(URL, replace(ASKED, scope=PathScope.glob("/vod/film/*.m3u8"))), CUSTOMS, ring, NOW)


def test_a_star_of_the_directory_is_no_pattern() -> None:
    gate = Gate(Realm("/vod", (Accepted("edgio", DIALECTS["edgio"].carriage),)))
    with pytest.raises(Misuse):
        fulfil(gate, Wish("/vod/a*b/x.m3u8", ASKED), CUSTOMS, KeyRing([key_of(Algorithm.SHARED)]), NOW)


def test_a_rule_for_urls_that_was_asked_for_stays() -> None:
    gate = Gate(Realm("/vod", (Accepted("cloud-cdn", DIALECTS["cloud-cdn"].carriage),)))
    asked = replace(ASKED, urls=ExactUrl("https://cdn.example/vod/other.ts"))
    with pytest.raises(Misuse):
        fulfil(gate, Wish(URL, asked), CUSTOMS, KeyRing([key_of(Algorithm.SHARED)]), NOW)
