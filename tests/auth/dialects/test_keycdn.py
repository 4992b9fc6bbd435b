"""The `keycdn` dialect: the contract, a vector and boundaries."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from auth.algorithms import Algorithm
from auth.carriage import Transport
from auth.claims import Claims
from auth.dialects import DIALECTS
from auth.enforce import Policy, enforce
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.options import Options
from auth.request import Request
from auth.rules.url import Url
from auth.scope import PathScope
from auth.secret import Secret
from tests.auth.samples import NOW, SECRET
from tests.contracts.dialect import DialectContract

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "keycdn.json").read_text())
KEY = Key("k1", Algorithm.SHARED, Secret(SECRET))
RING = KeyRing([KEY])
FILM = Url.parse("https://cdn.example/vod/film/a.ts?x=1")


class TestContract(DialectContract):
    name = "keycdn"
    key = KEY
    other_key = Key("k1", Algorithm.SHARED, Secret(b"x" * 32))
    verify_only_key = replace(KEY, verify_only=True)
    claims = Claims(scope=PathScope.exact("/vod/film/a.ts"), expires=NOW + 60)
    transports: ClassVar[tuple[Transport, ...]] = (Transport.QUERY,)


def weak(secret: bytes) -> KeyRing:
    return KeyRing([Key("k", Algorithm.SHARED, Secret(secret), allow_weak=True)])


def opened(request: Request, ring: KeyRing = RING, options: Options | None = None, mount: str = "/") -> Claims:
    spec = DIALECTS["keycdn"]
    dialect = spec.make(options or spec.options())
    found = dialect.locate(request, spec.carriage, mount)
    assert found is not None
    return dialect.verify(found, ring)


def refused(request: Request, ring: KeyRing = RING, options: Options | None = None) -> Reason:
    with pytest.raises(Denied) as caught:
        opened(request, ring, options)
    return caught.value.reason


def signed(claims: Claims = TestContract.claims, options: Options | None = None, url: Url = FILM) -> Request:
    spec = DIALECTS["keycdn"]
    dialect = spec.make(options or spec.options())
    token = dialect.mint(claims, KEY, url)
    transport = Transport.QUERY if Transport.QUERY in spec.carriage.transports else Transport.PATH
    parts = Url.parse(dialect.issue(url.text, token, spec.carriage, "/vod", transport).url)
    return Request("GET", "https", "cdn.example", parts.path, parts.query)


@pytest.mark.parametrize(("now", "is_open"), [(NOW + 59, True), (NOW + 59.999, True), (NOW + 60, False)])
def test_at_its_end_it_is_over(now: float, is_open: bool) -> None:
    objection = enforce(opened(signed()), Request("GET", "https", "h", FILM.path), Policy(), now)
    assert (objection is None) is is_open


@pytest.mark.parametrize(
    "claims",
    [
        replace(TestContract.claims, expires=NOW + 0.5),
        replace(TestContract.claims, expires=-1),
        replace(TestContract.claims, scope=PathScope.prefix("/vod")),
        replace(TestContract.claims, subject="x"),
        replace(TestContract.claims, not_before=NOW),
    ],
)
def test_what_a_token_cannot_say(claims: Claims) -> None:
    for url in (FILM, None):
        with pytest.raises(Misuse):
            DIALECTS["keycdn"].make(DIALECTS["keycdn"].options()).mint(claims, KEY, url)


def test_another_path_is_refused() -> None:
    assert refused(replace(signed(), path="/vod/other/a.ts")) is Reason.BAD_SIGNATURE
    assert refused(replace(signed(), path="/vod/film/../film/a.ts")) in {Reason.BAD_SIGNATURE, Reason.OUT_OF_SCOPE}


def test_the_vector() -> None:
    claims = opened(Request("GET", "https", "h", VECTORS["path"], VECTORS["query"]), weak(VECTORS["secret"].encode()))
    assert claims.expires == VECTORS["expires"]
    assert claims.scope == PathScope.exact(VECTORS["path"])


def test_the_query_is_not_covered() -> None:
    request = signed()
    assert opened(replace(request, query=request.query.replace("x=1", "x=2"))).key_id == "k1"


@pytest.mark.parametrize("query", ["", "&expire=0", "&expire=01", "&expire=x"])
def test_an_expiry_that_is_none(query: str) -> None:
    assert refused(Request("GET", "https", "h", "/a", f"token={'a' * 22}{query}")) in {
        Reason.MALFORMED,
        Reason.BAD_SIGNATURE,
    }


@pytest.mark.parametrize("query", ["&token=x", "&expire=1"])
def test_a_parameter_twice(query: str) -> None:
    request = signed()
    assert refused(replace(request, query=request.query + query)) is Reason.AMBIGUOUS
