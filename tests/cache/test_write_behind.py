from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from cache.key import CacheKey
from cache.outcome import Event
from cache.write_behind import WriteBehind
from tests.cache.sources import Tally

KEYS = [CacheKey("n", str(number)) for number in range(4)]


class Slow:
    """Remembers what was written, in the order of completion."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.done: list[str] = []

    def write(self, word: str) -> Callable[[], Awaitable[None]]:
        return partial(self._write, word)

    async def _write(self, word: str) -> None:
        await self.go.wait()
        self.done.append(word)


async def test_nobody_waits_and_close_does() -> None:
    writes, slow = WriteBehind(4, Tally()), Slow()
    writes.submit(KEYS[0], slow.write("a"))
    writes.submit(KEYS[1], slow.write("b"))
    assert slow.done == []
    asyncio.get_running_loop().call_soon(slow.go.set)
    await writes.close()
    assert sorted(slow.done) == ["a", "b"]


async def test_one_may_wait_until_a_key_is_written() -> None:
    writes, slow = WriteBehind(4, Tally()), Slow()
    await writes.settled(KEYS[0])
    writes.submit(KEYS[0], slow.write("a"))
    writes.submit(KEYS[0], slow.write("b"))
    asyncio.get_running_loop().call_soon(slow.go.set)
    await writes.settled(KEYS[0])
    assert slow.done == ["a", "b"]


async def test_over_the_limit_is_dropped_and_counted() -> None:
    tally = Tally()
    writes, slow = WriteBehind(2, tally), Slow()
    for number, key in enumerate(KEYS):
        writes.submit(key, slow.write(str(number)))
    assert tally.events == {Event.SHARED_WRITE_DROPPED: 2}
    slow.go.set()
    await writes.close()
    assert sorted(slow.done) == ["0", "1"]


async def test_room_comes_back() -> None:
    tally = Tally()
    writes, slow = WriteBehind(1, tally), Slow()
    slow.go.set()
    for word in ("a", "b"):
        writes.submit(KEYS[0], slow.write(word))
        for _ in range(5):
            await asyncio.sleep(0)
    assert slow.done == ["a", "b"]
    assert not tally.events


async def test_one_key_is_written_in_order_and_only_the_newest_waits() -> None:
    writes, slow = WriteBehind(1, Tally()), Slow()
    writes.submit(KEYS[0], slow.write("first"))
    await asyncio.sleep(0)
    writes.submit(KEYS[0], slow.write("overtaken"))
    writes.submit(KEYS[0], slow.write("last"))
    asyncio.get_running_loop().call_soon(slow.go.set)
    await writes.close()
    assert slow.done == ["first", "last"]


async def test_closed_it_begins_nothing() -> None:
    tally = Tally()
    writes, slow = WriteBehind(1, tally), Slow()
    await writes.close()
    writes.submit(KEYS[0], slow.write("late"))
    assert tally.events == {Event.SHARED_WRITE_DROPPED: 1}
    assert asyncio.all_tasks() == {asyncio.current_task()}
