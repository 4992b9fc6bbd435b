from __future__ import annotations

import asyncio

import pytest

from cache.disk.errors import BodyBroken
from cache.disk.growing import TAIL_BYTES, Growing
from cache.extents import Extents


def test_bytes_are_there_as_soon_as_they_are_added() -> None:
    growing = Growing(Extents(), 10)
    assert growing.reach(0) == 0
    growing.add(0, b"abc")
    growing.add(5, b"xyz")
    assert [growing.reach(at) for at in (0, 2, 3, 5, 8)] == [3, 3, 3, 8, 8]
    growing.add(3, b"de")
    assert growing.reach(0) == 8


def test_what_was_there_before_counts() -> None:
    growing = Growing(Extents(((0, 4),)), 10)
    growing.add(4, b"abc")
    assert growing.reach(1) == 7


def test_a_reader_gets_the_very_object_that_arrived() -> None:
    growing = Growing(Extents(), None)
    data = b"abcdef"
    growing.add(10, data)
    assert growing.chunk(10, 99) is data
    assert growing.chunk(12, 14) == b"cd"
    assert growing.chunk(10, 12) == b"ab"
    assert growing.chunk(9, 12) is None
    assert growing.chunk(16, 20) is None


def test_chunks_are_found_in_whatever_order_they_came() -> None:
    growing = Growing(Extents(), None)
    for start in (6, 0, 3):
        growing.add(start, b"%03d" % start)
    assert [growing.chunk(at, 99) for at in (0, 3, 6, 7)] == [b"000", b"003", b"006", b"06"]
    assert [growing.next_chunk(at) for at in (0, 2, 3, 6)] == [3, 3, 6, None]


def test_only_what_is_on_disk_leaves_the_memory() -> None:
    growing = Growing(Extents(), None)
    half = bytes(TAIL_BYTES // 2)
    for number in range(4):
        growing.add(number * len(half), half)
    assert growing.memory_bytes == 4 * len(half)
    for number in (1, 2, 3):
        growing.saved(number * len(half))
    assert growing.memory_bytes == 3 * len(half)
    assert growing.chunk(0, len(half)) is half
    assert growing.chunk(len(half), 2 * len(half)) is None


def test_after_the_end_only_what_is_not_on_disk_stays_in_memory() -> None:
    growing = Growing(Extents(), None)
    growing.add(0, b"saved")
    growing.add(5, b"not")
    growing.saved(0)
    growing.end(8)
    assert (growing.chunk(0, 8), growing.chunk(5, 8), growing.length) == (None, b"not", 8)


async def test_all_who_wait_are_woken_by_the_next_bytes() -> None:
    growing = Growing(Extents(), None)
    waiting = [asyncio.create_task(growing.wait(at)) for at in (0, 1, 3)]
    await asyncio.sleep(0)
    growing.add(0, b"abc")
    await asyncio.wait(waiting[:2])
    assert [task.done() for task in waiting] == [True, True, False]
    growing.add(3, b"d")
    assert await asyncio.gather(*waiting) == [3, 3, 4]


async def test_who_waits_for_what_never_comes_is_told_at_the_end() -> None:
    growing = Growing(Extents(), None)
    waiting = asyncio.create_task(growing.wait(3))
    await asyncio.sleep(0)
    growing.add(0, b"abc")
    growing.end(3)
    assert await waiting == 3
    assert await growing.wait(1) == 3


async def test_nobody_waits_past_the_length() -> None:
    growing = Growing(Extents(), 3)
    growing.add(0, b"abc")
    assert await growing.wait(3) == 3


async def test_who_waits_for_a_broken_body_is_told_why() -> None:
    growing = Growing(Extents(), None)
    growing.add(0, b"abc")
    waiting = asyncio.create_task(growing.wait(3))
    await asyncio.sleep(0)
    growing.fail("short")
    with pytest.raises(BodyBroken, match="short"):
        await waiting
    with pytest.raises(BodyBroken):  # the bytes are there, but what for?
        await growing.wait(0)


async def test_one_who_gives_up_waiting_does_not_disturb_the_others() -> None:
    growing = Growing(Extents(), None)
    one, other = (asyncio.create_task(growing.wait(0)) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    growing.add(0, b"a")
    assert await other == 1
