"""What a handler decides and a sender sends: status, headers and a body that is a value."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from origin.http.spans import ByteSpan

Header = tuple[str, str]


class Content(Protocol):
    """The bytes of one version of one object, open for reading.

    Whoever receives a `Content` calls `release` exactly once when it is done with it.
    """

    @property
    def size(self) -> int:
        """Length of the whole object in bytes."""
        ...

    def fileno(self) -> int | None:
        """A descriptor that `sendfile` may read from, or None when no file lies behind."""
        ...

    async def read(self, span: ByteSpan) -> bytes:
        """The bytes of `span`; raises if the object has become shorter or another version."""
        ...

    def is_unchanged(self) -> bool:
        """Whether the bytes still are the version that was opened (a file may be overwritten in place)."""
        ...

    def release(self) -> None:
        """Give the object back; idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Empty:
    """No body bytes. `length` is what Content-Length says (HEAD announces the length GET would have)."""

    length: int | None = 0


@dataclass(frozen=True, slots=True)
class Bytes:
    """A body that is already in memory."""

    data: bytes


@dataclass(frozen=True, slots=True)
class FileSlice:
    """One run of one object."""

    content: Content
    span: ByteSpan


@dataclass(frozen=True, slots=True)
class Part:
    """One body part of a `multipart/byteranges` message: its delimiter and header block, then its bytes."""

    head: bytes
    span: ByteSpan


@dataclass(frozen=True, slots=True)
class Slices:
    """Several runs of one object as `multipart/byteranges` (RFC 9110 §14.6)."""

    content: Content
    parts: tuple[Part, ...]
    tail: bytes

    @property
    def length(self) -> int:
        """Length of the whole multipart body in bytes."""
        return sum(len(part.head) + part.span.length for part in self.parts) + len(self.tail)


@dataclass(frozen=True, slots=True)
class Stream:
    """A body that arrives while it is sent; `length` in bytes when it is known beforehand.

    `close` is called once at the end by whoever sends it, whether it was sent, broke off or was never begun.
    """

    chunks: AsyncIterator[bytes]
    length: int | None = None
    close: Callable[[], Awaitable[None]] | None = None


Body = Empty | Bytes | FileSlice | Slices | Stream


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. Content-Length, Date and the connection's own fields are the sender's business."""

    status: int
    headers: tuple[Header, ...] = ()
    body: Body = Empty()
    must_close: bool = False  # nothing that follows on the connection can be trusted

    @property
    def content(self) -> Content | None:
        """What the body reads from and the sender releases; None when the reply needs no open object."""
        match self.body:
            case FileSlice(content) | Slices(content):
                return content
            case Empty() | Bytes() | Stream():
                return None

    def with_headers(self, *more: Header) -> Reply:
        """The same reply with header fields added at the end."""
        return Reply(self.status, (*self.headers, *more), self.body, self.must_close)
