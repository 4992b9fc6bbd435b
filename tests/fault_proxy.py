"""A TCP proxy on loopback that does to connections what networks do: cuts, delays, silence, truncation, resets.

It runs in a thread with a loop of its own, so that tests of any kind can use it:

    with FaultProxy(redis.port) as proxy:
        ...  # talk to 127.0.0.1:proxy.port
        proxy.black_hole()
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Self, TypeVar

_T = TypeVar("_T")
_PIECE = 65536
_PATIENCE = 10.0  # seconds for what the loop is told to do
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time


@dataclass(frozen=True, slots=True)
class _Fault:
    """What is wrong now; nothing, by default."""

    refuses: bool = False
    is_silent: bool = False
    delay_seconds: float = 0.0
    most_bytes: int | None = None  # of answers, until the connection ends
    resets: bool = False


@dataclass(eq=False, slots=True)
class _Link:
    """One connection that passes through."""

    task: asyncio.Task[None]
    most_bytes: int | None  # what may still come back


class _Ended(Exception):  # noqa: N818
    """The connection has given as much as it may."""


class FaultProxy:
    """What listens on `port` of 127.0.0.1 and passes everything on, until it is told of a fault.

    Each fault takes the place of the one before; connections that one has ended stay ended. All methods return when
    it is so.
    """

    def __init__(self, target_port: int, target_host: str = "127.0.0.1") -> None:
        """Starts nothing yet: it runs inside `with`."""
        self.port = 0
        self.connections = 0  # accepted so far
        self._target = (target_host, target_port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._fault = _Fault()
        self._passes = asyncio.Event()  # cleared while all is silent
        self._links: set[_Link] = set()
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self.heal()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()

    def heal(self) -> None:
        """Everything passes. What a black hole has held back comes through now."""
        self._become(_Fault())

    def lead_to(self, target_port: int) -> None:
        """New connections go there from now on."""
        self._target = (self._target[0], target_port)

    def cut(self) -> None:
        """Connections are reset, and new ones refused."""
        self._become(_Fault(refuses=True))

    def black_hole(self) -> None:
        """Connections stay open and new ones open; nothing passes in either direction."""
        self._become(_Fault(is_silent=True))

    def delay(self, seconds: float) -> None:
        """Every piece takes this long, in both directions."""
        self._become(_Fault(delay_seconds=seconds))

    def truncate(self, most_bytes: int) -> None:
        """Each connection ends in good order after so many more bytes of answers."""
        self._become(_Fault(most_bytes=most_bytes))

    def reset(self, most_bytes: int = 0) -> None:
        """Each connection is reset after so many more bytes of answers; with 0, at once."""
        self._become(_Fault(most_bytes=most_bytes, resets=True))

    def _become(self, fault: _Fault) -> None:
        self._run(self._change(fault))

    def _run(self, work: Coroutine[object, object, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)

    async def _change(self, fault: _Fault) -> None:
        self._fault = fault
        if fault.is_silent:
            self._passes.clear()
        else:
            self._passes.set()
        if fault.refuses and self._server is not None:
            self._server.close()
            self._server = None
        elif not fault.refuses and self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]
        links = list(self._links)
        for link in links:
            link.most_bytes = fault.most_bytes
        if fault.refuses or fault.most_bytes == 0:
            for link in links:
                link.task.cancel()
            await asyncio.gather(*(link.task for link in links), return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.connections += 1
        link = _Link(task, self._fault.most_bytes)
        self._links.add(link)
        resets = True  # whatever ends it from here, but for an end in good order
        server: asyncio.StreamWriter | None = None
        try:
            await self._passes.wait()
            answers, server = await asyncio.open_connection(*self._target)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(link, reader, server, is_answer=False))
                both.create_task(self._pass(link, answers, writer, is_answer=True))
            resets = False
        except* _Ended:
            resets = self._fault.resets
            if not resets:
                await _end(reader, writer)
        except* (OSError, asyncio.CancelledError):
            resets = resets and (self._fault.resets or self._fault.most_bytes is None)
        finally:
            self._links.discard(link)
            if server is not None:
                _close(server, resets=True)
            _close(writer, resets=resets)

    async def _pass(
        self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool
    ) -> None:
        if is_answer and link.most_bytes == 0:
            raise _Ended
        while data := await reader.read(_PIECE):
            await self._passes.wait()
            if self._fault.delay_seconds:
                await asyncio.sleep(self._fault.delay_seconds)
            if is_answer and link.most_bytes is not None:
                data, link.most_bytes = data[: link.most_bytes], max(0, link.most_bytes - len(data))
            writer.write(data)
            await writer.drain()
            if is_answer and link.most_bytes == 0:
                raise _Ended
        await self._passes.wait()
        with suppress(OSError):
            writer.write_eof()


async def _end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say that no more comes, and hear out the other side: closing before that would be a reset."""
    with suppress(OSError, TimeoutError):
        writer.write_eof()
        async with asyncio.timeout(_PATIENCE):
            while await reader.read(_PIECE):
                pass


def _close(writer: asyncio.StreamWriter, *, resets: bool) -> None:
    if resets:
        with suppress(OSError):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        writer.transport.abort()
    else:
        writer.close()
