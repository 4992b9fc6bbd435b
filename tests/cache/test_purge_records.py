"""Purges as bytes, and bytes that are none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.purge_records import content_of, field_of, from_fields, packed, unpacked
from cache.purges import Purge, PurgeMeaningless, Scope, canonical

PURGE = Purge(Scope.URL, "/vod/a:b.ts?v=2", True, 1_800_000_000.25, "p1")
ROW = {"scope": "url", "value": "/a", "is_soft": True, "at": 1.5, "id": "p"}


def _purge(scope: Scope, text: str, is_soft: bool, at: float) -> Purge | None:
    try:
        return Purge(scope, canonical(scope, text), is_soft, at, "p1.0")
    except PurgeMeaningless:
        return None


_PURGES = st.builds(
    _purge, st.sampled_from(Scope), st.text(max_size=20).map(lambda text: f"/{text}"), st.booleans(), st.floats(0, 2e9)
)


@given(_PURGES)
def test_there_and_back(one: Purge | None) -> None:
    if one is not None:
        assert unpacked(packed([one])) == [one]
        assert from_fields({field_of(one).encode(): content_of(one).encode()}) == [one]


def test_each_scope_mode_and_value_has_its_place() -> None:
    fields = {field_of(Purge(scope, "/a", is_soft, 1, "p")) for scope in Scope for is_soft in (True, False)}
    assert len(fields) == 6
    assert field_of(PURGE) == "url:soft:/vod/a:b.ts?v=2"
    assert content_of(PURGE) == "1800000000.25 p1"


@pytest.mark.parametrize("data", [b"", b"{", b"{}", b"[", b"\xff", b"[1, null, [], {}]", b"[" * 2000])
def test_what_is_nothing_of_ours_is_no_purge(data: bytes) -> None:
    assert unpacked(data) == []


@pytest.mark.parametrize(
    "change",
    [
        {"scope": "planet"},
        {"value": "/a/../b"},
        {"value": "/%61"},
        {"value": "a"},
        {"is_soft": "yes"},
        {"at": -1},
        {"at": 1e300},
        {"id": ""},
        {"id": "x" * 5000},
    ],
)
def test_one_that_makes_no_sense_keeps_no_other_out(change: dict[str, object]) -> None:
    assert [one.value for one in unpacked(json.dumps([ROW | change, ROW | {"new": 1}]).encode())] == ["/a"]


@pytest.mark.parametrize(
    ("field", "content"),
    [
        (b"url:soft", b"1.0 p"),
        (b"url:firm:/a", b"1.0 p"),
        (b"planet:soft:/a", b"1.0 p"),
        (b"url:soft:a", b"1.0 p"),
        (b"url:soft:/a", b"p"),
        (b"url:soft:/a", b"1.0"),
        (b"url:soft:/a", b"nan p"),
        (b"url:soft:/a", b"soon p"),
        (b"url:soft:\xff", b"1.0 p"),
    ],
)
def test_a_field_that_makes_no_sense_keeps_no_other_out(field: bytes, content: bytes) -> None:
    found = from_fields({field: content, b"tag:hard:t": b"2.0 q"})
    assert found == [Purge(Scope.TAG, "t", False, 2.0, "q")]
