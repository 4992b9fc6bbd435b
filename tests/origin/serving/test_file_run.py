"""A run of a file leaves whole, in its place, or visibly broken."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from origin.http.spans import ByteSpan
from origin.serving.file_run import FileRun, SendsFiles
from origin.serving.send import HELD_BACK, WINDOW
from origin.storage.filesystem import FilesystemStore
from origin.storage.store import StoredObject
from tests.contracts.descriptors import descriptors_below

DATA = os.urandom(2_000_000)
SMALL = 64 * 1024  # what the kernel takes in at an end


class Peer:
    """One connection: its transport, and the socket at the other end, which reads when it is told to."""

    def __init__(self, transport: asyncio.Transport, other: socket.socket) -> None:
        self.transport = transport
        self._other = other

    async def read(self, size: int) -> bytes:
        """So many bytes, or all up to the end."""
        received = b""
        while len(received) < size and (piece := await asyncio.to_thread(self._other.recv, size - len(received))):
            received += piece
        return received


@asynccontextmanager
async def peer() -> AsyncIterator[Peer]:
    loop, accepted = asyncio.get_running_loop(), asyncio.Queue[asyncio.Transport]()

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            accepted.put_nowait(cast("asyncio.Transport", transport))

    server = await loop.create_server(Protocol, "127.0.0.1", 0)
    other = socket.socket()
    other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    await asyncio.to_thread(other.connect, server.sockets[0].getsockname())
    transport = await accepted.get()
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
    try:
        yield Peer(transport, other)
    finally:
        transport.abort()
        other.close()
        server.close()


async def opened(folder: Path, data: bytes = DATA) -> StoredObject:
    (folder / "a").write_bytes(data)
    content = await FilesystemStore(folder).open("a")
    assert content is not None
    return content


def run_of(content: StoredObject, start: int = 0, length: int | None = None) -> tuple[FileRun, list[int]]:
    run = FileRun.of(content, ByteSpan(start, content.size - start if length is None else length))
    assert run is not None
    told: list[int] = []
    run.when_sent(told.append)
    return run, told


@pytest.mark.parametrize("length", [1, HELD_BACK, HELD_BACK + 1, 10_000])
async def test_what_the_socket_takes_at_once_has_left(length: int, tmp_path: Path) -> None:
    async with peer() as it:
        run, told = run_of(await opened(tmp_path), 7, length)
        it.transport.write(b"head ")
        assert run.start(it.transport, lambda: pytest.fail("it was over"))
        it.transport.write(b" behind")
        assert told == [length]
        assert await it.read(length + 12) == b"head " + DATA[7 : 7 + length] + b" behind"
    assert descriptors_below(tmp_path) == []


async def test_what_it_does_not_take_follows(tmp_path: Path) -> None:
    async with peer() as it:
        run, told = run_of(await opened(tmp_path, DATA[:1] * 2 + DATA + DATA))
        over = asyncio.Event()
        assert not run.start(it.transport, over.set)
        assert told == []
        received = await it.read(len(DATA) * 2 + 2)
        await over.wait()
        assert received == DATA[:1] * 2 + DATA + DATA
        assert told == [len(received)]
    assert descriptors_below(tmp_path) == []


async def test_a_file_that_changes_meanwhile_breaks_the_connection(tmp_path: Path) -> None:
    async with peer() as it:
        run, told = run_of(await opened(tmp_path, DATA + DATA))
        over = asyncio.Event()
        assert not run.start(it.transport, over.set)
        (tmp_path / "a").write_bytes(DATA[::-1] * 2)
        with pytest.raises(ConnectionResetError):
            await it.read(len(DATA) * 2)
        await over.wait()
        assert told == [len(DATA) * 2 - HELD_BACK]
    assert descriptors_below(tmp_path) == []


async def test_a_viewer_who_leaves(tmp_path: Path) -> None:
    async with peer() as it:
        run, told = run_of(await opened(tmp_path, DATA + DATA))
        over = asyncio.Event()
        assert not run.start(it.transport, over.set)
        it.transport.abort()
        await over.wait()
        assert told == [0]
        late, told = run_of(await opened(tmp_path))
        assert late.start(it.transport, lambda: pytest.fail("it was over"))
        assert told == [0]
    assert descriptors_below(tmp_path) == []


async def test_a_transport_that_refuses_is_not_left_with_half_an_answer(tmp_path: Path) -> None:
    """Its header block has left already: another answer behind it would be taken for the body."""
    async with peer() as it:
        run, told = run_of(await opened(tmp_path))

        class Refusing:
            def sendfile(self, *_: object) -> None:
                raise NotImplementedError

            def __getattr__(self, name: str) -> object:
                return getattr(it.transport, name)

        it.transport.write(b"head ")
        assert run.start(cast("asyncio.Transport", Refusing()), lambda: pytest.fail("it was over"))
        assert told == [0]
        assert it.transport.is_closing()
    assert descriptors_below(tmp_path) == []


async def test_what_takes_more_than_one_look_is_none(tmp_path: Path) -> None:
    content = await opened(tmp_path)
    assert FileRun.of(content, ByteSpan(0, WINDOW + 1)) is None
    (tmp_path / "a").write_bytes(b"")
    assert FileRun.of(content, ByteSpan(0, 10)) is None
    content.release()


async def test_only_some_transports_send_files() -> None:
    async with peer() as it:
        assert isinstance(it.transport, SendsFiles)
    assert not isinstance(asyncio.Transport(), SendsFiles)
