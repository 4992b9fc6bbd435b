"""Patterns of CDNs are read into scopes and written from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.edge_acl import read_patterns, write_patterns
from auth.errors import Misuse
from auth.scope import PathScope, UnsafePath, normalise


@pytest.mark.parametrize(
    ("pattern", "covered", "other"),
    [
        ("/a/*", "/a/b/c", "/a"),
        ("*", "/x/y", None),
        ("*.ts", "/x/y.ts", "/x/y.tss"),
        ("/a/****b", "/a/c/b", "/a/c"),
        ("/a/?", "/a/%20", "/a/bc"),
        ("/a", "/a", "/a/b"),
    ],
)
def test_a_pattern(pattern: str, covered: str, other: str | None) -> None:
    scope = read_patterns([pattern])
    assert scope.covers(covered)
    assert other is None or not scope.covers(other)


@pytest.mark.parametrize("patterns", [[], [""], ["a"], ["?"], ["/a//b"], ["/a/.."], ["/"] * 65])
def test_what_is_no_pattern(patterns: list[str]) -> None:
    with pytest.raises(UnsafePath):
        read_patterns(patterns)


@pytest.mark.parametrize(
    ("scope", "patterns"),
    [
        (PathScope.prefix("/a"), ("/a", "/a/*")),
        (PathScope.prefix("/"), ("/*",)),
        (PathScope.exact("/a", "/b"), ("/a", "/b")),
        (PathScope.glob("/a/**/c?"), ("/a/*/c?",)),
    ],
)
def test_a_scope_is_written(scope: PathScope, patterns: tuple[str, ...]) -> None:
    assert write_patterns(scope, "!") == patterns


@pytest.mark.parametrize("scope", [PathScope.glob("/a/*"), PathScope.exact("/a*"), PathScope.exact("/a!")])
def test_a_scope_that_cannot_be_written(scope: PathScope) -> None:
    with pytest.raises(Misuse):
        write_patterns(scope, "!")


@given(
    st.lists(st.sampled_from(["/a", "/a/b", "/ab", "/a/c/", "/"]), min_size=1, max_size=3),
    st.text("abc/", max_size=6),
)
def test_a_prefix_covers_the_same_when_read_back(prefixes: list[str], rest: str) -> None:
    scope = PathScope.prefix(*prefixes)
    again = read_patterns(write_patterns(scope, "!,"))
    try:
        path = normalise("/" + rest)
    except UnsafePath:
        return
    assert scope.covers(path) == again.covers(path)
