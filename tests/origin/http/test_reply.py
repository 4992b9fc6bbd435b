from __future__ import annotations

import pytest

from origin.http.multipart import byteranges
from origin.http.reply import Body, Bytes, Empty, FileSlice, Reply
from origin.http.spans import ByteSpan
from tests.origin.http.wire import Buffer

CONTENT = Buffer(b"0123456789")


def test_fields_are_added_at_the_end() -> None:
    reply = Reply(200, (("A", "1"),), Bytes(b"x"))
    assert reply.with_headers(("B", "2"), ("A", "3")) == Reply(200, (("A", "1"), ("B", "2"), ("A", "3")), Bytes(b"x"))


@pytest.mark.parametrize(
    ("body", "content"),
    [
        (Empty(), None),
        (Bytes(b"x"), None),
        (FileSlice(CONTENT, ByteSpan(0, 1)), CONTENT),
        (byteranges(CONTENT, [ByteSpan(0, 1), ByteSpan(3, 1)], "video/mp4", "B"), CONTENT),
    ],
)
def test_a_reply_names_what_has_to_be_released(body: Body, content: Buffer | None) -> None:
    assert Reply(200, (), body).content is content
