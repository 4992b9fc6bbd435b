"""Ranges and conditional requests over the wire: RFC 9110 §13 and §14, row by row."""

from __future__ import annotations

import os
import re
from email.parser import BytesParser
from pathlib import Path

import pytest

from tests.stories.gateway import Gateway, running

DATA = bytes(range(256)) * 4
LENGTH = len(DATA)

# what is asked, with ETAG and DATE put in → status, the bytes that come
ROWS: list[tuple[str, list[str], int, bytes]] = [
    ("whole", [], 200, DATA),
    ("first bytes", ["Range: bytes=0-9"], 206, DATA[:10]),
    ("one byte", ["Range: bytes=0-0"], 206, DATA[:1]),
    ("open end", ["Range: bytes=1000-"], 206, DATA[1000:]),
    ("suffix", ["Range: bytes=-5"], 206, DATA[-5:]),
    ("suffix longer than all", ["Range: bytes=-5000"], 206, DATA),
    ("clipped at the end", ["Range: bytes=1020-9999"], 206, DATA[1020:]),
    ("open range of a growing object", ["Range: bytes=1020-9007199254740991"], 206, DATA[1020:]),
    ("no suffix at all", ["Range: bytes=-0"], 416, b""),
    ("behind the end", ["Range: bytes=1024-"], 416, b""),
    ("unknown unit", ["Range: items=0-1"], 200, DATA),
    ("no range set", ["Range: bytes=abc"], 200, DATA),
    ("backwards", ["Range: bytes=5-2"], 200, DATA),
    ("blanks around the equals sign", ["Range: bytes = 0-9"], 200, DATA),
    ("If-Range, the current tag", ["Range: bytes=0-9", "If-Range: ETAG"], 206, DATA[:10]),
    ("If-Range, another tag", ["Range: bytes=0-9", 'If-Range: "other"'], 200, DATA),
    ("If-Range, the current tag made weak", ["Range: bytes=0-9", "If-Range: W/ETAG"], 200, DATA),
    ("If-Range, garbage", ["Range: bytes=0-9", "If-Range: garbage"], 200, DATA),
    ("If-Range, the current date", ["Range: bytes=0-9", "If-Range: DATE"], 206, DATA[:10]),
    ("If-Range, a later date", ["Range: bytes=0-9", "If-Range: Fri, 01 Jan 2038 00:00:00 GMT"], 200, DATA),
    ("If-Range without Range", ['If-Range: "other"'], 200, DATA),
    ("If-None-Match, the current tag", ["If-None-Match: ETAG"], 304, b""),
    ("If-None-Match, the current tag made weak", ["If-None-Match: W/ETAG"], 304, b""),
    ("If-None-Match, anything", ["If-None-Match: *"], 304, b""),
    ("If-None-Match, another tag", ['If-None-Match: "other"'], 200, DATA),
    ("If-None-Match beats the date", ['If-None-Match: "other"', "If-Modified-Since: DATE"], 200, DATA),
    ("If-Modified-Since, the current date", ["If-Modified-Since: DATE"], 304, b""),
    ("If-Modified-Since, an early date", ["If-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT"], 200, DATA),
    ("If-Modified-Since, garbage", ["If-Modified-Since: yesterday"], 200, DATA),
    ("If-Match, the current tag", ["If-Match: ETAG"], 200, DATA),
    ("If-Match, another tag", ['If-Match: "other"'], 412, b""),
    ("If-Match, the current tag made weak", ["If-Match: W/ETAG"], 412, b""),
    ("If-Unmodified-Since, an early date", ["If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT"], 412, b""),
    ("304 before range", ["If-None-Match: ETAG", "Range: bytes=0-9"], 304, b""),
    ("412 before 304", ['If-Match: "other"', "If-None-Match: ETAG"], 412, b""),
]


@pytest.mark.parametrize(("asked", "status", "body"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
async def test_row(asked: list[str], status: int, body: bytes, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway, gateway.wire() as wire:
        _old_file(gateway)
        current = await wire.ask("/open/a/1.m4s")
        fields = [line.replace("ETAG", current["etag"]).replace("DATE", current["last-modified"]) for line in asked]
        answer = await wire.ask("/open/a/1.m4s", *fields)
        head = await wire.ask("/open/a/1.m4s", *fields, method="HEAD")
        again = await wire.ask("/open/a/1.m4s", "Range: bytes=1-2")
    assert answer.status == status
    if status in {200, 206}:
        assert answer.body == body
        assert answer["etag"] == current["etag"]
        assert answer["accept-ranges"] == "bytes"
    # The range of a HEAD is ignored, its conditions are not.
    assert head.status == (200 if status in {206, 416} else status)
    if head.status == 200:
        assert head["content-length"] == str(LENGTH)
    assert again.body == DATA[1:3], "the connection goes on"


@pytest.mark.parametrize(("asked", "place"), [("0-9", "bytes 0-9/1024"), ("-5", "bytes 1019-1023/1024")])
async def test_one_range_says_where_it_lies(asked: str, place: str, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        _old_file(gateway)
        answer = await gateway.ask("/open/a/1.m4s", f"Range: bytes={asked}")
    assert answer["content-range"] == place
    assert answer["content-type"] == "video/iso.segment"


async def test_416_says_how_long_the_object_is(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        _old_file(gateway)
        answer = await gateway.ask("/open/a/1.m4s", "Range: bytes=5000-")
    assert answer["content-range"] == "bytes */1024"
    assert answer["cache-control"] == "no-store"


async def test_several_ranges_come_as_parts(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        _old_file(gateway)
        answer = await gateway.ask("/open/a/1.m4s", "Range: bytes=0-9, 500-509, -4")
    assert answer.status == 206
    assert "content-range" not in answer
    message = BytesParser().parsebytes(f"Content-Type: {answer['content-type']}\r\n\r\n".encode() + answer.body)
    payloads = [part.get_payload(decode=True) for part in message.get_payload() if not isinstance(part, str)]
    places = [part["Content-Range"] for part in message.get_payload() if not isinstance(part, str)]
    assert payloads == [DATA[:10], DATA[500:510], DATA[-4:]]
    assert places == ["bytes 0-9/1024", "bytes 500-509/1024", "bytes 1020-1023/1024"]


@pytest.mark.parametrize("asked", ["-1", "0-"])
async def test_of_nothing_only_a_suffix_can_be_had(asked: str, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        gateway.put("a/empty.m4s", b"")
        whole = await gateway.ask("/open/a/empty.m4s")
        answer = await gateway.ask("/open/a/empty.m4s", f"Range: bytes={asked}")
    assert (whole.status, whole["content-length"]) == (200, "0")
    assert answer.status in ({200, 206} if asked == "-1" else {416})


async def test_304_and_head_have_the_fields_of_200(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway, gateway.wire() as wire:
        _old_file(gateway)
        whole = await wire.ask("/open/a/1.m4s")
        head = await wire.ask("/open/a/1.m4s", method="HEAD")
        unchanged = await wire.ask("/open/a/1.m4s", f"If-None-Match: {whole['etag']}")
    ever_new = {"date", "server-timing", "x-request-id"}
    assert {name for name, _ in whole.fields} == {name for name, _ in head.fields}
    for name, value in whole.fields:
        if name not in ever_new:
            assert head[name] == value
    for name in ("etag", "cache-control", "cdn-cache-control", "access-control-allow-origin"):
        assert unchanged[name] == whole[name]
    assert not {"content-length", "content-type", "transfer-encoding"} & {name for name, _ in unchanged.fields}
    assert re.fullmatch(r'"[^"]+"', whole["etag"])


def _old_file(gateway: Gateway) -> None:
    os.utime(gateway.put("a/1.m4s", DATA), (1_700_000_000, 1_700_000_000))
