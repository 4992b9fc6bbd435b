"""A thousand viewers in one process, who all ask at once and compare what they get with what it should be."""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

_BUFFER = bytearray(2**18)  # one for all: what arrives is looked at before anything else happens
_RECEIVED_AT_MOST = 64 * 1024  # bytes that the kernel takes in for a viewer who does not read
_PATIENCE = 60.0


@dataclass(slots=True)
class Viewed:
    """What one viewer met. Times are by `time.monotonic`."""

    asked_at: float = 0.0
    first_byte_at: float = 0.0  # of the body
    status: int = 0
    head: str = ""
    size: int = 0  # of the body
    is_right: bool = True  # so far, every byte of the body
    error: str = ""

    def has(self, body: bytes) -> bool:
        """Whether a good answer came whole, with this body."""
        return self.status == 200 and self.is_right and self.size == len(body) and not self.error


class _Crowd:
    """Viewers who read no further than the first byte until everybody has it.

    Thus a first byte is late because of what serves it, and not because one machine cannot carry all bodies at once.
    """

    def __init__(self, viewers: int) -> None:
        self._left = viewers
        self._waiting: list[asyncio.ReadTransport] = []

    def has_one(self, transport: asyncio.ReadTransport | None) -> None:
        """Somebody has the first byte, and waits; or, with None, will not have it."""
        self._left -= 1
        if transport is not None:
            transport.pause_reading()
            self._waiting.append(transport)
        if self._left <= 0:
            self.go_on()

    def go_on(self) -> None:
        """Everybody reads."""
        waiting, self._waiting = self._waiting, []
        for transport in waiting:
            if not transport.is_closing():
                transport.resume_reading()


class _Viewer(asyncio.BufferedProtocol):
    def __init__(self, request: bytes, expected: memoryview, crowd: _Crowd) -> None:
        self.viewed = Viewed()
        self._crowd = crowd
        self._transport: asyncio.Transport | None = None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._expected = expected
        self._head = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.viewed.asked_at = time.monotonic()
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def get_buffer(self, sizehint: int) -> bytearray:
        return _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        data = memoryview(_BUFFER)[:nbytes]
        if not self.viewed.head:
            self._head += data
            head, end, rest = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            self.viewed.head = head.decode("latin-1")
            self.viewed.status = int(head[9:12])
            data = memoryview(rest)
        if data:
            self._look(data)

    def _look(self, data: memoryview) -> None:
        viewed = self.viewed
        if not viewed.first_byte_at:
            viewed.first_byte_at = time.monotonic()
            self._crowd.has_one(self._transport)
        viewed.is_right &= data == self._expected[viewed.size : viewed.size + len(data)]
        viewed.size += len(data)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.viewed.error = "" if exc is None else repr(exc)
        if not self.viewed.first_byte_at:
            self._crowd.has_one(None)
        if not self.over.done():
            self.over.set_result(None)


async def swarm(
    ports: Sequence[int], path: str, body: bytes, viewers: int, *fields: str, over_seconds: float = 0.0
) -> list[Viewed]:
    """So many viewers ask for `path`, in turn at the servers on `ports`, all at once or over some seconds.

    When they ask at once, nobody reads on before all have the first byte.
    """
    _raise_limit(viewers)
    lines = [f"GET {path} HTTP/1.1", "Host: cdn.example", "Connection: close", *fields, "", ""]
    crowd = _Crowd(0 if over_seconds else viewers)
    make = partial(_Viewer, "\r\n".join(lines).encode(), memoryview(body), crowd)
    pauses = [over_seconds * number / viewers for number in range(viewers)]
    asking = (_view(make, ports[number % len(ports)], pause) for number, pause in enumerate(pauses))
    late = asyncio.get_running_loop().call_later(_PATIENCE / 2, crowd.go_on)
    viewed = await asyncio.gather(*asking)
    late.cancel()
    return list(viewed)


async def _view(make: partial[_Viewer], port: int, pause: float) -> Viewed:
    await asyncio.sleep(pause)
    loop = asyncio.get_running_loop()
    connection = socket.socket()
    connection.setblocking(False)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVED_AT_MOST)
    viewer = make()
    try:
        async with asyncio.timeout(_PATIENCE):
            await loop.sock_connect(connection, ("127.0.0.1", port))
            transport, _ = await loop.create_connection(lambda: viewer, sock=connection)
            try:
                await viewer.over
            finally:
                transport.abort()
    except (OSError, TimeoutError) as error:
        connection.close()
        viewer.connection_lost(error)
    return viewer.viewed


def _raise_limit(viewers: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = viewers + 512
    if soft < wanted:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )
