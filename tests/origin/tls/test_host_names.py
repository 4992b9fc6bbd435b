from __future__ import annotations

import pytest

from origin.tls.host_names import chosen, covers


@pytest.mark.parametrize(
    ("presented", "host", "expected"),
    [
        ("cdn.example", "cdn.example", True),
        ("cdn.example", "a.cdn.example", False),
        ("*.cdn.example", "a.cdn.example", True),
        ("*.cdn.example", "cdn.example", False),
        ("*.cdn.example", ".cdn.example", False),
        ("*.cdn.example", "a.b.cdn.example", False),
        ("a*.cdn.example", "ab.cdn.example", False),
        ("*a.cdn.example", "ba.cdn.example", False),
        ("a.*.example", "a.b.example", False),
        ("*.*.example", "a.b.example", False),
        ("*", "a", False),
    ],
)
def test_covers(presented: str, host: str, expected: bool) -> None:
    assert covers(presented, host) is expected


PAIRS = {
    "first": ("*.cdn.example",),
    "second": ("live.cdn.example", "*.vod.example"),
    "third": ("live.cdn.example", "a.vod.example"),
    "nameless": (),
}


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (None, "first"),
        ("elsewhere.example", "first"),
        ("a.cdn.example", "first"),
        ("live.cdn.example", "second"),
        ("a.vod.example", "third"),
        ("b.vod.example", "second"),
    ],
)
def test_chosen(host: str | None, expected: str) -> None:
    assert chosen(PAIRS, host) == expected
