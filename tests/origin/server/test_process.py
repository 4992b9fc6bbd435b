from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from origin import settings
from origin.runtime import open_runtime
from origin.server.process import ListenError, Listening, listening, serve
from tests.stories.gateway import PATIENCE, Gateway, connected, running

LONG = b"x" * 24 * 1024 * 1024


@pytest.mark.parametrize("patience", [5.0, 0.2], ids=["within the limit", "beyond it"])
async def test_a_transfer_in_progress_may_end_within_the_limit(patience: float, tmp_path: Path) -> None:
    gone = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        entered: asyncio.Future[Gateway] = asyncio.get_running_loop().create_future()

        async def run() -> None:
            async with running(tmp_path, server={"drain_seconds": patience}) as gateway:
                gateway.put("a/1.m4s", LONG)
                entered.set_result(gateway)
                await gone.wait()

        task = group.create_task(run())
        gateway = await entered
        async with connected(gateway.where.public_port) as idle, connected(gateway.where.public_port) as busy:
            assert (await idle.ask("/time")).status == 200
            await busy.send(b"GET /open/a/1.m4s HTTP/1.1\r\nHost: a\r\n\r\n")
            length = int((await busy.head())["content-length"])
            gone.set()
            assert await idle.ended()
            async with asyncio.timeout(PATIENCE):
                while await accepts(gateway.where.public_port):
                    await asyncio.sleep(0.01)
            if patience > 1:
                assert await busy.exactly(length) == LONG
                assert await busy.ended()
            else:
                await task
                with pytest.raises(ConnectionError):
                    await busy.exactly(length)


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
