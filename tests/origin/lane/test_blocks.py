"""A header block is what the sender writes."""

from __future__ import annotations

import pytest

from origin.edge.dressing import dressed, finished
from origin.http.etags import EntityTag
from origin.http.reply import Bytes, Empty, Reply
from origin.lane.blocks import ETAG_HOLE, block_of
from origin.serving.send import wire_headers
from tests.origin.lane.scenes import Site

NOW = 1_700_000_000.5
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"


@pytest.mark.parametrize("status", [200, 206, 304])
@pytest.mark.parametrize("has_hole", [True, False])
def test_filled_it_has_every_field(status: int, has_hole: bool) -> None:
    mount = Site().mounts()[1]
    tag = EntityTag("abc")
    length = None if status == 304 else 5

    def reply(tag: EntityTag) -> Reply:
        return Reply(status, (("Content-Type", "a/b"), ("ETag", str(tag)), ("Vary", "X")), Bytes(b"12345"))

    block = block_of(reply(ETAG_HOLE if has_hole else tag), mount, None)
    filled = block.filled(b"abc" if has_hole else b"", 1.5, b"00ff", length, NOW)
    fields = wire_headers(finished(dressed(reply(tag), mount, None), 1.5, "00ff"), length)
    lines = filled.decode().split("\r\n")
    assert lines[0].startswith(f"HTTP/1.1 {status} ")
    assert lines[1:] == [*(f"{name}: {value}" for name, value in fields.items()), f"Date: {DATE}", "", ""]


def test_one_block_serves_many() -> None:
    block = block_of(Reply(200, (("ETag", str(ETAG_HOLE)),), Empty()), Site().mounts()[0], None)
    first, second = block.filled(b"a", 0.1, b"1", 1, NOW), block.filled(b"b", 0.2, b"2", 22, NOW + 1)
    assert b'ETag: "a"\r\n' in first
    assert b"Content-Length: 1\r\n" in first
    assert b'ETag: "b"\r\n' in second
    assert b"Content-Length: 22\r\n" in second
    assert b"dur=0.200\r\n" in second
    assert b"X-Request-Id: 2\r\n" in second
    assert b"22:13:21" in second
