"""PURGE: from whom, and what."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_network

import pytest
from aiohttp.http import HttpVersion
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from cache.fleet.purging import Wanted
from cache.purges import Scope, canonical
from origin.edge.purge_method import MAX_TAGS, METHOD, wanted_by
from origin.serving.forwarded import TrustedProxies
from origin.serving.inbound import RefusedRequestError, read_request

PURGERS = TrustedProxies([ip_network("10.1.0.0/16"), ip_network("fd00::/8")])
PROXIES = TrustedProxies([ip_network("10.9.0.0/16")])
Fields = list[tuple[str, str]]


def wanted(target: str = "/vod/a", *fields: tuple[str, str], peer: str = "10.1.0.1") -> tuple[Wanted, ...]:
    made = make_mocked_request(METHOD, target, CIMultiDict([("Host", "a"), *fields]), version=HttpVersion(1, 1))
    return wanted_by(read_request(made.clone(remote=peer), frozenset({METHOD}), 0, PROXIES), PURGERS)


def refusal(target: str = "/vod/a", *fields: tuple[str, str], peer: str = "10.1.0.1") -> tuple[int, str]:
    with pytest.raises(RefusedRequestError) as caught:
        wanted(target, *fields, peer=peer)
    return caught.value.status, caught.value.reason


def url(value: str, *, is_soft: bool = True) -> tuple[Wanted, ...]:
    return (Wanted(Scope.URL, value, is_soft),)


def tags(*values: str, is_soft: bool = True) -> tuple[Wanted, ...]:
    return tuple(Wanted(Scope.TAG, value, is_soft) for value in values)


async def test_a_url() -> None:
    assert wanted("/vod/%61.ts") == url("/vod/a.ts")
    assert wanted("/vod/a.ts?v=%7E2") == url("/vod/a.ts?v=~2")
    assert wanted("http://cdn.example/vod/a.ts") == url("/vod/a.ts")
    assert wanted("/vod/a*") == (Wanted(Scope.PREFIX, "/vod/a*", True),)
    assert wanted("/vod/a?v=*") == (Wanted(Scope.PREFIX, "/vod/a?v=*", True),)


async def test_tags_instead_of_the_url() -> None:
    assert wanted("/", ("Surrogate-Key", " a  b\ta ")) == tags("a", "b")
    assert wanted("/", ("xkey", "a"), ("xkey", "b c")) == tags("a", "b", "c")
    assert wanted("/", ("Cache-Tag", "a b, c,,")) == tags("a b", "c")


@pytest.mark.parametrize(
    ("fields", "is_soft"),
    [
        ([], True),
        ([("X-Purge-Mode", "hard")], False),
        ([("X-Purge-Mode", "Soft")], True),
        ([("Fastly-Soft-Purge", "1")], True),
        ([("Fastly-Soft-Purge", "0")], False),
        ([("Fastly-Soft-Purge", "1"), ("X-Purge-Mode", "hard")], False),
    ],
)
async def test_soft_or_hard(fields: Fields, is_soft: bool) -> None:
    assert wanted("/a", *fields) == url("/a", is_soft=is_soft)
    assert wanted("/a", ("Cache-Tag", "t"), *fields) == tags("t", is_soft=is_soft)


@pytest.mark.parametrize(
    ("peer", "fields"),
    [
        ("10.1.0.1", []),
        ("fd00::1", []),
        ("10.9.0.1", [("X-Forwarded-For", "10.1.0.1")]),
        ("10.9.0.1", [("Forwarded", "for=10.1.0.1"), ("Via", "1.1 lb")]),
    ],
)
async def test_who_may(peer: str, fields: Fields) -> None:
    assert wanted("/a", *fields, peer=peer) == url("/a")


@pytest.mark.parametrize(
    ("peer", "fields"),
    [
        ("10.2.0.1", []),
        ("203.0.113.1", [("X-Forwarded-For", "10.1.0.1")]),
        ("10.9.0.1", []),
        ("10.9.0.1", [("X-Forwarded-For", "10.1.0.1, 203.0.113.1")]),
        ("10.9.0.1", [("X-Forwarded-For", "10.1.0.1"), ("Forwarded", "for=203.0.113.1")]),
        ("10.1.0.1", [("X-Forwarded-For", "203.0.113.1")]),
        ("10.1.0.1", [("Forwarded", "for=10.1.0.1")]),
        ("10.1.0.1", [("Via", "1.1 edge")]),
        ("10.1.0.1", [("CDN-Loop", "edge")]),
        ("10.1.0.1", [("X-Real-IP", "203.0.113.1")]),
        ("", []),
    ],
)
async def test_who_may_not(peer: str, fields: Fields) -> None:
    assert refusal("/a", *fields, peer=peer) == (405, "method_not_allowed")
    assert refusal("/a//b", ("X-Purge-Mode", "?"), *fields, peer=peer)[0] == 405, "nothing else is told them"


@pytest.mark.parametrize(
    ("target", "fields"),
    [
        ("/a//b", []),
        ("/a/../b", []),
        ("/a%2fb", []),
        ("/a", [("X-Purge-Mode", "")]),
        ("/a", [("X-Purge-Mode", "soft, hard")]),
        ("/a", [("Fastly-Soft-Purge", "yes")]),
        ("/a", [("Surrogate-Key", "")]),
        ("/a", [("Cache-Tag", " , ")]),
        ("/a", [("Surrogate-Key", "x" * 4097)]),
        ("/a", [("Surrogate-Key", " ".join(map(str, range(MAX_TAGS + 1))))]),
    ],
)
async def test_what_makes_no_sense(target: str, fields: Fields) -> None:
    assert refusal(target, *fields) == (400, "purge_malformed")


@given(st.text("ab%2F*?./&~", max_size=12), st.text("ab ,\t", max_size=12))
def test_whatever_is_wanted_is_canonical(path: str, keys: str) -> None:
    found: tuple[Wanted, ...] = ()
    with suppress(RefusedRequestError):
        found = (*wanted(f"/{path}"), *wanted("/", ("Surrogate-Key", keys), ("Cache-Tag", keys)))
    assert all(canonical(one.scope, one.value) == one.value for one in found)
