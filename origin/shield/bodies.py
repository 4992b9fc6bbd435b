"""The bytes of a response: from the disk, from a body that still arrives, and from pulls for what is missing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from cache.disk.errors import DiskError
from cache.disk.held import Held
from origin.http.reply import Body, FileSlice, Slices, Stream
from origin.http.spans import ByteSpan
from origin.shield.shelf import Found, Kept
from origin.storage.store import StoreError
from origin.upstream.origin_server import Incoming, UpstreamError

PIECE = 256 * 1024  # bytes handed to a sender at once


class BodyFailed(StoreError):  # noqa: N818  # reads as the fault it is
    """A body broke on its way from the upstream: whoever was being sent it must see that."""

    reason = "upstream_body_failed"


@dataclass(frozen=True, slots=True)
class Shape:
    """A body as far as ranges are concerned: a `Content` of which nothing is read."""

    size: int

    def fileno(self) -> None:
        """There is no file."""

    async def read(self, span: ByteSpan) -> bytes:
        """Never asked: replies are made over to streams first."""
        raise BodyFailed("a shape has no bytes")

    def is_unchanged(self) -> bool:
        """Nothing can change."""
        return True

    def release(self) -> None:
        """Nothing is held."""


class KeptBody:
    """A whole body on the disk, as `Content`."""

    __slots__ = ("_held", "size")

    def __init__(self, held: Held, size: int) -> None:
        """Takes `held` over."""
        self._held = held
        self.size = size

    def fileno(self) -> int | None:
        """See `Content`."""
        return self._held.fileno()

    async def read(self, span: ByteSpan) -> bytes:
        """See `Content`."""
        try:
            return await self._held.read(span)
        except (DiskError, OSError) as error:
            raise BodyFailed(str(error)) from error

    def is_unchanged(self) -> bool:
        """See `Content`."""
        return self._held.is_unchanged()

    def release(self) -> None:
        """See `Content`."""
        self._held.release()


# The response that has, or will have, the byte at a position, in a run that ends before another; released after use.
Locate = Callable[[int, int | None], Awaitable[Found]]


async def chunks_between(start: int, stop: int | None, locate: Locate) -> AsyncIterator[bytes]:
    """All bytes from `start` to `stop` (None: to the end) in order, wherever they are.

    Raises `BodyFailed` when they cannot be had.
    """
    position = start
    while stop is None or position < stop:
        found = await locate(position, stop)
        before = position
        try:
            async for chunk in _from(found, position, stop):
                yield chunk
                position += len(chunk)
        finally:
            found.release()
        if position == before:
            if stop is None:
                return
            raise BodyFailed("a body ended early")


async def _from(found: Found, start: int, stop: int | None) -> AsyncIterator[bytes]:
    """As many bytes from `start` on as `found` has or will have, up to `stop`."""
    position = start
    while stop is None or position < stop:
        end = await _reach(found, position)
        if end <= position:
            return
        end = min(end, position + PIECE, end if stop is None else stop)
        try:
            chunk = await _read(found, position, end)
        except (DiskError, OSError) as error:
            raise BodyFailed(str(error)) from error
        if not chunk:
            raise BodyFailed("bytes that were there are gone")
        yield chunk
        position += len(chunk)


async def _reach(found: Found, position: int) -> int:
    if isinstance(found, Kept):
        return found.held.extents.reach(position)
    try:
        return await found.fill.wait(position)
    except DiskError as error:
        raise BodyFailed(str(error)) from error


async def _read(found: Found, start: int, stop: int) -> bytes:
    if isinstance(found, Kept):
        return await found.held.read(ByteSpan(start, stop - start))
    return await found.fill.read(start, stop)


async def let_go(body: Body) -> None:
    """Give back a body that nobody is going to send, read or not."""
    match body:
        case FileSlice(content=content) | Slices(content=content):
            content.release()
        case Stream(chunks=chunks, close=close):
            if isinstance(chunks, AsyncGenerator):
                await chunks.aclose()
            if close is not None:
                await close()
        case _:
            pass


async def passing(incoming: Incoming) -> AsyncIterator[bytes]:
    """The body of a response that is not kept. Raises `BodyFailed`."""
    try:
        async for chunk in incoming.chunks():
            yield chunk
    except UpstreamError as error:
        raise BodyFailed(str(error)) from error
