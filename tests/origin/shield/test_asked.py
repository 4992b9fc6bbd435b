"""What a viewer asks of the shield."""

from __future__ import annotations

from origin.http.conditions import Conditions
from origin.shield.asked import Asked


def test_a_request_shows_nothing_that_may_be_secret() -> None:
    assert "secret" not in repr(Asked("GET", "/vod/secret", "/secret", (("X", "secret"),), b"secret"))


def test_the_key_is_that_of_the_url() -> None:
    short, long = Asked("GET", "/vod/a?b", "/a?b"), Asked("GET", "/vod/" + "a" * 5000, "/a")
    assert short.key == Asked("HEAD", "/vod/a?b", "/x").key
    assert len({short.key, long.key, Asked("GET", "/vod/a", "/a").key}) == 3


def test_a_range_is_for_get_alone() -> None:
    fields = (("range", "bytes=0-1"), ("If-None-Match", '"a"'), ("if-none-match", '"b"'))
    assert Asked("GET", "/a", "/a", fields).range == "bytes=0-1"
    assert Asked("HEAD", "/a", "/a", fields).range is None
    assert Asked("GET", "/a", "/a", fields).conditions() == Conditions(if_none_match='"a", "b"', range="bytes=0-1")


def test_what_is_safe() -> None:
    assert [Asked(method, "/a", "/a").is_safe for method in ("GET", "HEAD", "POST", "get")] == [
        True,
        True,
        False,
        False,
    ]
