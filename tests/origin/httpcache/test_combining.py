from __future__ import annotations

import pytest
from hypothesis import given

from origin.http.fields import Fields
from origin.http.spans import ByteSpan
from origin.httpcache.combining import (
    ContentRange,
    as_complete,
    complete_length,
    may_combine,
    parse_content_range,
    part_of,
)
from origin.httpcache.stored import StoredResponse
from tests.origin.httpcache.exchanges import NOW, any_fields, date

TAGGED = (("ETag", '"a"'), ("Content-Range", "bytes 0-4/10"))


def stored(*fields: tuple[str, str], status: int = 206) -> StoredResponse:
    return StoredResponse(status, fields, NOW, NOW)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes 4-9/10", ContentRange(ByteSpan(4, 6), 10)),
        ("Bytes 0-0/*", ContentRange(ByteSpan(0, 1), None)),
        ("bytes */10", ContentRange(None, 10)),
        ("bytes */0", ContentRange(None, 0)),
        ("bytes */*", None),
        ("bytes 4-9/9", None),
        ("bytes 4-3/10", None),
        ("bytes 4-/10", None),
        ("bytes=4-9/10", None),
        ("bytes  4-9/10", None),
        ("bytes 4-9/10 ", None),
        ("bytes 4 - 9/10", None),
        ("bytes -9/10", None),
        ("lines 4-9/10", None),
        ("4-9/10", None),
        ("bytes ٣-9/10", None),
        ("bytes 0-9999999999999999999/*", None),
        ("", None),
    ],
)
def test_content_range(value: str, expected: ContentRange | None) -> None:
    assert parse_content_range(value) == expected


@pytest.mark.parametrize(
    ("status", "fields", "has_part"),
    [
        (206, (("Content-Range", "bytes 4-9/10"),), True),
        (206, (("Content-Range", "bytes 4-9/10"), ("Content-Length", "6")), True),
        (206, (("Content-Range", "bytes 4-9/*"), ("Content-Type", "text/plain")), True),
        (206, (("Content-Range", "bytes 4-9/10"), ("Content-Length", "5")), False),
        (206, (("Content-Range", "bytes 4-9/10"), ("Content-Length", "6"), ("Content-Length", "7")), False),
        (206, (("Content-Range", "bytes 4-9/10"), ("Content-Range", "bytes 4-9/10")), False),
        (206, (("Content-Range", "bytes 4-9/10"), ("Content-Type", "Multipart/ByteRanges; boundary=x")), False),
        (206, (("Content-Range", "bytes */10"),), False),
        (206, (), False),
        (200, (("Content-Range", "bytes 4-9/10"),), False),
    ],
)
def test_what_a_response_has_of_its_representation(status: int, fields: Fields, has_part: bool) -> None:
    part = part_of(status, fields)
    assert (part.span if part else None) == (ByteSpan(4, 6) if has_part else None)


@pytest.mark.parametrize(
    ("known", "told", "may"),
    [
        (TAGGED, (("ETag", '"a"'), ("Content-Range", "bytes 5-9/10")), True),
        (TAGGED, (("ETag", '"a"'), ("Content-Range", "bytes 5-9/*")), True),
        (TAGGED, (("ETag", '"b"'), ("Content-Range", "bytes 5-9/10")), False),
        (TAGGED, (("ETag", '"a"'), ("Content-Range", "bytes 5-9/11")), False),
        (TAGGED, (("Content-Range", "bytes 5-9/10"),), False),
        (TAGGED[1:], (("ETag", '"a"'), ("Content-Range", "bytes 5-9/10")), False),
        (TAGGED[1:], (("Content-Range", "bytes 5-9/10"),), False),
        (TAGGED, (("ETag", 'W/"a"'), ("Content-Range", "bytes 5-9/10")), False),
        (TAGGED, (("ETag", '"a"'), ("Content-Range", "bytes 5-9/10"), ("Content-Encoding", "gzip")), False),
        (TAGGED, (("ETag", '"a"'),), False),
        ((("ETag", 'W/"a"'), TAGGED[1]), (("ETag", 'W/"a"'), ("Content-Range", "bytes 5-9/10")), False),
    ],
)
def test_what_may_be_combined(known: Fields, told: Fields, may: bool) -> None:
    assert may_combine(stored(*known), 206, told) is may
    assert not may_combine(stored(*known), 200, told)


@pytest.mark.parametrize(
    ("modified", "stored_date", "new_date", "may"),
    [(-60, 0, 5, True), (-59, 0, 5, False), (-60, 0, -1, False), (5, 0, 5, False)],
)
def test_an_old_date_is_a_strong_validator(modified: int, stored_date: int, new_date: int, may: bool) -> None:
    known = stored(("Last-Modified", date(modified)), ("Date", date(stored_date)), TAGGED[1])
    told = (("Last-Modified", date(modified)), ("Date", date(new_date)), ("Content-Range", "bytes 5-9/10"))
    assert may_combine(known, 206, told) is may
    assert not may_combine(known, 206, (("Last-Modified", date(modified - 1)), *told[1:]))
    assert not may_combine(known, 206, told[:1] + told[2:])


def test_a_whole_response_takes_parts_of_its_own_length_alone() -> None:
    whole = stored(("ETag", '"a"'), ("Content-Length", "10"), status=200)
    assert may_combine(whole, 206, (("ETag", '"a"'), ("Content-Range", "bytes 5-9/10")))
    assert not may_combine(whole, 206, (("ETag", '"a"'), ("Content-Range", "bytes 5-9/12")))
    assert not may_combine(stored(*TAGGED, status=404), 206, TAGGED)


def test_a_part_becomes_a_whole() -> None:
    part = stored(("ETag", '"a"'), ("Content-Range", "bytes 0-4/10"), ("content-length", "5"))
    assert complete_length(part) == 10
    whole = as_complete(part, 10)
    assert (whole.status, whole.fields) == (200, (("ETag", '"a"'), ("Content-Length", "10")))
    assert complete_length(whole) == 10
    assert complete_length(stored(("Content-Range", "bytes 0-4/*"))) is None
    assert complete_length(stored()) is None


@given(any_fields, any_fields)
def test_no_field_is_too_much(known: Fields, told: Fields) -> None:
    may_combine(stored(*known), 206, told)
