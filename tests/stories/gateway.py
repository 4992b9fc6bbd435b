"""The whole gateway in process, on real loopback ports, and a client that sees every byte."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from auth import Algorithm, Claims, Gate, PathScope
from auth.keys import KeyRing
from origin import settings
from origin.edge.pages import Pages
from origin.keystore.file import write_ring
from origin.keystore.generate import new_key
from origin.realms import realm_of
from origin.runtime import Runtime, open_runtime
from origin.server.listeners import Sockets
from origin.server.orders import Orders
from origin.server.process import Listening, listening

SECRET = "an-edge-secret-of-32-characters!"
PATIENCE = 10.0  # seconds that anything here may take at most


@dataclass(frozen=True, slots=True)
class Answer:
    """One response as it came over the wire; field names in lower case."""

    status: int
    version: str
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def __getitem__(self, name: str) -> str:
        (value,) = [value for known, value in self.fields if known == name]
        return value

    def all(self, name: str) -> list[str]:
        return [value for known, value in self.fields if known == name]

    def __contains__(self, name: str) -> bool:
        return any(known == name for known, _ in self.fields)


class Wire:
    """A raw client connection that reads only when it is told to.

    A blocking socket in threads, so that no event loop stands between a test and what really came.
    """

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._received = b""

    async def send(self, data: bytes) -> None:
        """Send all of it; what a server that has gone away does not take is lost."""
        with contextlib.suppress(ConnectionError):
            await asyncio.to_thread(self.socket.sendall, data)

    async def ask(self, target: str, *fields: str, method: str = "GET", host: str = "cdn.example") -> Answer:
        """One request and its response."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *fields, "", ""]
        await self.send("\r\n".join(lines).encode("latin-1"))
        return await self.answer(head=method == "HEAD")

    async def answer(self, *, head: bool = False) -> Answer:
        """The next response; ConnectionError when the connection ends first."""
        begun = await self.head()
        if head or "content-length" not in begun:
            return begun
        return replace(begun, body=await self.exactly(int(begun["content-length"])))

    async def head(self) -> Answer:
        """The next response's status and fields, its body left unread."""
        while b"\r\n\r\n" not in self._received:
            self._received += await self._some()
        block, _, self._received = self._received.partition(b"\r\n\r\n")
        first, *lines = block.decode("latin-1").split("\r\n")
        version, status, _ = first.split(" ", 2)
        fields = tuple((name.lower(), value) for name, _, value in (line.partition(": ") for line in lines))
        return Answer(int(status), version, fields, b"")

    async def exactly(self, length: int) -> bytes:
        """The next `length` bytes; ConnectionError when there are fewer."""
        pieces = [self._received]
        missing = length - len(self._received)
        while missing > 0:
            pieces.append(await self._some())
            missing -= len(pieces[-1])
        received = b"".join(pieces)
        self._received = received[length:]
        return received[:length]

    async def rest(self) -> bytes:
        """Everything up to the end; ConnectionResetError when it is a reset."""
        pieces = [self._received]
        while piece := await asyncio.to_thread(self.socket.recv, 2**18):
            pieces.append(piece)
        return b"".join(pieces)

    async def ended(self) -> bool:
        """Whether the server closes or resets without sending anything more."""
        try:
            return await self.rest() == b""
        except ConnectionError:
            return True

    def close(self) -> None:
        """Leave."""
        self.socket.close()

    async def _some(self) -> bytes:
        piece = await asyncio.to_thread(self.socket.recv, 2**18)
        if not piece:
            raise ConnectionError("the connection ended early")
        return piece


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[Wire]:
    """A connection to a loopback port."""
    wire = await asyncio.to_thread(Wire, port)
    try:
        yield wire
    finally:
        wire.close()


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway."""

    configured: settings.Settings
    runtime: Runtime
    where: Listening
    media: Path
    ring: KeyRing

    def put(self, path: str, data: bytes) -> Path:
        """An object below the media directory."""
        file = self.media / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return file

    def token(self, *prefixes: str, lifetime: float = 600, mount: int = 0) -> str:
        """A token for everything below `prefixes`, or below the first mount."""
        chosen = self.configured.mount[mount]
        scope = PathScope.prefix(*(prefixes or (chosen.prefix,)))
        claims = Claims(expires=time.time() + lifetime, scope=scope)
        return Gate(realm_of(chosen)).mint(claims, self.ring, time.time()).reveal()

    @contextlib.asynccontextmanager
    async def wire(self, *, admin: bool = False) -> AsyncIterator[Wire]:
        """A connection to the public listener, or to the admin one."""
        port = self.where.admin_port if admin else self.where.public_port
        async with connected(port) as wire:
            yield wire

    async def ask(self, target: str, *fields: str, method: str = "GET") -> Answer:
        """One request on a connection of its own."""
        async with self.wire() as wire:
            return await wire.ask(target, *fields, method=method)

    async def metric(self, name: str) -> float:
        """The sample with this exact name and label text; 0 when it is not there."""
        async with self.wire(admin=True) as wire:
            text = (await wire.ask("/metrics")).body.decode()
        found = re.search(rf"^{re.escape(name)} ([0-9.e+-]+)$", text, re.MULTILINE)
        return 0.0 if found is None else float(found[1])


@contextlib.asynccontextmanager
async def running(
    folder: Path,
    mounts: list[dict[str, object]] | None = None,
    *,
    pages: Pages | None = None,
    sockets: Sockets | None = None,
    orders: Orders | None = None,
    **tables: Mapping[str, object],
) -> AsyncIterator[Gateway]:
    """A gateway over `folder`/media; one open mount at /open and one signed at /vod unless `mounts` says otherwise."""
    media = folder / "media"
    media.mkdir(exist_ok=True)
    ring = KeyRing([new_key(Algorithm.HS256, "k1")])
    await asyncio.to_thread(write_ring, folder / "keys.json", ring)
    opened: dict[str, object] = {"prefix": "/open", "storage": "file:media", "access": "open"}
    signed = {"prefix": "/vod", "storage": "file:media", "access": "signed", "keys": "main"}
    values: dict[str, object] = {
        "public": {"port": 0},
        "admin": {"port": 0},
        "server": {"drain_seconds": 0.0},
        "log": {"access": False},
        "keyrings": {"main": {"file": "keys.json"}},
        "mount": [signed, opened] if mounts is None else mounts,
    }
    for name, table in tables.items():
        known = values.get(name, {})
        values[name] = {**(known if isinstance(known, dict) else {}), **table}
    configured = settings.parse(values, folder)
    async with open_runtime(configured, pages) as runtime, listening(configured, runtime, sockets, orders) as where:
        yield Gateway(configured, runtime, where, media, ring)
