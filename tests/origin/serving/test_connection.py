from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import msgspec
import pytest
from aiohttp import web

from origin.serving.connection import ConnectionServer
from tests.stories.gateway import connected

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@contextlib.asynccontextmanager
async def serving(
    *,
    header_seconds: float = 5,
    keepalive_seconds: float = 5,
    max_connections: int = 10,
    fault: Exception | None = None,
) -> AsyncIterator[int]:
    async def handler(_request: web.BaseRequest) -> web.StreamResponse:
        if fault is not None:
            raise fault
        return web.Response(body=b"ok")

    public = ConnectionServer(
        handler,
        keepalive_seconds=keepalive_seconds,
        header_seconds=header_seconds,
        max_connections=max_connections,
    )
    server = await asyncio.get_running_loop().create_server(public, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await public.shutdown(1)


@pytest.mark.parametrize("beginning", [b"", b"GET / HT", REQUEST[:-2]], ids=["nothing", "a line", "no end"])
async def test_a_header_that_does_not_end_is_given_up(beginning: bytes) -> None:
    async with serving(header_seconds=0.05) as port, connected(port) as wire:
        await wire.send(beginning)
        assert await wire.ended()


async def test_a_header_that_drips_in_is_given_up() -> None:
    async with serving(header_seconds=0.1) as port, connected(port) as wire:
        await wire.send(REQUEST)
        assert (await wire.answer()).body == b"ok"

        async def drip() -> None:
            await wire.send(b"GET / HTTP/1.1\r\n")
            while True:
                await wire.send(b"X-A: b\r\n")
                await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        assert await wire.ended()
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)


async def test_an_idle_connection_is_kept_longer_than_a_header() -> None:
    async with serving(header_seconds=0.05, keepalive_seconds=30) as port, connected(port) as wire:
        await wire.send(REQUEST)
        assert (await wire.answer()).body == b"ok"
        async with connected(port) as other:  # an unfinished header begun later is given up meanwhile
            assert await other.ended()
        await wire.send(REQUEST)
        assert (await wire.answer()).body == b"ok"


async def test_an_idle_connection_is_closed_in_the_end() -> None:
    async with serving(keepalive_seconds=0.05) as port, connected(port) as wire:
        await wire.send(REQUEST)
        await wire.answer()
        assert await wire.ended()


async def test_more_connections_than_allowed_are_closed() -> None:
    async with serving(max_connections=2) as port, connected(port) as first, connected(port) as second:
        for wire in (first, second):
            await wire.send(REQUEST)
            assert (await wire.answer()).status == 200
        async with connected(port) as third:
            assert await third.ended()
        await first.send(REQUEST)
        assert (await first.answer()).status == 200


async def test_what_is_malformed_is_answered_without_an_echo(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as port, connected(port) as wire:
        await wire.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Secret\x01: b\r\n\r\n")
        answer = await wire.answer()
        assert await wire.ended()
    assert (answer.status, answer["content-type"]) == (400, "application/problem+json")
    assert msgspec.json.decode(answer.body)["reason"] == "request_malformed"
    assert b"Secret" not in answer.body
    assert caplog.records == []


async def test_a_defect_is_a_500_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(fault=ValueError("a defect")) as port, connected(port) as wire:
        await wire.send(REQUEST)
        answer = await wire.answer()
        assert await wire.ended()
    assert (answer.status, msgspec.json.decode(answer.body)["reason"]) == (500, "internal_error")
    assert b"defect" not in answer.body
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
