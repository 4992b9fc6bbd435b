"""A path and a query, character for character."""

from __future__ import annotations

import pytest

from auth.rules import URL_RULES
from auth.rules.path_and_query import PathAndQuery
from auth.rules.url import Url
from auth.strict_json import JsonValue


@pytest.mark.parametrize(
    ("url", "is_covered"),
    [
        ("https://h/vod/a?x=1", True),
        ("http://other:8080/vod/a?x=1", True),
        ("https://h/vod/a", False),
        ("https://h/vod/a?x=12", False),
        ("https://h/vod/a?x=1&y=2", False),
        ("https://h/vod/%61?x=1", False),
    ],
)
def test_what_it_covers(url: str, is_covered: bool) -> None:
    assert PathAndQuery("/vod/a?x=1").covers(Url.parse(url)) is is_covered


def test_an_empty_query_is_none() -> None:
    assert PathAndQuery.of("/a", "") == PathAndQuery("/a")


def test_it_travels_as_json() -> None:
    rule = PathAndQuery("/vod/a?x=1")
    assert URL_RULES[rule.WORD].from_json(rule.to_json()) == rule


@pytest.mark.parametrize("value", [None, 1, "", "a", [], {}])
def test_only_its_own_json_is_read(value: JsonValue) -> None:
    with pytest.raises(ValueError, match="a path is a string"):
        PathAndQuery.from_json(value)
