"""The `cdn77` dialect: the contract, a vector, boundaries and folders."""

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

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "cdn77.json").read_text())
KEY = Key("k1", Algorithm.SHARED, Secret(SECRET))
RING = KeyRing([KEY])
FILM = Url.parse("https://cdn.example/vod/film/a.ts?x=1")


class TestContract(DialectContract):
    name = "cdn77"
    key = KEY
    other_key = Key("k1", Algorithm.SHARED, Secret(b"x" * 32))
    verify_only_key = replace(KEY, verify_only=True)
    claims = Claims(scope=PathScope.glob("/vod/film/*"), expires=NOW + 60)
    transports: ClassVar[tuple[Transport, ...]] = (Transport.PATH, Transport.QUERY)


def weak(secret: bytes) -> KeyRing:
    return KeyRing([Key("k", Algorithm.SHARED, Secret(secret), allow_weak=True)])


def opened(request: Request, ring: KeyRing = RING, options: Options | None = None, mount: str = "/") -> Claims:
    spec = DIALECTS["cdn77"]
    dialect = spec.make(options or spec.options())
    found = dialect.locate(request, spec.carriage, mount)
    assert found is not None
    return dialect.verify(found, ring)


def refused(request: Request, ring: KeyRing = RING, options: Options | None = None) -> Reason:
    with pytest.raises(Denied) as caught:
        opened(request, ring, options)
    return caught.value.reason


def signed(claims: Claims = TestContract.claims, options: Options | None = None, url: Url = FILM) -> Request:
    spec = DIALECTS["cdn77"]
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
            DIALECTS["cdn77"].make(DIALECTS["cdn77"].options()).mint(claims, KEY, url)


def test_another_path_is_refused() -> None:
    assert refused(replace(signed(), path="/vod/other/a.ts")) is Reason.BAD_SIGNATURE
    assert refused(replace(signed(), path="/vod/film/../film/a.ts")) in {Reason.BAD_SIGNATURE, Reason.OUT_OF_SCOPE}


class TestContractWithoutEnd(TestContract):
    claims = replace(TestContract.claims, expires=None)


def test_the_vector() -> None:
    ring = weak(VECTORS["secret"].encode())
    for path, query in (
        (VECTORS["path"], f"secure={VECTORS['token']}"),
        (VECTORS["path"], f"secure={VECTORS['token'].replace('=', '%3D')}"),
        (f"/{VECTORS['token']}{VECTORS['path']}", ""),
    ):
        claims = opened(Request("GET", "https", "h", path, query), ring)
        assert claims.expires == VECTORS["expires"]
        assert claims.scope == PathScope.glob("/images/*")


def test_every_file_of_the_folder_is_open() -> None:
    request = signed()
    assert opened(replace(request, path="/vod/film/b.ts")).scope == PathScope.glob("/vod/film/*")
    for path in ("/vod/film/sub/b.ts", "/vod/b.ts", "/vod/film"):
        assert refused(replace(request, path=path)) is Reason.BAD_SIGNATURE


def test_a_star_in_a_folders_name_is_no_wildcard() -> None:
    for path in ("/vod/*/a.ts", "/vod/%2e%2e/a.ts"):
        with pytest.raises(Misuse):
            signed(replace(TestContract.claims, scope=PathScope.glob("/vod/*/*")), url=replace(FILM, path=path))


@pytest.mark.parametrize("text", ["a" * 22, "a" * 22 + "==,", "a" * 22 + "==,0", "a" * 22 + "==,1,", "a" * 21 + "==,"])
def test_other_shapes(text: str) -> None:
    assert refused(Request("GET", "https", "h", "/a", f"secure={text}")) is Reason.MALFORMED
