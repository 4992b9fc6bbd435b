"""A server on loopback that sends exactly the bytes it is told, with pauses, right or wrong: an upstream that lies.

    async with Liar() as liar:
        liar.says(b"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nab", End.CLOSE)
        ... liar.port, liar.requests, liar.connections

A script is what a connection does after each request: bytes are sent, a number is a pause in seconds, an `End` ends it.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import struct
from collections.abc import Callable
from enum import Enum, auto
from types import TracebackType
from typing import TypeAlias


class End(Enum):
    """How a script goes out. Without one the connection waits for the next request."""

    CLOSE = auto()  # FIN
    RESET = auto()  # RST
    HOLD = auto()  # silence, until the other side or the liar closes
    ENDLESS = auto()  # the last bytes again and again, as fast as they are taken


Step: TypeAlias = bytes | float | End
Script: TypeAlias = tuple[Step, ...]

_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*([0-9]+)")


def response(body: bytes = b"", *fields: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """A whole HTTP/1.1 response; `length` is what it announces, if not the truth."""
    announced = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", *fields, f"Content-Length: {announced}", "", ""]
    return "\r\n".join(lines).encode() + body


class Liar:
    """The server. `requests` are the requests it has read, each with its body; `connections` counts those accepted."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        """With `tls` it speaks TLS."""
        self._tls = tls
        self.requests: list[bytes] = []
        self.connections = 0
        self.open_now = 0
        self.held = 0  # connections in `End.HOLD`
        self.port = 0
        self.greeting = b""  # what is sent before anything was asked
        self._answer: Callable[[bytes, int], Script] = lambda _request, _number: (End.CLOSE,)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Liar:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http{'' if self._tls is None else 's'}://127.0.0.1:{self.port}"

    def says(self, *scripts: Script | Step) -> None:
        """Answer each request with the same script or, when tuples are given, the n-th request with the n-th of them.

        After the last one that one is repeated.
        """
        if any(isinstance(script, tuple) for script in scripts):
            turns = [script if isinstance(script, tuple) else (script,) for script in scripts]
        else:
            turns = [tuple(script for script in scripts if not isinstance(script, tuple))]
        self.answers(lambda _request, number: turns[min(number, len(turns) - 1)])

    def answers(self, answer: Callable[[bytes, int], Script]) -> None:
        """Answer a request, and its number from 0, with the script that `answer` gives."""
        base = len(self.requests)
        self._answer = lambda request, number: answer(request, number - base)

    async def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=2**24, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no more and drop all connections."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # a transport that is aborted is closed a moment later

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open_now += 1
        try:
            writer.write(self.greeting)
            while await self._turn(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError) as error:
            # The reader keeps it, and its frames keep the reader: such a ring is collected by any thread, and the
            # transport wants its own.
            error.with_traceback(None)
        except asyncio.CancelledError:  # stopped; the task is nobody else's
            pass
        finally:
            self.open_now -= 1
            self._tasks.discard(task)
            writer.transport.abort()

    async def _turn(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read a request and play its script; whether the connection goes on."""
        head = await reader.readuntil(b"\r\n\r\n")
        announced = _LENGTH.search(head)
        body = await reader.readexactly(int(announced[1])) if announced else b""
        self.requests.append(head + body)
        last = b""
        for step in self._answer(head + body, len(self.requests) - 1):
            match step:
                case bytes():
                    last = step
                    writer.write(step)
                    await writer.drain()
                case End():
                    await self._end(step, reader, writer, last)
                    return False
                case _:
                    await asyncio.sleep(step)
        return True

    async def _end(self, how: End, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, last: bytes) -> None:
        if how is End.CLOSE:
            writer.close()
            await writer.wait_closed()
        elif how is End.RESET:
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        elif how is End.HOLD:
            self.held += 1
            try:
                await reader.read()
            finally:
                self.held -= 1
        else:
            while True:
                writer.write(last)
                await writer.drain()
