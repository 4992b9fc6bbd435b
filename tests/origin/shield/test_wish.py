"""What is asked of an upstream."""

from __future__ import annotations

from origin.shield.wish import Wish


def test_the_range_of_a_wish() -> None:
    assert Wish().range is None
    assert Wish((("If-Range", '"a"'), ("Range", "bytes=0-1"))).range == "bytes=0-1"
