"""URL patterns with wildcards, section by section."""

from __future__ import annotations

import re
from fnmatch import translate
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.rules import URL_RULES
from auth.rules.url import Url
from auth.rules.wildcards import MAX_PATTERN, UrlWildcards
from auth.strict_json import JsonValue


@pytest.mark.parametrize(
    ("pattern", "url"),
    [
        ("*", "http://h/"),
        ("*", "https://h:8443/a/b?c"),
        ("*://h/a", "http://h/a"),
        ("*://h/a", "https://h/a"),
        ("https://h", "https://h/"),
        ("https://H/a", "https://h/a"),
        ("https://h*", "https://h.example/a/b?c=d"),
        ("https://*", "https://h/a?b"),
        ("*example.com", "https://www.example.com/"),
        ("*example.com", "http://example.com/"),
        ("*.example.com/a*", "https://b.example.com/a/b?c"),
        ("https://*.example/a", "https://x.y.example/a"),
        ("https://h:*/a", "https://h:8443/a"),
        ("https://h/a/*", "https://h/a/"),
        ("https://h/a/*", "https://h/a/b/c.ts?x=1"),
        ("https://h/*/c.ts", "https://h/a/b/c.ts"),
        ("https://h/**", "https://h/a"),
        ("https://h/a?.ts", "https://h/ab.ts"),
        ("https://h/a\\?*", "https://h/a?x=1"),
        ("https://h/a\\?*", "https://h/a"),
        ("https://h/a*\\?x=?", "https://h/ab?x=1"),
        ("https://h/a\\?b=\\?", "https://h/a?b=?"),
        ("https://h/a?size=large", "https://h/a?size=large"),
        ("https://h/a?size=*", "https://h/a?size=large&x=1"),
        ("https://h/a%20b", "https://h/a%20b"),
    ],
)
def test_covered(pattern: str, url: str) -> None:
    assert UrlWildcards(pattern).covers(Url.parse(url))


@pytest.mark.parametrize(
    ("pattern", "url"),
    [
        ("https://h/a", "http://h/a"),
        ("http://h/a", "https://h/a"),
        ("https://h/a", "https://h/a?x=1"),
        ("https://h/a", "https://h:8443/a"),
        ("https://h/a", "https://h/A"),
        ("https://h", "https://h/a"),
        ("https://h", "https://hh/"),
        ("https://*.example/a", "https://evil.test/x.example/a"),
        ("https://h*", "https://g/h"),
        ("*example.com", "https://example.com/a"),
        ("*example.com", "https://example.com.evil.test/"),
        ("https://h/*.ts", "https://h/a.ts?x=1"),
        ("https://h/*.ts", "https://h/a.m3u8?x=.ts"),
        ("https://h/a/*", "https://h/a"),
        ("https://h/a?.ts", "https://h/a.ts"),
        ("https://h/a\\?x=1", "https://h/a"),
        ("https://h/a\\?x=1", "https://h/a?x=12"),
        ("https://h/a\\?x=1", "https://h/abx=1"),
        ("https://h/a?size=large", "https://h/a"),
    ],
)
def test_not_covered(pattern: str, url: str) -> None:
    assert not UrlWildcards(pattern).covers(Url.parse(url))


def test_an_unknown_host_is_nowhere() -> None:
    assert not UrlWildcards("*").covers(Url("https", "", None, "/a"))


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "",
            "h/a",
            "/a",
            "ftp://h/a",
            "http*://h/a",
            "https:///a",
            "https://",
            "https://h/a b",
            'https://h/"',
        ),
        *("https://h/a\\", "https://h/\\*", "https://h\\?x", "https://h/é", "https://h/a#b", "https://h/\n"),
        "https://h/" + "a" * MAX_PATTERN,
    ],
)
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(ValueError, match="a URL pattern"):
        UrlWildcards(pattern)


def test_a_url_as_a_pattern() -> None:
    rule = UrlWildcards.of("https://h/a?x=1?")
    assert rule.pattern == "https://h/a\\?x=1\\?"
    assert rule.covers(Url.parse("https://h/a?x=1?"))
    assert not rule.covers(Url.parse("https://h/abx=1?"))
    with pytest.raises(ValueError, match="star"):
        UrlWildcards.of("https://h/*")


@given(st.text("ab*?", max_size=12), st.text("ab/", max_size=12))
def test_a_path_is_matched_as_shells_do(pattern: str, path: str) -> None:
    expected = re.fullmatch(translate(pattern), path) is not None
    assert UrlWildcards(f"https://h/{pattern}").covers(Url("https", "h", None, "/" + path)) is expected


def test_no_pattern_makes_it_slow() -> None:
    rule = UrlWildcards("https://h/" + "*a" * 1000)
    began = perf_counter()
    assert not rule.covers(Url("https", "h", None, "/" + "a" * 8000 + "b"))
    assert perf_counter() - began < 1


def test_it_travels_as_json() -> None:
    rule = UrlWildcards("https://h/*\\?x")
    assert URL_RULES[rule.WORD].from_json(rule.to_json()) == rule


@pytest.mark.parametrize("value", [None, 1, "", [], "nonsense", {}])
def test_only_its_own_json_is_read(value: JsonValue) -> None:
    with pytest.raises(ValueError, match="URL"):
        UrlWildcards.from_json(value)
