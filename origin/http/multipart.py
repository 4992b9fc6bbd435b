"""Several ranges in one message: `multipart/byteranges` (RFC 9110 §14.6, syntax of RFC 2046 §5.1.1).

The caller takes the boundary from a random source, anew for each message, so that nobody can prepare content
that contains it. Every function here raises `ValueError` for a boundary that is not 1 to 70 letters, digits,
"-" or "_".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from origin.http.ranges import content_range
from origin.http.reply import Bytes, Content, Part, Slices
from origin.http.spans import ByteSpan

# Of the characters that RFC 2046 allows those that need no quotes.
_BOUNDARY = re.compile(r"[0-9A-Za-z_-]{1,70}")


def byteranges_type(boundary: str) -> str:
    """The Content-Type of the message whose parts `boundary` divides."""
    return f"multipart/byteranges; boundary={_checked(boundary)}"


def byteranges(content: Content, spans: Sequence[ByteSpan], content_type: str, boundary: str) -> Slices:
    """`spans` (in bytes) of an object of type `content_type`, to be read while they are sent."""
    return Slices(content, _parts(spans, content.size, content_type, boundary), _tail(boundary))


def byteranges_in_memory(data: bytes, spans: Sequence[ByteSpan], content_type: str, boundary: str) -> Bytes:
    """The same message for an object that is already in memory."""
    pieces: list[bytes] = []
    for part in _parts(spans, len(data), content_type, boundary):
        pieces += (part.head, data[part.span.start : part.span.stop])
    return Bytes(b"".join((*pieces, _tail(boundary))))


def _parts(spans: Sequence[ByteSpan], length: int, content_type: str, boundary: str) -> tuple[Part, ...]:
    delimiter = f"--{_checked(boundary)}\r\nContent-Type: {content_type}\r\nContent-Range: "
    parts: list[Part] = []
    for span in spans:
        line_end = "\r\n" if parts else ""  # ends the bytes before; nothing stands before the first delimiter
        head = f"{line_end}{delimiter}{content_range(span, length)}\r\n\r\n"
        parts.append(Part(head.encode("utf-8", "surrogateescape"), span))
    return tuple(parts)


def _tail(boundary: str) -> bytes:
    return f"\r\n--{boundary}--\r\n".encode("ascii")


def _checked(boundary: str) -> str:
    if not _BOUNDARY.fullmatch(boundary):
        raise ValueError("a boundary is 1 to 70 letters, digits, '-' or '_'")
    return boundary
