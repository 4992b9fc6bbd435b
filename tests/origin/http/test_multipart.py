from __future__ import annotations

from email import message_from_bytes
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.http.multipart import byteranges, byteranges_in_memory, byteranges_type
from origin.http.ranges import content_range
from origin.http.spans import ByteSpan
from tests.origin.http.wire import Buffer, body_bytes

BOUNDARY = "a3f0-boundary_of_this_message"


def parsed(body: bytes, content_type: str) -> list[Message]:
    message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    assert message.is_multipart()
    assert not message.defects
    parts = message.get_payload()
    assert isinstance(parts, list)
    return [part for part in parts if isinstance(part, Message)]


def test_the_bytes_of_a_message() -> None:
    body = byteranges(Buffer(b"0123456789"), [ByteSpan(0, 2), ByteSpan(8, 2)], "video/mp4", "B")
    assert body_bytes(body) == (
        b"--B\r\nContent-Type: video/mp4\r\nContent-Range: bytes 0-1/10\r\n\r\n01"
        b"\r\n--B\r\nContent-Type: video/mp4\r\nContent-Range: bytes 8-9/10\r\n\r\n89"
        b"\r\n--B--\r\n"
    )
    assert body.length == len(body_bytes(body))
    assert byteranges_type("B") == "multipart/byteranges; boundary=B"


spans_of_data = st.binary(min_size=1, max_size=200).flatmap(
    lambda data: st.tuples(
        st.just(data),
        st.lists(
            st.tuples(st.integers(0, len(data) - 1), st.integers(0, len(data) - 1)).map(
                lambda ends: ByteSpan(min(ends), abs(ends[0] - ends[1]) + 1)
            ),
            min_size=1,
            max_size=6,
        ),
    )
)


@given(spans_of_data)
def test_a_foreign_parser_finds_the_slices(case: tuple[bytes, list[ByteSpan]]) -> None:
    data, spans = case
    body = byteranges(Buffer(data), spans, "video/mp4", BOUNDARY)
    parts = parsed(body_bytes(body), byteranges_type(BOUNDARY))
    assert [part["Content-Range"] for part in parts] == [content_range(span, len(data)) for span in spans]
    assert all(part.get_content_type() == "video/mp4" for part in parts)
    payloads = [part.get_payload(decode=True) for part in parts]
    assert payloads == [data[span.start : span.stop] for span in spans]


@given(spans_of_data)
def test_in_memory_and_from_content_are_the_same_message(case: tuple[bytes, list[ByteSpan]]) -> None:
    data, spans = case
    from_content = byteranges(Buffer(data), spans, "video/mp4", BOUNDARY)
    in_memory = byteranges_in_memory(data, spans, "video/mp4", BOUNDARY)
    assert in_memory.data == body_bytes(from_content)
    assert len(in_memory.data) == from_content.length


@pytest.mark.parametrize("boundary", ["", "a b", 'a"b', "a\r\nb", "a\n", "-" * 71, "é"])
def test_a_boundary_that_would_need_quotes_is_refused(boundary: str) -> None:
    with pytest.raises(ValueError, match="boundary"):
        byteranges(Buffer(b"ab"), [ByteSpan(0, 1)], "video/mp4", boundary)
    with pytest.raises(ValueError, match="boundary"):
        byteranges_type(boundary)
