"""`Reply` → wire. The only code that writes a public answer to a socket.

Small runs are copied out of the page cache and leave in one write with the header block; long runs go by
`sendfile` where the transport has it and by reads in a thread where it has not. A body that turns out to be
of another version, or too short, resets the connection: an answer is whole or visibly broken, never mixed and
never quietly short.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import IO, assert_never, cast

from aiohttp import web
from multidict import CIMultiDict

from origin.http.reply import Body, Bytes, Content, Empty, FileSlice, Reply, Slices, Stream
from origin.http.spans import ByteSpan
from origin.serving.residency import NOWAIT, is_resident
from origin.storage.store import ObjectChanged, StoreError

_log = logging.getLogger(__name__)

# A run up to this long is copied instead of handed to sendfile; benchmarks/README.md has the figures.
COPY_AT_MOST = 256 * 1024
# Between two windows of a long run the file is looked at again: has somebody overwritten it in place?
WINDOW = 4 * 1024 * 1024
# The end of a long run is held back until the file was seen unchanged after everything before it had left.
HELD_BACK = 4 * 1024
_SERVER = "Headgate"
_NO_LINGER = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Delivery:
    """What became of a reply on the wire."""

    response: web.StreamResponse
    first_byte_at: float  # time.perf_counter() when the header block was handed to the transport
    body_bytes: int  # body bytes handed to the transport
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Descriptor:
    """As much of a file object as `loop.sendfile` asks for; it must not own (and so close) the descriptor."""

    number: int
    mode: str = "rb"

    def fileno(self) -> int:
        return self.number


async def send(request: web.BaseRequest, reply: Reply) -> Delivery:
    """Send `reply` as the answer to `request` and give its content back. A lost connection is no error.

    Raises `StoreError` when the content fails before anything has been sent, so that another reply may be.
    """
    try:
        match reply.body:
            case body if request.method == "HEAD":  # GET's header block and nothing behind it (RFC 9110 §9.3.2)
                return await _send_bytes(request, reply, None, _length(body))
            case Empty(length=length):
                return await _send_bytes(request, reply, None, length)
            case Bytes(data=data):
                return await _send_bytes(request, reply, data, len(data))
            case FileSlice(content=content, span=span) if span.length <= COPY_AT_MOST:
                copied = await _copy(content, span)
                return await _send_bytes(request, reply, copied, len(copied))
            case _:
                return await _send_long(request, reply)
    finally:
        if reply.content is not None:
            reply.content.release()
        elif isinstance(reply.body, Stream):
            await _end(reply.body)


async def _end(stream: Stream) -> None:
    if isinstance(stream.chunks, AsyncGenerator):
        await stream.chunks.aclose()  # now, and not when it is collected: it may hold a file or a connection
    if stream.close is not None:
        await stream.close()


def _length(body: Body) -> int | None:
    match body:
        case Empty(length=length) | Stream(length=length):
            return length
        case Bytes(data=data):
            return len(data)
        case FileSlice(span=span):
            return span.length
        case Slices():
            return body.length
        case _:
            assert_never(body)


async def _send_bytes(
    request: web.BaseRequest, reply: Reply, data: bytes | bytearray | None, length: int | None
) -> Delivery:
    response = web.Response(status=reply.status, headers=wire_headers(reply, length), body=data)
    if reply.must_close:
        response.force_close()
    delivery = Delivery(response, time.perf_counter(), 0, is_complete=False)
    try:
        await response.prepare(request)
        await response.write_eof()
        delivery.body_bytes = 0 if data is None else len(data)
        delivery.is_complete = True
    except OSError as error:
        abort(request.transport, error)
    return delivery


async def _send_long(request: web.BaseRequest, reply: Reply) -> Delivery:
    transport = request.transport  # noted now: aiohttp forgets it when it begins to close the connection
    response = web.StreamResponse(status=reply.status, headers=wire_headers(reply, _length(reply.body)))
    if reply.must_close:
        response.force_close()
    delivery = Delivery(response, time.perf_counter(), 0, is_complete=False)
    try:
        await response.prepare(request)
        await _send_body(transport, delivery, reply.body)
        await response.write_eof()
        delivery.is_complete = True
    except (StoreError, OSError) as error:
        abort(transport, error)
    except BaseException:
        # Cancelled, or a defect. The transport may still read from the descriptor: it must be gone first.
        abort(transport)
        raise
    return delivery


async def _send_body(transport: asyncio.Transport | None, delivery: Delivery, body: Body) -> None:
    match body:
        case FileSlice(content=content, span=span):
            await _send_run(transport, delivery, content, span)
        case Slices(content=content, parts=parts, tail=tail):
            for part in parts:
                await _write(delivery, part.head)
                await _send_run(transport, delivery, content, part.span)
            await _write(delivery, tail)
        case Stream(chunks=chunks):
            async for chunk in chunks:
                await _write(delivery, chunk)
        case Empty() | Bytes():  # never long
            pass
        case _:
            assert_never(body)


async def _send_run(transport: asyncio.Transport | None, delivery: Delivery, content: Content, span: ByteSpan) -> None:
    held_back = min(HELD_BACK, span.length)
    at, last = span.start, span.stop - held_back
    while at < last:
        window = ByteSpan(at, min(WINDOW, last - at))
        await _send_window(transport, delivery, content, window)
        at = window.stop
    # `_copy` looks at the file after reading: an overwrite during any window is seen before the end leaves.
    await _write(delivery, await _copy(content, ByteSpan(last, held_back)))


async def _send_window(
    transport: asyncio.Transport | None, delivery: Delivery, content: Content, window: ByteSpan
) -> None:
    if not content.is_unchanged():
        raise ObjectChanged("overwritten while it was sent")
    if await _sendfile(transport, content, window):
        delivery.body_bytes += window.length
        return
    for at in range(window.start, window.stop, COPY_AT_MOST):
        run = ByteSpan(at, min(COPY_AT_MOST, window.stop - at))
        await _write(delivery, await _copy(content, run))


async def _sendfile(transport: asyncio.Transport | None, content: Content, window: ByteSpan) -> bool:
    """False when loop, transport or content cannot, or a disk would be waited for; then nothing has been sent."""
    descriptor = content.fileno()
    if descriptor is None or not is_resident(descriptor, window):
        return False
    if transport is None or transport.is_closing():
        raise ConnectionResetError("connection lost")
    # Not left to the loop to find out: asyncio's own says it by an error that may mean anything.
    if transport.get_extra_info("sslcontext") is not None and not transport.get_extra_info("ktls_send_enabled"):
        return False
    file = cast("IO[bytes]", Descriptor(descriptor))
    loop = asyncio.get_running_loop()
    try:
        sent = cast(
            "int | None",  # aiofastnet counts nothing and returns None
            await loop.sendfile(transport, file, window.start, window.length, fallback=False),
        )
    except (NotImplementedError, asyncio.SendfileNotAvailableError):
        return False
    except RuntimeError as error:
        if transport.is_closing():
            raise ConnectionResetError("connection lost") from error
        raise
    if sent is not None and sent != window.length:
        raise ObjectChanged("became shorter while it was sent")
    return True


async def _write(delivery: Delivery, data: bytes | bytearray) -> None:
    await delivery.response.write(data)
    delivery.body_bytes += len(data)


async def _copy(content: Content, span: ByteSpan) -> bytes | bytearray:
    """The bytes of `span`: from the page cache without leaving the loop, from the disk in a thread."""
    data: bytes | bytearray | None = read_now(content.fileno(), span)
    if data is None:
        data = await content.read(span)
    if len(data) != span.length or not content.is_unchanged():
        raise ObjectChanged("another version or length than announced")
    return data


def read_now(descriptor: int | None, span: ByteSpan) -> bytearray | None:
    """The bytes of `span` if all of them are in the page cache; None when reading them could wait for a disk."""
    if descriptor is None or NOWAIT is None:
        return None
    buffer = bytearray(span.length)
    try:
        count = os.preadv(descriptor, [buffer], span.start, NOWAIT)
    except OSError:  # not in memory (EAGAIN), or a file system without RWFNOWAIT
        return None
    return buffer if count == span.length else None


def wire_headers(reply: Reply, length: int | None) -> CIMultiDict[str]:
    """The fields of a reply in their order on the wire; Date and the connection's own follow."""
    headers = CIMultiDict(reply.headers)
    headers["Server"] = _SERVER
    if length is not None:
        headers["Content-Length"] = str(length)
    return headers


def abort(transport: asyncio.Transport | None, error: Exception | None = None) -> None:
    """Reset the connection, so that nobody takes what was sent for the whole."""
    if error is not None and not isinstance(error, ConnectionError):
        _log.warning("body not finished: %s", str(error))  # the error itself would hold on to what was sent
    if transport is None:
        return
    if not transport.is_closing():
        # Without it the kernel would end the stream in good order, which is how a body of unknown length ends.
        connection: socket.socket = transport.get_extra_info("socket")
        with contextlib.suppress(OSError, ValueError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
