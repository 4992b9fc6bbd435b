from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from ipaddress import ip_network

import msgspec
import pytest
from aiohttp import web

from origin.serving.connection import ConnectionServer
from origin.serving.forwarded import TrustedProxies
from tests.stories.gateway import connected

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
FAST = b"GET /fast HTTP/1.1\r\nHost: a\r\n\r\n"


class Lane:
    """A fast lane for one request, which notes what it is told."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.learnt: list[bytes] = []
        self.peers: list[str | None] = []

    def visitor(self, remote: str | None, protocol: object, *, secure: bool, sends_files: bool) -> str:
        self.peers.append(remote)
        return "visitor"

    def answer(self, data: bytes, start: int, visitor: object) -> tuple[bytes, bytes, int] | None:
        self.asked.append(data[start:])
        if not data.startswith(FAST, start):
            return None
        return b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b"fast", start + len(FAST)

    def learn(self, data: bytes, message: object) -> None:
        self.learnt.append(data)


@contextlib.asynccontextmanager
async def serving(
    *,
    header_seconds: float = 5,
    keepalive_seconds: float = 5,
    max_connections: int = 10,
    fault: Exception | None = None,
    load_balancers: TrustedProxies | None = None,
    lane: Lane | None = None,
) -> AsyncIterator[int]:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if fault is not None:
            raise fault
        return web.Response(body=b"ok", headers={"X-Remote": str(request.remote)})

    public = ConnectionServer(
        handler,
        keepalive_seconds=keepalive_seconds,
        header_seconds=header_seconds,
        max_connections=max_connections,
        load_balancers=load_balancers,
        lane=lane,
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


BALANCERS = TrustedProxies([ip_network("127.0.0.0/8")])
PROXY = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"


@pytest.mark.parametrize("cut", [0, 1, 20, len(PROXY) - 1, len(PROXY), len(PROXY) + 5])
async def test_a_load_balancer_says_who_it_is(cut: int) -> None:
    async with serving(load_balancers=BALANCERS) as port, connected(port) as wire:
        data = PROXY + REQUEST
        await wire.send(data[:cut])
        await asyncio.sleep(0.01)
        await wire.send(data[cut:])
        assert (await wire.answer())["x-remote"] == "192.0.2.7"
        await wire.send(REQUEST)  # once for the whole connection
        assert (await wire.answer())["x-remote"] == "192.0.2.7"


async def test_its_own_health_check_is_its_own() -> None:
    async with serving(load_balancers=BALANCERS) as port, connected(port) as wire:
        await wire.send(b"PROXY UNKNOWN\r\n" + REQUEST)
        assert (await wire.answer())["x-remote"] == "127.0.0.1"


@pytest.mark.parametrize("data", [REQUEST, b"PROXY nonsense\r\n" + REQUEST, b"\r\n\r\n"])
async def test_a_load_balancer_without_the_header_is_cut_off(data: bytes) -> None:
    async with serving(load_balancers=BALANCERS) as port, connected(port) as wire:
        await wire.send(data)
        assert await wire.ended()


async def test_half_a_header_is_given_up() -> None:
    async with serving(load_balancers=BALANCERS, header_seconds=0.05) as port, connected(port) as wire:
        await wire.send(PROXY[:-1])
        assert await wire.ended()


async def test_nobody_else_may_say_so() -> None:
    elsewhere = TrustedProxies([ip_network("10.0.0.0/8")])
    async with serving(load_balancers=elsewhere) as port, connected(port) as wire:
        await wire.send(PROXY + REQUEST)
        assert (await wire.answer()).status == 400


async def test_a_lane_is_asked_first_and_what_it_leaves_is_aiohttps() -> None:
    lane = Lane()
    async with serving(lane=lane) as port, connected(port) as wire:
        await wire.send(FAST + FAST + REQUEST + FAST)
        bodies = [(await wire.answer()).body for _ in range(4)]
        await wire.send(FAST)
        assert (await wire.answer()).body == b"fast"
    # What came behind a request of aiohttp's is aiohttp's too: answers keep their order.
    assert bodies == [b"fast", b"fast", b"ok", b"ok"]
    assert lane.asked == [FAST + FAST + REQUEST + FAST, FAST + REQUEST + FAST, REQUEST + FAST, FAST]
    assert lane.peers == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("sent", "learnt"),
    [
        ([REQUEST], [REQUEST]),
        ([REQUEST + REQUEST], []),
        ([REQUEST[:-1], REQUEST[-1:]], []),
        ([REQUEST[:-2] + b"Content-Length: 2\r\n\r\n", b"ab"], []),
        ([REQUEST[:-2] + b"Content-Length: 4\r\n\r\n\r\n\r\n"], []),
        ([REQUEST[:-2] + b"Transfer-Encoding: chunked\r\n\r\n", b"0\r\n\r\n"], []),
    ],
)
async def test_it_learns_from_whole_requests_without_a_body(sent: list[bytes], learnt: list[bytes]) -> None:
    lane = Lane()
    async with serving(lane=lane) as port, connected(port) as wire:
        for data in sent:
            await wire.send(data)
            await asyncio.sleep(0.02)
        assert (await wire.answer()).body == b"ok"
    assert lane.learnt == learnt


async def test_it_is_not_asked_about_the_middle_of_a_request() -> None:
    """A body that reads like a request is none."""
    lane = Lane()
    async with serving(lane=lane) as port, connected(port) as wire:
        await wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(FAST))
        await asyncio.sleep(0.05)
        await wire.send(FAST)
        assert (await wire.answer()).body == b"ok"
    assert FAST not in lane.asked


async def test_after_a_close_it_is_not_asked_again() -> None:
    lane = Lane()
    async with serving(lane=lane) as port, connected(port) as wire:
        await wire.send(REQUEST[:-2] + b"Connection: close\r\n\r\n" + FAST)
        assert (await wire.rest()).count(b"HTTP/1.") == 1
    assert len(lane.asked) == 1


async def test_a_drain_waits_for_who_is_still_shaking_hands() -> None:
    async def handler(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response()

    public = ConnectionServer(handler, keepalive_seconds=5, header_seconds=5, max_connections=10)
    answers = iter([True, True, True, False])
    async with asyncio.timeout(10):
        await public.drain(600, asyncio.Event(), lambda: next(answers))
    assert list(answers) == []
