"""The `alibaba` dialect: the contract by type, vectors, boundaries and clocks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from auth.algorithms import Algorithm
from auth.carriage import Carriage, Transport
from auth.claims import Claims
from auth.dialects import DIALECTS
from auth.dialects.alibaba import AlibabaOptions, Type, alibaba
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

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "alibaba.json").read_text())
KEY = Key("k1", Algorithm.SHARED, Secret(SECRET))
RING = KeyRing([KEY])
FILM = Url.parse("https://cdn.example/vod/film/a.ts?x=1")


class TestContract(DialectContract):
    name = "alibaba"
    key = KEY
    other_key = Key("k1", Algorithm.SHARED, Secret(b"x" * 32))
    verify_only_key = replace(KEY, verify_only=True)
    claims = Claims(scope=PathScope.exact("/vod/film/a.ts"), expires=NOW + 60)
    transports: ClassVar[tuple[Transport, ...]] = (Transport.QUERY,)


def weak(secret: bytes) -> KeyRing:
    return KeyRing([Key("k", Algorithm.SHARED, Secret(secret), allow_weak=True)])


def opened(request: Request, ring: KeyRing = RING, options: Options | None = None, mount: str = "/") -> Claims:
    spec = DIALECTS["alibaba"]
    dialect = spec.make(options or spec.options())
    found = dialect.locate(request, spec.carriage, mount)
    assert found is not None
    return dialect.verify(found, ring)


def refused(request: Request, ring: KeyRing = RING, options: Options | None = None) -> Reason:
    with pytest.raises(Denied) as caught:
        opened(request, ring, options)
    return caught.value.reason


def signed(claims: Claims = TestContract.claims, options: Options | None = None, url: Url = FILM) -> Request:
    spec = DIALECTS["alibaba"]
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
            DIALECTS["alibaba"].make(DIALECTS["alibaba"].options()).mint(claims, KEY, url)


def test_another_path_is_refused() -> None:
    assert refused(replace(signed(), path="/vod/other/a.ts")) is Reason.BAD_SIGNATURE
    assert refused(replace(signed(), path="/vod/film/../film/a.ts")) in {Reason.BAD_SIGNATURE, Reason.OUT_OF_SCOPE}


class TestContractOfTypeB(TestContract):
    options = AlibabaOptions(Type.B)
    transports = (Transport.PATH, Transport.QUERY)


class TestContractOfTypeC(TestContractOfTypeB):
    options = AlibabaOptions(Type.C)


class TestContractOfTypeCQuery(TestContract):
    options = AlibabaOptions(Type.C_QUERY)


class TestContractOfTypeF(TestContract):
    options = AlibabaOptions(Type.F)


class TestContractOfTypeFHexadecimal(TestContract):
    options = AlibabaOptions(Type.F, 60, True)


@pytest.mark.parametrize("vector", VECTORS["signed"], ids=lambda vector: vector["type"])
def test_the_vectors(vector: Mapping[str, str]) -> None:
    request = Request("GET", "https", "h", vector["path"], vector["query"])
    claims = opened(request, weak(VECTORS["secret"].encode()), AlibabaOptions(Type(vector["type"]), 600))
    assert claims.expires == int(vector["issued"]) + 600
    assert claims.scope == PathScope.exact(vector["bare"])


@pytest.mark.parametrize("lifetime", [0, -1, 2**31 + 1])
def test_a_lifetime_that_is_none(lifetime: int) -> None:
    with pytest.raises(Misuse):
        alibaba(AlibabaOptions(lifetime=lifetime))


def test_type_b_counts_minutes() -> None:
    options = AlibabaOptions(Type.B, 60)
    assert opened(signed(options=options), options=options, mount="/vod").expires == NOW + 60
    with pytest.raises(Misuse):
        signed(replace(TestContract.claims, expires=NOW + 61), options)


@pytest.mark.parametrize(
    ("kind", "path"),
    [(Type.B, f"/202713010000/{'a' * 32}/x"), (Type.B, f"/20270101000/{'a' * 32}/x"), (Type.C, f"/{'a' * 32}/G/x")],
)
def test_times_that_are_none(kind: Type, path: str) -> None:
    dialect = alibaba(AlibabaOptions(kind))
    found = dialect.locate(Request("GET", "https", "h", path), Carriage("auth_key"), "/")
    if found is not None:
        with pytest.raises(Denied):
            dialect.verify(found, RING)


def test_the_user_and_the_random_number_are_covered() -> None:
    request = signed()
    assert "-0-0-" in request.query
    assert refused(replace(request, query=request.query.replace("-0-0-", "-0-1-"))) is Reason.BAD_SIGNATURE


def test_a_path_gives_no_digit_to_the_time() -> None:
    for options, name in ((AlibabaOptions(Type.F), "time="), (AlibabaOptions(Type.C_QUERY), "KEY2=")):
        url = Url.parse("https://cdn.example/vod/ch2")
        request = signed(replace(TestContract.claims, scope=PathScope.exact(url.path)), options, url)
        shifted = replace(request, path="/vod/ch", query=request.query.replace(name, name + "2"))
        assert refused(shifted, options=options) is Reason.MALFORMED
