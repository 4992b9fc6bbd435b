"""The `cdn77` dialect: the contract, a vector, boundaries and folders."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from auth.carriage import Transport
from auth.claims import Claims
from auth.errors import Misuse, Reason
from auth.request import Request
from auth.scope import PathScope
from tests.auth.samples import NOW
from tests.contracts.timed_url import FILM, Signs, TimedUrlContract, weak

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "cdn77.json").read_text())


class TestContract(TimedUrlContract):
    name = "cdn77"
    claims = timed = Claims(scope=PathScope.glob("/vod/film/*"), expires=NOW + 60)
    transports: ClassVar[tuple[Transport, ...]] = (Transport.PATH, Transport.QUERY)


SIGNS = Signs("cdn77", TestContract.claims)
opened, refused, signed = SIGNS.opened, SIGNS.refused, SIGNS.signed


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
