from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from origin import settings
from origin.runtime import open_runtime
from origin.server.listeners import ListenError, Place, Sockets, open_listener, port_of
from origin.server.orders import Orders
from origin.server.process import Listening, listening, serve
from tests.stories.gateway import PATIENCE, Gateway, connected, running

LONG = b"x" * 24 * 1024 * 1024


@contextlib.asynccontextmanager
async def gateway_that_ends(
    folder: Path, drain_seconds: float, orders: Orders
) -> AsyncIterator[tuple[Gateway, asyncio.Task[None]]]:
    """A gateway that runs until `orders` end it, and the task in which it does."""
    entered: asyncio.Future[Gateway] = asyncio.get_running_loop().create_future()

    async def run() -> None:
        async with running(folder, server={"drain_seconds": drain_seconds}, orders=orders) as gateway:
            gateway.put("a/1.m4s", LONG)
            entered.set_result(gateway)
            await orders.end.wait()

    async with asyncio.timeout(2 * PATIENCE), asyncio.TaskGroup() as group:
        task = group.create_task(run())
        yield await entered, task


@pytest.mark.parametrize("patience", [5.0, 0.2], ids=["within the limit", "beyond it"])
async def test_a_transfer_in_progress_may_end_within_the_limit(patience: float, tmp_path: Path) -> None:
    orders = Orders()
    async with (
        gateway_that_ends(tmp_path, patience, orders) as (gateway, task),
        connected(gateway.where.public_port) as busy,
    ):
        await busy.send(b"GET /open/a/1.m4s HTTP/1.1\r\nHost: a\r\n\r\n")
        length = int((await busy.head())["content-length"])
        orders.stop()
        await refuses(gateway.where.public_port)
        if patience > 1:
            assert await busy.exactly(length) == LONG
            await busy.send(b"GET /time HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await busy.answer())["connection"] == "close"
            assert await busy.ended()
        else:
            await task
            with pytest.raises(ConnectionError):
                await busy.exactly(length)


async def test_what_comes_on_an_idle_connection_is_answered_for_the_last_time(tmp_path: Path) -> None:
    orders = Orders()
    async with (
        gateway_that_ends(tmp_path, PATIENCE, orders) as (gateway, _),
        connected(gateway.where.public_port) as idle,
        connected(gateway.where.public_port) as fresh,
    ):
        assert "connection" not in await idle.ask("/time")
        orders.stop()
        await refuses(gateway.where.public_port)
        for wire in (idle, fresh):
            answer = await wire.ask("/time")
            assert (answer.status, answer["connection"]) == (200, "close")
            assert await wire.ended()


async def test_so_is_what_the_fast_lane_would_answer(tmp_path: Path) -> None:
    orders = Orders()
    async with (
        gateway_that_ends(tmp_path, PATIENCE, orders) as (gateway, _),
        connected(gateway.where.public_port) as wire,
    ):
        gateway.put("a/2.m4s", b"hot")
        for _ in range(5):
            assert "connection" not in await wire.ask("/open/a/2.m4s")
        orders.stop()
        await refuses(gateway.where.public_port)
        answer = await wire.ask("/open/a/2.m4s")
        assert (answer.status, answer.body, answer["connection"]) == (200, b"hot", "close")
        assert await wire.ended()


async def test_the_last_of_pipelined_requests_is_the_last(tmp_path: Path) -> None:
    orders = Orders()
    async with (
        gateway_that_ends(tmp_path, PATIENCE, orders) as (gateway, _),
        connected(gateway.where.public_port) as wire,
    ):
        await wire.ask("/time")
        orders.stop()
        await refuses(gateway.where.public_port)
        await wire.send(b"GET /time HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        answers = [await wire.answer() for _ in range(3)]
        assert ["connection" in answer for answer in answers] == [False, False, True]
        assert await wire.ended()


async def test_it_ends_as_soon_as_nobody_is_left(tmp_path: Path) -> None:
    orders = Orders()
    async with (
        gateway_that_ends(tmp_path, 600, orders) as (gateway, task),
        connected(gateway.where.public_port) as wire,
    ):
        await wire.ask("/time")
        orders.stop()
        await refuses(gateway.where.public_port)
        assert not task.done()
        wire.close()
        await task


async def test_in_a_hurry_nobody_is_waited_for(tmp_path: Path) -> None:
    orders = Orders()
    async with (
        gateway_that_ends(tmp_path, 600, orders) as (gateway, task),
        connected(gateway.where.public_port) as wire,
    ):
        await wire.ask("/time")
        orders.stop()
        orders.stop()
        assert await wire.ended()
        await task


@pytest.mark.parametrize("is_replaced", [True, False])
async def test_only_who_is_not_replaced_says_that_it_is_not_ready(is_replaced: bool, tmp_path: Path) -> None:
    orders = Orders()
    async with (
        gateway_that_ends(tmp_path, PATIENCE, orders) as (gateway, _),
        gateway.wire() as idle,
        gateway.wire(admin=True) as admin,
    ):
        await idle.ask("/time")
        assert (await admin.ask("/readyz")).status == 200
        (orders.retire if is_replaced else orders.stop)()
        await refuses(gateway.where.public_port)
        assert (await admin.ask("/readyz")).status == (200 if is_replaced else 503)
        assert await accepts(gateway.where.admin_port) is not is_replaced


async def test_it_serves_on_sockets_that_it_was_given(tmp_path: Path) -> None:
    opened = [await asyncio.to_thread(open_listener, "public", Place("127.0.0.1", 0)) for _ in range(3)]
    sockets = Sockets([*opened[0], *opened[1]], opened[2])
    ports = [port_of(each) for each in opened]
    async with running(tmp_path, sockets=sockets) as gateway:
        assert gateway.where == Listening(ports[0], ports[2])
        assert [await accepts(port) for port in ports] == [True, True, True]
    assert [await accepts(port) for port in ports] == [False, False, False]


async def refuses(port: int) -> None:
    """Wait until nobody listens."""
    async with asyncio.timeout(PATIENCE):
        while await accepts(port):
            await asyncio.sleep(0.01)


async def accepts(port: int) -> bool:
    try:
        async with connected(port):
            return True
    except ConnectionError:
        return False


@pytest.mark.parametrize("listener", ["public", "admin"])
async def test_a_port_that_is_taken_is_told_in_one_line(listener: str, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        values = {
            "public": {"port": 0},
            "admin": {"port": 0},
            "mount": [{"prefix": "/open", "storage": "file:media", "access": "open"}],
            listener: {"port": gateway.where.public_port},
        }
        configured = settings.parse(values, tmp_path)
        async with open_runtime(configured) as runtime:
            with pytest.raises(ListenError) as told:
                async with listening(configured, runtime):
                    pass
    assert str(told.value).startswith(f"cannot listen on 127.0.0.1:{gateway.where.public_port} ({listener}): ")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it(number: signal.Signals, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        told: list[Listening] = []

        def announce(where: Listening) -> None:
            told.append(where)
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), number)

        values = {
            "public": {"port": 0},
            "admin": {"port": 0},
            "server": {"drain_seconds": 0.0},
            "mount": [{"prefix": "/open", "storage": "file:media", "access": "open"}],
        }
        configured = settings.parse(values, tmp_path)
        async with open_runtime(configured) as runtime, asyncio.timeout(PATIENCE):
            await serve(configured, runtime, announce)
        assert len(told) == 1
        assert not await accepts(told[0].public_port)
        assert await accepts(gateway.where.public_port)
