"""A relay on loopback in front of a real HTTP server, which counts and breaks what passes through it.

    async with Relay(server.port) as relay:
        relay.breaks("/media/a", Break(after=100_000))
        ... relay.port, relay.requests, relay.held

It reads request heads and the ends of response heads, and changes no byte. Requests have no bodies.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

_PIECE = 16 * 1024
_END = b"\r\n\r\n"


@dataclass(slots=True)
class Break:
    """What happens to answers: they stop `after` so many body bytes (None: before their first byte)."""

    after: int | None = None
    hold: bool = False  # silence instead of the end of the connection
    times: int = 1_000_000  # to how many answers
    instead: bytes = b""  # is sent where the answer stops


@dataclass(slots=True)
class _Exchange:
    """The answer that is passing on a connection."""

    fault: Break | None = None
    head: bytearray = field(default_factory=bytearray)
    body: int | None = None  # bytes passed, once the head is over

    def passing(self, piece: bytes) -> bytes:
        """As much of `piece`, which has just come, as may pass; less than all of it where the answer has to stop."""
        start = 0  # of the body in this piece
        if self.body is None:
            self.head += piece
            end = self.head.find(_END)
            if end < 0:
                return piece
            start = len(piece) - (len(self.head) - end - len(_END))
            self.body = 0
        before = self.body
        self.body += len(piece) - start
        if self.fault is None or self.fault.after is None or self.body <= self.fault.after:
            return piece
        return piece[: start + self.fault.after - before]


class Relay:
    """The relay. `requests` holds the request heads that came; `connections` counts those accepted."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._breaks: dict[str, Break] = {}
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.requests: list[bytes] = []
        self.connections = 0
        self.held = 0
        self.port = 0

    async def __aenter__(self) -> Relay:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.vanish()

    @property
    def endpoint(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self.port}"

    def breaks(self, path: str, fault: Break) -> None:
        """Break the answers to requests whose encoded path ends with `path`; "" is all of them."""
        self._breaks[path] = fault

    async def vanish(self) -> None:
        """End every connection; nothing listens any more."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*self._tasks)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            self._writers.discard(writer)
            writer.close()
            return
        exchange = _Exchange()
        pump = asyncio.create_task(self._pump(exchange, far_reader, writer))
        pump.add_done_callback(lambda _: writer.close())
        try:
            while True:
                head = await reader.readuntil(_END)
                self.requests.append(head)
                exchange.fault, exchange.body = self._fault(head), None
                exchange.head.clear()
                far_writer.write(head)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self._writers.discard(writer)
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
            for each in (writer, far_writer):
                each.close()
                with suppress(OSError):
                    await each.wait_closed()

    def _fault(self, head: bytes) -> Break | None:
        path = head.split(b" ", 2)[1].decode().partition("?")[0]
        for end, fault in self._breaks.items():
            if path.endswith(end) and fault.times > 0:
                fault.times -= 1
                return fault
        return None

    async def _pump(self, exchange: _Exchange, far: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await far.read(_PIECE):
                fault = exchange.fault
                if fault is not None and fault.after is None:
                    await self._stop(fault, writer)
                    return
                passing = exchange.passing(piece)
                writer.write(passing)
                await writer.drain()
                if len(passing) < len(piece) and fault is not None:
                    await self._stop(fault, writer)
                    return

    async def _stop(self, fault: Break, writer: asyncio.StreamWriter) -> None:
        writer.write(fault.instead)
        with suppress(OSError):
            await writer.drain()
        if not fault.hold:
            return
        self.held += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.held -= 1
