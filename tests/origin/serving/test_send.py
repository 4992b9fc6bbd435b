"""The sender alone: every kind of body, and content that fails. Files and clients are in tests/stories."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from origin.http.reply import Body, Bytes, Empty, FileSlice, Part, Reply, Slices, Stream
from origin.http.spans import ByteSpan
from origin.serving.connection import ConnectionServer
from origin.serving.send import COPY_AT_MOST, Delivery, send
from origin.storage.store import ObjectChanged, StoreUnavailable
from tests.stories.gateway import Wire, connected


class Memory:
    """Content without a descriptor; `fault` is raised by the read that reaches `faulty`."""

    def __init__(self, data: bytes, fault: Exception | None = None, faulty: int = 0) -> None:
        self.data = data
        self.fault = fault
        self.faulty = faulty
        self.released = 0

    @property
    def size(self) -> int:
        return len(self.data)

    def fileno(self) -> int | None:
        return None

    async def read(self, span: ByteSpan) -> bytes:
        await asyncio.sleep(0)
        if self.fault is not None and span.stop > self.faulty:
            raise self.fault
        return self.data[span.start : span.stop]

    def is_unchanged(self) -> bool:
        return True

    def release(self) -> None:
        self.released += 1


async def chunks(*pieces: bytes, fault: Exception | None = None) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
    if fault is not None:
        raise fault


LONG = bytes(range(256)) * 4096  # 1 MiB
MULTIPART = Slices(
    Memory(LONG), (Part(b"--b\r\n\r\n", ByteSpan(0, 5)), Part(b"--b\r\n\r\n", ByteSpan(9, 600_000))), b"--b--"
)


async def exchange(
    reply: Reply, ask: Callable[[Wire], Awaitable[bytes]], deliveries: list[Delivery | BaseException]
) -> bytes:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        try:
            delivery = await send(request, reply)
        except BaseException as error:
            deliveries.append(error)
            raise
        deliveries.append(delivery)
        return delivery.response

    public = ConnectionServer(handler, keepalive_seconds=5, header_seconds=5, max_connections=10)
    server = await asyncio.get_running_loop().create_server(public, "127.0.0.1", 0)
    try:
        async with connected(server.sockets[0].getsockname()[1]) as wire:
            return await ask(wire)
    finally:
        server.close()
        await public.shutdown(1)


async def whole(wire: Wire) -> bytes:
    await wire.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    return await wire.rest()


BODIES: list[tuple[int, Body, bytes, str | None]] = [
    (200, Empty(), b"", "0"),
    (204, Empty(None), b"", None),
    (304, Empty(None), b"", None),
    (200, Bytes(b"abc"), b"abc", "3"),
    (200, FileSlice(Memory(LONG), ByteSpan(3, 10)), LONG[3:13], "10"),
    (206, FileSlice(Memory(LONG), ByteSpan(1, COPY_AT_MOST + 9)), LONG[1 : COPY_AT_MOST + 10], str(COPY_AT_MOST + 9)),
    (206, MULTIPART, b"--b\r\n\r\n" + LONG[:5] + b"--b\r\n\r\n" + LONG[9:600_009] + b"--b--", str(MULTIPART.length)),
]


@pytest.mark.parametrize(("status", "body", "data", "length"), BODIES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_kind_of_body(method: str, status: int, body: Body, data: bytes, length: str | None) -> None:
    deliveries: list[Delivery | BaseException] = []

    async def ask(wire: Wire) -> bytes:
        for _ in range(2):  # the connection goes on
            await wire.send(f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            answer = await wire.answer(head=method == "HEAD")
            assert answer.status == status
            assert answer.all("content-length") == ([] if length is None else [length])
            assert "transfer-encoding" not in answer
            assert answer["server"] == "Headgate"
            assert answer.body == (b"" if method == "HEAD" else data)
        return b""

    await exchange(Reply(status, (("Content-Type", "a/b"),), body), ask, deliveries)
    for delivery in deliveries:
        assert isinstance(delivery, Delivery)
        assert delivery.is_complete
        assert delivery.body_bytes == (0 if method == "HEAD" else len(data))


@pytest.mark.parametrize("length", [6, None])
async def test_stream(length: int | None) -> None:
    received = await exchange(Reply(200, (), Stream(chunks(b"abc", b"def"), length)), whole, [])
    head, _, body = received.partition(b"\r\n\r\n")
    assert body == (b"abcdef" if length else b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")
    assert (b"Content-Length: 6" in head) == (length is not None)


async def test_must_close_closes() -> None:
    async def ask(wire: Wire) -> bytes:
        await wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        return await wire.rest()

    received = await exchange(Reply(400, (), Bytes(b"no"), must_close=True), ask, [])
    assert received.count(b"HTTP/1.1") == 1
    assert b"Connection: close" in received


@pytest.mark.parametrize("fault", [StoreUnavailable("away"), ObjectChanged("changed")])
async def test_content_that_fails_before_anything_was_sent_leaves_room_for_another_reply(fault: Exception) -> None:
    content = Memory(LONG, fault)
    deliveries: list[Delivery | BaseException] = []
    received = await exchange(Reply(200, (), FileSlice(content, ByteSpan(0, 10))), whole, deliveries)
    assert deliveries == [fault]
    assert content.released == 1
    assert received.startswith(b"HTTP/1.1 500 ")


@pytest.mark.parametrize("fault", [StoreUnavailable("away"), ObjectChanged("changed"), OSError(5, "broken")])
async def test_content_that_fails_later_resets_the_connection(
    fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    content = Memory(LONG, fault, faulty=COPY_AT_MOST)
    deliveries: list[Delivery | BaseException] = []
    await expect_reset(Reply(200, (), FileSlice(content, ByteSpan(0, len(LONG)))), deliveries)
    assert isinstance(deliveries[0], Delivery)
    assert not deliveries[0].is_complete
    assert content.released == 1
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_a_defect_in_the_middle_never_adds_an_error_page() -> None:
    stream = Stream(chunks(b"abc", fault=ValueError("a defect")))
    await expect_reset(Reply(200, (), stream), [])


async def test_a_file_that_is_shorter_than_announced_is_noticed() -> None:
    content = Memory(LONG[:-1])
    deliveries: list[Delivery | BaseException] = []
    await expect_reset(Reply(200, (), FileSlice(content, ByteSpan(0, len(LONG)))), deliveries)
    assert content.released == 1


async def expect_reset(reply: Reply, deliveries: list[Delivery | BaseException]) -> None:
    async def ask(wire: Wire) -> bytes:
        await wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            await wire.rest()
        return b""

    await exchange(reply, ask, deliveries)
