"""One spelling of a path, and what a rule covers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.scope import PathRule, PathScope, Rule, UnsafePath, normalise

PATH_TEXT = st.text("abAB01./*?%2F4eE~-_ é", max_size=24).map(lambda text: "/" + text)


@pytest.mark.parametrize(
    ("path", "normal"),
    [
        ("/", "/"),
        ("/a/b.m3u8", "/a/b.m3u8"),
        ("/a/", "/a/"),
        ("/%61%2D%7e", "/a-~"),
        ("/a%20b", "/a%20b"),
        ("/a b", "/a%20b"),
        ("/%c3%a9", "/%C3%A9"),
        ("/é", "/%C3%A9"),
        ("/a%3fb", "/a%3Fb"),
        ("/a;v=1,2/@x:y", "/a;v=1,2/@x:y"),
        ("/%25%32%66", "/%252f"),
        ("/...", "/..."),
        ("/.a/..b/c..", "/.a/..b/c.."),
        ("/a[1]", "/a%5B1%5D"),
    ],
)
def test_normal_form(path: str, normal: str) -> None:
    assert normalise(path) == normal
    assert normalise(normal) == normal


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        "a/b",
        "//",
        "//a",
        "/a//b",
        "/a//",
        "/.",
        "/..",
        "/a/.",
        "/a/..",
        "/a/../b",
        "/a/./b",
        "/%2e%2E/b",
        "/.%2e",
        "/a/%2e/b",
        "/a%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a\\b",
        "/a%00",
        "/a\x00",
        "/a%0d%0a",
        "/a\nb",
        "/a%7f",
        "/a\x7f",
        "/a%",
        "/a%4",
        "/a%zz",
        "/a%\u0664\u0661",
        "/a?b",
        "/a#b",
        "/\ud800",
        "/a/..\n",
        "/" + "a" * 2048,
    ],
)
def test_paths_that_could_be_read_in_two_ways(path: str) -> None:
    with pytest.raises(UnsafePath) as error:
        normalise(path)
    assert len(path) < 6 or path not in str(error.value)


@given(PATH_TEXT | st.text())
def test_normalising_is_idempotent_and_total(path: str) -> None:
    try:
        normal = normalise(path)
    except UnsafePath:
        return
    assert normalise(normal) == normal
    assert normal.isascii()
    assert not {".", ".."} & set(normal.split("/"))


@pytest.mark.parametrize(
    ("scope", "path", "covered"),
    [
        (PathScope.exact("/a/b"), "/a/b", True),
        (PathScope.exact("/a/b"), "/a/b/", False),
        (PathScope.exact("/a/b"), "/a/b/c", False),
        (PathScope.exact("/a/*"), "/a/b", False),
        (PathScope.exact("/%61"), "/a", True),
        (PathScope.exact("/a", "/b"), "/b", True),
        (PathScope.prefix("/a/b"), "/a/b", True),
        (PathScope.prefix("/a/b"), "/a/b/c/d", True),
        (PathScope.prefix("/a/b"), "/a/bc", False),
        (PathScope.prefix("/a/b"), "/a", False),
        (PathScope.prefix("/a/b/"), "/a/b", False),
        (PathScope.prefix("/a/b/"), "/a/b/", True),
        (PathScope.prefix("/a/b/"), "/a/b/c", True),
        (PathScope.prefix("/"), "/anything/else", True),
        (PathScope.glob("/a/*.ts"), "/a/1.ts", True),
        (PathScope.glob("/a/*.ts"), "/a/b/1.ts", False),
        (PathScope.glob("/a/*.ts"), "/a/.ts", True),
        (PathScope.glob("/a/**.ts"), "/a/b/1.ts", True),
        (PathScope.glob("/a/**"), "/a/", True),
        (PathScope.glob("/a/**"), "/a", False),
        (PathScope.glob("/a/*"), "/a/b/", False),
        (PathScope.glob("/a/*/c"), "/a/b/c", True),
        (PathScope.glob("/a/*/c"), "/a/b/b/c", False),
        (PathScope.glob("/a/**/c"), "/a/b/b/c", True),
        (PathScope.glob("/a?c"), "/abc", True),
        (PathScope.glob("/a?c"), "/a/c", False),
        (PathScope.glob("/a?c"), "/ac", False),
        (PathScope.glob("/a?c"), "/a%20c", True),
        (PathScope.glob("/a?c"), "/a*c", True),
        (PathScope.glob("/?"), "/%C3%A9", False),
        (PathScope.glob("/??"), "/%C3%A9", True),
        (PathScope.glob("/a*b*c"), "/aXbXbXc", True),
        (PathScope.glob("/plain"), "/plain", True),
        (PathScope.glob("/plain"), "/plain2", False),
        (PathScope.glob("/%e9*"), "/%E9x", True),
        (PathScope.glob("/a*%20b"), "/a%20b", True),
        (PathScope.glob("/a*%2" + "0b"), "/a%20%20b", True),
    ],
)
def test_what_a_scope_covers(scope: PathScope, path: str, covered: bool) -> None:
    assert scope.covers(path) is covered


def reference(pattern: str, path: str) -> bool:
    """The obvious matcher, exponential and right, for text without escapes."""
    if pattern.startswith("**"):
        return any(reference(pattern[2:], path[n:]) for n in range(len(path) + 1))
    if pattern.startswith("*"):
        run = len(path.partition("/")[0])
        return any(reference(pattern[1:], path[n:]) for n in range(run + 1))
    if not pattern or not path:
        return pattern == path
    return (pattern[0] == path[0] or (pattern[0] == "?" and path[0] != "/")) and reference(pattern[1:], path[1:])


@given(st.text("ab/*?", max_size=9), st.text("ab/", max_size=10))
def test_globs_agree_with_the_obvious_matcher(pattern: str, path: str) -> None:
    try:
        rule = PathRule(Rule.GLOB, "/" + pattern)
    except UnsafePath:
        return
    assert rule.covers("/" + path) is reference("/" + pattern, "/" + path)


def test_a_hostile_glob_ends() -> None:
    """A backtracking matcher would outlive the sun here."""
    hostile = PathScope.glob("/" + "*a" * 500 + "b", "/" + "**a" * 300 + "b")
    assert not hostile.covers("/" + "a" * 4000)


@given(
    st.lists(st.sampled_from(["a", "b", "ab", "%20"]), min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts)),
    st.text("ab/", max_size=4),
)
def test_a_prefix_covers_whole_segments(prefix: str, more: str) -> None:
    covered = PathScope.prefix(prefix).covers(prefix + more)
    assert covered is (not more or more.startswith("/"))


@pytest.mark.parametrize("pattern", ["/a/***", "/a/../b", "a", "/a//b", "/%2F*", "/%?0", "/a#", "/" + "a" * 1024])
@pytest.mark.parametrize("rule", Rule)
def test_patterns_that_mean_nothing(rule: Rule, pattern: str) -> None:
    if rule is not Rule.GLOB and pattern == "/a/***":
        assert PathRule(rule, pattern).pattern == pattern  # a star is a plain character there
        return
    with pytest.raises(UnsafePath):
        PathRule(rule, pattern)


def test_a_scope_has_rules_and_not_too_many() -> None:
    with pytest.raises(UnsafePath):
        PathScope(())
    with pytest.raises(UnsafePath):
        PathScope.exact(*["/a"] * 65)


def test_scopes_compare_by_their_normal_form() -> None:
    assert PathScope.prefix("/%61 b") == PathScope.prefix("/a%20b")
    assert PathScope.glob("/a").patterns(Rule.GLOB) == ("/a",)
    assert PathScope.glob("/a").patterns(Rule.EXACT) == ()
