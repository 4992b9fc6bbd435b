"""The `fastly` dialect: the contract, a vector, boundaries and what is covered."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from auth.algorithms import Algorithm
from auth.carriage import Transport
from auth.claims import Claims
from auth.dialects import DIALECTS
from auth.dialects.fastly import Covers, FastlyOptions
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

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "fastly.json").read_text())
KEY = Key("k1", Algorithm.SHARED, Secret(SECRET))
RING = KeyRing([KEY])
FILM = Url.parse("https://cdn.example/vod/film/a.ts?x=1")


class TestContract(DialectContract):
    name = "fastly"
    key = KEY
    other_key = Key("k1", Algorithm.SHARED, Secret(b"x" * 32))
    verify_only_key = replace(KEY, verify_only=True)
    claims = Claims(scope=PathScope.exact("/vod/film/a.ts"), expires=NOW + 60)
    transports: ClassVar[tuple[Transport, ...]] = (Transport.QUERY,)


def weak(secret: bytes) -> KeyRing:
    return KeyRing([Key("k", Algorithm.SHARED, Secret(secret), allow_weak=True)])


def opened(request: Request, ring: KeyRing = RING, options: Options | None = None, mount: str = "/") -> Claims:
    spec = DIALECTS["fastly"]
    dialect = spec.make(options or spec.options())
    found = dialect.locate(request, spec.carriage, mount)
    assert found is not None
    return dialect.verify(found, ring)


def refused(request: Request, ring: KeyRing = RING, options: Options | None = None) -> Reason:
    with pytest.raises(Denied) as caught:
        opened(request, ring, options)
    return caught.value.reason


def signed(claims: Claims = TestContract.claims, options: Options | None = None, url: Url = FILM) -> Request:
    spec = DIALECTS["fastly"]
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
            DIALECTS["fastly"].make(DIALECTS["fastly"].options()).mint(claims, KEY, url)


def test_another_path_is_refused() -> None:
    assert refused(replace(signed(), path="/vod/other/a.ts")) is Reason.BAD_SIGNATURE
    assert refused(replace(signed(), path="/vod/film/../film/a.ts")) in {Reason.BAD_SIGNATURE, Reason.OUT_OF_SCOPE}


class TestContractOfPaths(TestContract):
    options = FastlyOptions(Covers.PATH)


def test_the_vector() -> None:
    request = Request("GET", "https", "h", VECTORS["path"], f"token={VECTORS['token']}")
    for covers in Covers:
        claims = opened(request, weak(base64.b64decode(VECTORS["key_base64"])), FastlyOptions(covers))
        assert claims.expires == VECTORS["expires"]
        assert claims.scope == PathScope.exact(VECTORS["path"])


def test_the_query_is_covered_unless_it_is_not() -> None:
    request = signed()
    assert refused(replace(request, query=request.query.replace("x=1", "x=2"))) is Reason.BAD_SIGNATURE
    of_path = FastlyOptions(Covers.PATH)
    request = signed(options=of_path)
    assert opened(replace(request, query=request.query.replace("x=1", "x=2")), options=of_path).key_id == "k1"


@pytest.mark.parametrize("text", ["1_" + "a" * 40, "0" * 10 + "_" + "a" * 40, f"{NOW}_{'A' * 40}", f"{NOW}_{'a' * 41}"])
def test_other_shapes(text: str) -> None:
    assert refused(Request("GET", "https", "h", "/a", f"token={text}")) is Reason.MALFORMED


def test_two_tokens_are_ambiguous() -> None:
    request = signed()
    assert refused(replace(request, query=request.query + "&token=x")) is Reason.AMBIGUOUS


def test_a_url_gives_no_digit_to_the_expiry() -> None:
    url = Url.parse("https://cdn.example/vod/ch2")
    request = signed(replace(TestContract.claims, scope=PathScope.exact(url.path)), url=url)
    shifted = replace(request, path="/vod/ch", query=request.query.replace("token=", "token=2"))
    assert refused(shifted) is Reason.MALFORMED
