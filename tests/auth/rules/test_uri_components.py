"""Components of URLs, each in the reading that is documented."""

from __future__ import annotations

import pytest

from auth.rules import URL_RULES
from auth.rules.text_matches import MatchType, TextMatch
from auth.rules.uri_components import Component, UriComponents
from auth.rules.url import Url
from auth.strict_json import JsonValue


def rule(component: str, value: str, kind: MatchType = MatchType.EXACT) -> UriComponents:
    return UriComponents(((Component(component), (TextMatch(kind, value),)),))


@pytest.mark.parametrize(
    ("component", "value", "covered", "not_covered"),
    [
        ("scheme", "HTTPS", "https://h/a", "http://h/a"),
        ("host", "CDN.example", "https://cdn.Example/a", "https://cdn.example.evil/a"),
        ("port", "", "https://h/a", "https://h:8443/a"),
        ("port", "443", "https://h/a", "https://h:80/a"),
        ("port", "443", "https://h:443/a", "http://h:80/a"),
        ("port", "8443", "https://h:8443/a", "https://h/a"),
        ("path", "/a/b.ts", "https://h/a/b.ts?x", "https://h/a/b.ts/"),
        ("path", "/a", "https://h/%61", "https://h/%41"),
        ("query", "x=1", "https://h/a?x=1", "https://h/a?x=1&y"),
        ("query", "", "https://h/a", "https://h/a?x"),
        ("parent-path", "/a/b", "https://h/a/b/c.ts", "https://h/a/b/d/c.ts"),
        ("parent-path", "", "https://h/c.ts", "https://h/a/c.ts"),
        ("filename", "c.tar.gz", "https://h/a/c.tar.gz", "https://h/a/c.tar"),
        ("stem", "c.tar", "https://h/a/c.tar.gz", "https://h/a/c"),
        ("stem", "c", "https://h/a/c", "https://h/a/c.x.y"),
        ("extension", ".gz", "https://h/a/c.tar.gz", "https://h/a/c.tar"),
        ("extension", "", "https://h/a.b/c", "https://h/a.b"),
    ],
)
def test_a_component(component: str, value: str, covered: str, not_covered: str) -> None:
    assert rule(component, value).covers(Url.parse(covered))
    assert not rule(component, value).covers(Url.parse(not_covered))


def test_all_matches_of_all_components_must_hold() -> None:
    both = UriComponents(
        (
            (Component.PATH, (TextMatch(MatchType.PREFIX, "/vod"), TextMatch(MatchType.SUFFIX, ".ts"))),
            (Component.HOST, (TextMatch(MatchType.EXACT, "h"),)),
        )
    )
    assert both.covers(Url.parse("https://h/vod/a.ts"))
    for url in ("https://h/vod/a.mp4", "https://h/live/a.ts", "https://i/vod/a.ts"):
        assert not both.covers(Url.parse(url))


@pytest.mark.parametrize("path", ["/vod/../a", "/vod//a", "/vod/%2e%2e/a", "/vod/%2Fa", "/vod/%"])
def test_an_unsafe_path_is_never_covered(path: str) -> None:
    assert not rule("path", "/vod/", MatchType.PREFIX).covers(Url("https", "h", None, path))


def test_an_escape_does_not_hide_a_character() -> None:
    public = rule("path", "^/vod/[^s]", MatchType.REGEX)
    assert public.covers(Url.parse("https://h/vod/open"))
    assert not public.covers(Url.parse("https://h/vod/%73ecret"))


def test_order_says_nothing() -> None:
    one = (Component.HOST, (TextMatch(MatchType.EXACT, "h"),))
    other = (Component.PATH, (TextMatch(MatchType.PREFIX, "/a"),))
    assert UriComponents((one, other)) == UriComponents((other, one))


def test_it_travels_as_json() -> None:
    value = rule("path", "a|b", MatchType.REGEX)
    assert URL_RULES[value.WORD].from_json(value.to_json()) == value


@pytest.mark.parametrize("value", [None, [], {}, {"path": []}, {"fragment": [["exact", "x"]]}, {"path": "x"}, "path"])
def test_only_its_own_json_is_read(value: JsonValue) -> None:
    with pytest.raises(ValueError):
        UriComponents.from_json(value)
