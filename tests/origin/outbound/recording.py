"""A server that stands for an edge: it records what it is asked and answers what it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer

from cache.purges import Purge, Scope, canonical
from origin.outbound.edge import Edge, Plan
from origin.outbound.transport import Transport

NOW = 1_800_000_000.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrived; header field names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class RecordingEdge:
    """A real server on loopback."""

    answers: list[web.Response] = field(default_factory=list)  # the next ones; then the usual one
    usual: tuple[int, bytes] = (200, b"")
    asked: list[Asked] = field(default_factory=list)
    base: str = ""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Record and answer."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append(Asked(request.method, request.raw_path, headers, await request.read()))
        status, body = self.usual
        return self.answers.pop(0) if self.answers else web.Response(status=status, body=body)

    @property
    def lines(self) -> list[str]:
        """Method and target of each request."""
        return [f"{one.method} {one.target}" for one in self.asked]


@asynccontextmanager
async def recording(usual: tuple[int, bytes] = (200, b"")) -> AsyncIterator[RecordingEdge]:
    """A server that listens."""
    edge = RecordingEdge(usual=usual)
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", edge.handle)
    async with TestServer(application) as server:
        edge.base = str(server.make_url("/")).rstrip("/")
        yield edge


@asynccontextmanager
async def recording_any_method() -> AsyncIterator[RecordingEdge]:
    """The same where the method is one that aiohttp's server does not know; it always answers 200."""
    edge = RecordingEdge()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            head = await reader.readuntil(b"\r\n\r\n")
            line, *rest = head.decode().removesuffix("\r\n\r\n").split("\r\n")
            method, target, _ = line.split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            edge.asked.append(Asked(method, target, headers, body))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        edge.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield edge


async def deliver(edge: Edge, purges: Sequence[Purge]) -> tuple[Plan, list[str]]:
    """Send all calls of a plan over the network; the plan, and the verdicts on the answers."""
    plan = edge.plan(purges, NOW)
    transport = Transport()
    try:
        return plan, [edge.judge(await transport.send(call)).value for call in plan.calls]
    finally:
        await transport.close()


def url(value: str, *, is_soft: bool = True) -> Purge:
    """A purge of a URL."""
    return _purge(Scope.URL, value, is_soft)


def prefix(value: str, *, is_soft: bool = True) -> Purge:
    """A purge of a prefix."""
    return _purge(Scope.PREFIX, value, is_soft)


def tag(value: str, *, is_soft: bool = True) -> Purge:
    """A purge of a tag."""
    return _purge(Scope.TAG, value, is_soft)


def _purge(scope: Scope, value: str, is_soft: bool) -> Purge:
    return Purge(scope, canonical(scope, value), is_soft, NOW, f"p:{scope}:{value}")
