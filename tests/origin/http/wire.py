"""What a sender would put on the wire, without one."""

from __future__ import annotations

from origin.http.reply import Body, Bytes, Empty, FileSlice, Slices, Stream
from origin.http.spans import ByteSpan


class Buffer:
    """An object in memory, open for reading."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.released = 0

    @property
    def size(self) -> int:
        return len(self.data)

    def fileno(self) -> int | None:
        return None

    def at(self, span: ByteSpan) -> bytes:
        assert span.start >= 0
        assert span.length > 0
        assert span.stop <= len(self.data)
        return self.data[span.start : span.stop]

    async def read(self, span: ByteSpan) -> bytes:
        return self.at(span)

    def is_unchanged(self) -> bool:
        return True

    def release(self) -> None:
        self.released += 1


def body_bytes(body: Body) -> bytes:
    match body:
        case Empty():
            return b""
        case Bytes(data):
            return data
        case FileSlice(Buffer() as content, span):
            return content.at(span)
        case Slices(Buffer() as content, parts, tail):
            whole = b"".join(part.head + content.at(part.span) for part in parts) + tail
            assert len(whole) == body.length
            return whole
        case FileSlice() | Slices() | Stream():
            raise AssertionError(f"a body that no test here makes: {body}")
