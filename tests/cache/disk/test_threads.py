from __future__ import annotations

import asyncio
import os
import threading
from functools import partial
from pathlib import Path

import pytest

from cache.disk.body import create_body
from cache.disk.errors import BodyBroken, DiskUnavailable
from cache.disk.threads import Threads
from tests.cache.disk.test_body import is_open


def refuse() -> bytes:
    raise OSError(5, "input/output error")


async def test_calls_run_elsewhere_and_in_order() -> None:
    threads, order = Threads("test", 1), list[int]()
    names = await asyncio.gather(*(threads.run(lambda: threading.current_thread().name) for _ in range(3)))
    await asyncio.gather(*(threads.run(partial(order.append, number)) for number in range(5)))
    assert set(names) == {"test_0"}
    assert order == [0, 1, 2, 3, 4]
    threads.close()


async def test_a_call_is_made_though_its_caller_is_cancelled() -> None:
    threads, gate, made = Threads("test", 1), threading.Event(), list[bool]()
    caller = asyncio.create_task(threads.run(lambda: made.append(gate.wait(10))))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    gate.set()
    await threads.run(list)
    assert made == [True]
    threads.close()
    with pytest.raises(DiskUnavailable):
        await threads.run(list)


async def test_a_file_is_let_go_whatever_happens(tmp_path: Path) -> None:
    threads = Threads("test", 1)
    file = await asyncio.to_thread(create_body, tmp_path, 1, os.close)
    file.hold()
    assert await threads.use(file, lambda: file.read(0, 1)) == b""
    file.hold()
    with pytest.raises(BodyBroken, match="unreadable"):
        await threads.use(file, refuse)
    threads.close()
    assert is_open(file.descriptor)
    with pytest.raises(DiskUnavailable):
        await threads.use(file, refuse)
    assert not is_open(file.descriptor)


async def test_descriptors_are_closed_even_after_the_end(tmp_path: Path) -> None:
    threads = Threads("test", 1)
    first = await asyncio.to_thread(create_body, tmp_path, 1, threads.close_descriptor)
    second = await asyncio.to_thread(create_body, tmp_path, 2, threads.close_descriptor)
    first.let_go()
    await threads.run(list)
    assert not is_open(first.descriptor)
    threads.close()
    second.let_go()
    assert not is_open(second.descriptor)
