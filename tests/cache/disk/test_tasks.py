from __future__ import annotations

import asyncio

import pytest

from cache.disk.tasks import Tasks


async def test_work_is_finished_though_its_caller_is_cancelled() -> None:
    tasks, gate, done = Tasks(), asyncio.Event(), []

    async def work() -> int:
        await gate.wait()
        done.append(1)
        return 5

    caller = asyncio.create_task(tasks.finish(work()))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert not done
    gate.set()
    await tasks.drain()
    assert done == [1]
    assert await tasks.finish(work()) == 5
