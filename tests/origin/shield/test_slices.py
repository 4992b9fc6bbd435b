"""Which bytes are pulled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.http.ranges import IntRange, parse_range
from origin.shield.slices import first_range, next_range


@pytest.mark.parametrize(
    ("asked", "pulled"),
    [
        (None, None),
        ("bytes=0-0", "bytes=0-99"),
        ("bytes=99-100", "bytes=0-199"),
        ("bytes=100-199", "bytes=100-199"),
        ("bytes=250-", "bytes=200-599"),
        ("bytes=0-5000", "bytes=0-399"),
        ("bytes=-7", "bytes=-7"),
        ("bytes=0-1,5-6", None),
        ("bytes=9-1", None),
        ("seconds=1-2", None),
    ],
)
def test_the_first_range(asked: str | None, pulled: str | None) -> None:
    assert first_range(asked, 100) == pulled


@pytest.mark.parametrize(
    ("position", "stop", "pulled"),
    [
        (0, 1, "bytes=0-99"),
        (150, 160, "bytes=100-199"),
        (150, 250, "bytes=100-299"),
        (100, 950, "bytes=100-499"),
        (700, 950, "bytes=700-"),
        (900, 950, "bytes=900-"),
    ],
)
def test_the_next_range(position: int, stop: int, pulled: str) -> None:
    assert next_range(position, stop, 950, 100) == pulled


@given(st.integers(1, 10_000), st.integers(1, 700), st.data())
def test_the_next_range_has_the_byte_that_is_missing(length: int, size: int, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, length - 1))
    stop = data.draw(st.integers(position + 1, length))
    specs = parse_range(next_range(position, stop, length, size))
    assert specs is not None
    (spec,) = specs
    assert isinstance(spec, IntRange)
    last = length - 1 if spec.last is None else spec.last
    assert spec.first <= position <= last < length
    assert spec.first % size == 0
