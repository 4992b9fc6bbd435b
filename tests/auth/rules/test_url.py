"""Whole URLs and the plain rules about them."""

from __future__ import annotations

import pytest

from auth.errors import Misuse
from auth.request import Request
from auth.rules import URL_RULES
from auth.rules.url import ExactUrl, Url, UrlPrefixes, UrlRule


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://CDN.example/a?b=c#d", Url("https", "cdn.example", None, "/a", "b=c")),
        ("HTTP://h:8080", Url("http", "h", 8080, "/", "")),
        ("https://[2001:DB8::1]:443/x", Url("https", "[2001:db8::1]", 443, "/x", "")),
    ],
)
def test_an_absolute_url(text: str, url: Url) -> None:
    assert Url.parse(text) == url


@pytest.mark.parametrize("text", ["", "/vod/a", "//h/a", "https:///a", "https://u@h/a", "https://h:x/a"])
def test_what_is_not_one(text: str) -> None:
    with pytest.raises(Misuse):
        Url.parse(text)


def test_the_default_port_is_left_out() -> None:
    assert Url.parse("https://h:443/a").text == "https://h/a"
    assert Url.parse("http://h:443/a?").text == "http://h:443/a"


def test_a_request_is_for_a_url() -> None:
    request = Request("GET", "https", "CDN.example:8443", "/a%20b", "x=1")
    assert Url.of(request) == Url("https", "cdn.example", 8443, "/a%20b", "x=1")
    assert Url.of(Request("GET", "https", "a:b:c", "/")).host == ""


def test_an_exact_url() -> None:
    rule = ExactUrl("https://h/a?x=1")
    assert rule.covers(Url.parse("https://H:443/a?x=1"))
    assert not any(map(rule.covers, map(Url.parse, ("https://h/a", "http://h/a?x=1", "https://h/a?x=12"))))


def test_prefixes() -> None:
    rule = UrlPrefixes(("https://h/a/", "https://h/b"))
    assert all(map(rule.covers, map(Url.parse, ("https://h/a/1", "https://h/b2?c"))))
    assert not any(map(rule.covers, map(Url.parse, ("https://h/a", "https://hh/a/1", "http://h/a/1"))))


@pytest.mark.parametrize("rule", [ExactUrl("https://h/a"), UrlPrefixes(("https://h/a", "https://h/b"))])
def test_rules_travel_as_json(rule: UrlRule) -> None:
    assert URL_RULES[rule.WORD].from_json(rule.to_json()) == rule


@pytest.mark.parametrize("value", [None, 1, [], [""], [1], {}, True])
def test_only_their_own_json_is_read(value: object) -> None:
    for kind in (ExactUrl, UrlPrefixes):
        with pytest.raises(ValueError, match=r"is a|are a"):
            kind.from_json(value)  # type: ignore[arg-type]
