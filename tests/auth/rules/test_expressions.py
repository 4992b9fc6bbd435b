"""Expressions and hashes over URLs, in one spelling of each URL."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.errors import Misuse
from auth.rules import URL_RULES
from auth.rules.expressions import UrlHash, UrlRegex, normalised
from auth.rules.url import Url, UrlRule
from auth.scope import PathRule, PathScope, Rule


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("HTTP://CDNI.Example:80/foo", "http://cdni.example/foo"),
        ("https://h:443", "https://h/"),
        ("https://h:8443/a", "https://h:8443/a"),
        ("https://h/%7ea%2fb%c3%a9", "https://h/~a%2Fb%C3%A9"),
        ("https://h/a/./b/../c", "https://h/a/c"),
        ("https://h/a/%2e%2E/c", "https://h/c"),
        ("https://h/../../a/..", "https://h/"),
        ("https://h/a/.", "https://h/a/"),
        ("https://h/a//b/", "https://h/a//b/"),
        ("https://h/a?x=%41%2f..", "https://h/a?x=A%2F.."),
        ("https://h/a%zz%", "https://h/a%zz%"),
    ],
)
def test_one_spelling(text: str, normal: str) -> None:
    assert normalised(Url.parse(text)) == normal


@pytest.mark.parametrize(
    ("pattern", "url", "whole", "start"),
    [
        (r"http://h/foo", "http://h/foo", True, True),
        (r"http://h/foo", "http://h/foobar", False, True),
        (r"^http://h/foo$", "http://h/foobar", False, False),
        (r"foo", "http://h/foo", False, False),
        (r"http://h/(a|ab)", "http://h/ab", True, True),
        (r"http://h/[[:digit:]]{3}\.ts", "http://h/123.ts", True, True),
        (r"http://h/[[:digit:]]{3}\.ts", "http://h/12x.ts", False, False),
        (r"http://h/.*", "http://h/%0A", True, True),
        (r"HTTP://h/a", "http://h/a", False, False),
    ],
)
def test_expressions(pattern: str, url: str, whole: bool, start: bool) -> None:
    assert UrlRegex(pattern).covers(Url.parse(url)) is whole
    assert UrlRegex(pattern, is_whole=False).covers(Url.parse(url)) is start


@pytest.mark.parametrize("pattern", ["", "(", "[", "a\\", r"\d", r"(a)\1", "(?:a)", "(?i)a", "\xe9", "a" * 1025])
def test_what_is_no_expression(pattern: str) -> None:
    with pytest.raises(Misuse):
        UrlRegex(pattern)


def test_no_pattern_takes_long() -> None:
    hostile = UrlRegex("http://h/(a*)*(a|a)*(aa+)+b")
    began = time.perf_counter()
    assert not hostile.covers(Url("http", "h", None, "/" + "a" * 8000))
    assert time.perf_counter() - began < 1


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_url_has_an_answer(path: str, query: str) -> None:
    url = Url("https", "h", None, "/" + path, query)
    assert UrlHash.of(url).covers(url)
    UrlRegex("https://h/.*").covers(url)


def test_a_hash_covers_one_url() -> None:
    rule = UrlHash("2tderfWPa86Ku7YnzW51YUp7dGUjBS_3SW3ELx4hmWY")  # RFC 9246 Appendix A.1
    assert rule == UrlHash.of(Url.parse("http://cdni.example/foo/bar"))
    assert rule.covers(Url.parse("http://CDNI.example:80/foo/%62ar"))
    assert not rule.covers(Url.parse("http://cdni.example/foo/bar?"[:-1] + "?x"))


@pytest.mark.parametrize("text", ["", "A" * 42, "A" * 44, "A" * 42 + "=", "A" * 42 + "B"])
def test_what_is_no_hash(text: str) -> None:
    with pytest.raises(Misuse):
        UrlHash(text)


@pytest.mark.parametrize("rule", [UrlRegex("a"), UrlRegex("a", is_whole=False), UrlHash("A" * 43)])
def test_rules_go_through_json(rule: UrlRule) -> None:
    assert URL_RULES[rule.WORD].from_json(rule.to_json()) == rule


@pytest.mark.parametrize("value", [None, 1, "a", [], ["a"], ["a", 1], ["(", True], ["a", True, 1]])
def test_what_was_never_stored(value: None) -> None:
    for kind in (UrlRegex, UrlHash):
        with pytest.raises(ValueError):
            kind.from_json(value)


SCOPES = [
    PathScope.exact("/vod/a.ts"),
    PathScope.prefix("/vod/a", "/b/"),
    PathScope.prefix("/"),
    PathScope.glob("/vod/*/x?.m3u8", "/a/**/b"),
    PathScope((PathRule(Rule.EXACT, "/a+(1)$"), PathRule(Rule.GLOB, "/**"))),
]
PATHS = [
    *("/", "/vod/a.ts", "/vod/axts", "/vod/a", "/vod/a/", "/vod/a/b", "/vod/ab", "/b", "/b/", "/b/c"),
    *(
        "/vod/q/x1.m3u8",
        "/vod/q/r/x1.m3u8",
        "/vod/q/x.m3u8",
        "/vod/q/x%C3.m3u8",
        "/a/b",
        "/a//b",
        "/a/x/y/b",
        "/a+(1)$",
    ),
]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("query", ["", "x=1/a"])
def test_a_scope_as_an_expression_covers_the_same(scope: PathScope, path: str, query: str) -> None:
    here = Url("https", "cdn.example", 8443, path, query)
    rule = UrlRegex.of_scope(scope, here)
    assert rule.covers(here) is scope.covers(path)
    assert not rule.covers(Url("https", "cdn.example", None, path, query))
    assert not rule.covers(Url("http", "cdn.example", 8443, path, query))
    assert not rule.covers(Url("https", "cdnxexample", 8443, path, query))
