"""Fetching what viewers are going to ask for."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from origin.manifests.courses import Wanted
from origin.manifests.upcoming import Ground
from origin.media.cmcd import NextObject
from origin.media.target import MountName
from origin.shield.foresight import Horizon
from origin.shield.prefetch import READ_ASIDE_BYTES, Event, Limits, Prefetcher
from tests.clock import Clock

GROUND = Ground(MountName("/vod"))
LIMITS = Limits(Horizon(ahead=3), concurrency=2, queue=4, per_second=100.0)


def playlist(count: int) -> bytes:
    lines = "".join(f"#EXTINF:6,\n{number}.ts\n" for number in range(count))
    return f"#EXTM3U\n{lines}#EXT-X-ENDLIST\n".encode()


@dataclass
class Cache:
    """Where things are fetched to: each fetch waits until the test opens the gate."""

    begun: list[str] = field(default_factory=list)
    most_at_once: int = 0
    running: int = 0
    cancelled: int = 0
    fails: frozenset[str] = frozenset()
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def warm(self, wanted: Wanted) -> None:
        self.begun.append(wanted.name)
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        if wanted.name in self.fails:
            raise ConnectionError("the upstream is away")


@dataclass
class Scene:
    """A prefetcher and what it did."""

    prefetcher: Prefetcher
    cache: Cache
    clock: Clock
    counts: Counter[Event]

    async def until(self, event: Event, count: int) -> None:
        """Wait for the so-manieth event; the test's own timeout is the end of patience."""
        while self.counts[event] < count:
            await asyncio.sleep(0)


@asynccontextmanager
async def scene(limits: Limits = LIMITS) -> AsyncIterator[Scene]:
    cache, clock, counts = Cache(), Clock(), Counter[Event]()

    def record(event: Event) -> None:
        counts[event] += 1

    prefetcher = Prefetcher(cache.warm, GROUND, limits, clock, record)
    try:
        yield Scene(prefetcher, cache, clock, counts)
    finally:
        await prefetcher.close()


async def test_what_comes_next_is_fetched_once_and_not_all_at_once() -> None:
    async with scene() as it:
        it.prefetcher.served("a/x.m3u8", playlist(9))
        it.prefetcher.asked("a/0.ts")
        it.prefetcher.asked("a/0.ts")
        await asyncio.sleep(0)
        it.cache.gate.set()
        await it.until(Event.WARMED, 3)
        assert sorted(it.cache.begun) == ["a/1.ts", "a/2.ts", "a/3.ts"]
        assert it.cache.most_at_once == 2
        assert it.counts == {Event.SCHEDULED: 3, Event.WARMED: 3, Event.ALREADY: 3}
        it.prefetcher.asked("a/1.ts")
        await it.until(Event.WARMED, 4)
        assert it.cache.begun[3:] == ["a/4.ts"]


async def test_nothing_is_fetched_for_a_playlist_alone_or_for_other_objects() -> None:
    async with scene() as it:
        it.prefetcher.served("a/x.m3u8", playlist(9))
        it.prefetcher.served("a/y.m3u8", b"no playlist")
        it.prefetcher.asked("b/0.ts")
        it.prefetcher.hinted("a/0.ts", [])
        assert it.counts == {}


async def test_the_oldest_gives_way() -> None:
    async with scene(replace(LIMITS, concurrency=1, queue=2)) as it:
        it.prefetcher.served("a/x.m3u8", playlist(20))
        for number in (0, 3, 6):
            it.prefetcher.asked(f"a/{number}.ts")
        it.cache.gate.set()
        await it.until(Event.WARMED, 3)
        # The first is under way at once; of all that waits behind it only the last two stay.
        assert it.cache.begun == ["a/1.ts", "a/8.ts", "a/9.ts"]
        assert it.counts == {Event.SCHEDULED: 9, Event.DROPPED: 6, Event.WARMED: 3}


async def test_only_so_many_in_a_second() -> None:
    async with scene(replace(LIMITS, per_second=2.0)) as it:
        it.cache.gate.set()
        it.prefetcher.served("a/x.m3u8", playlist(20))
        it.prefetcher.asked("a/0.ts")
        assert it.counts[Event.DROPPED] == 1
        it.clock.advance(1.0)
        it.prefetcher.asked("a/10.ts")
        await it.until(Event.WARMED, 4)
        assert set(it.cache.begun) == {"a/1.ts", "a/2.ts", "a/11.ts", "a/12.ts"}


async def test_a_quiet_time_saves_nothing_up() -> None:
    async with scene(replace(LIMITS, per_second=2.0)) as it:
        it.clock.advance(100.0)
        it.prefetcher.served("a/x.m3u8", playlist(20))
        it.prefetcher.asked("a/0.ts")
        it.prefetcher.asked("a/10.ts")
        assert (it.counts[Event.SCHEDULED], it.counts[Event.DROPPED]) == (2, 4)


async def test_what_waits_too_long_is_not_fetched_any_more() -> None:
    async with scene(replace(LIMITS, concurrency=1)) as it:
        it.prefetcher.served("a/x.m3u8", playlist(9))
        it.prefetcher.asked("a/0.ts")
        while not it.cache.begun:
            await asyncio.sleep(0)
        it.clock.advance(LIMITS.horizon.watched_seconds + 1)
        it.cache.gate.set()
        await it.until(Event.DROPPED, 2)
        assert it.cache.begun == ["a/1.ts"]


async def test_failures_are_counted_and_nothing_else() -> None:
    async with scene() as it:
        it.cache.fails = frozenset({"a/1.ts"})
        it.cache.gate.set()
        it.prefetcher.served("a/x.m3u8", playlist(9))
        it.prefetcher.asked("a/0.ts")
        await it.until(Event.WARMED, 2)
        assert it.counts[Event.FAILED] == 1
        it.prefetcher.asked("a/0.ts")  # does not try again
        assert it.cache.begun.count("a/1.ts") == 1


async def test_a_fetch_that_takes_too_long_fails() -> None:
    async with scene(replace(LIMITS, timeout_seconds=0.001)) as it:
        it.prefetcher.served("a/x.m3u8", playlist(2))
        it.prefetcher.asked("a/0.ts")
        await it.until(Event.FAILED, 1)
        assert it.cache.cancelled == 1


async def test_hints_are_followed() -> None:
    async with scene() as it:
        it.cache.gate.set()
        it.prefetcher.hinted("a/hd/0.mp4", [NextObject("../sd/1.mp4?token=x"), NextObject("/etc/passwd")])
        await it.until(Event.WARMED, 1)
        assert it.cache.begun == ["a/sd/1.mp4"]


async def test_a_long_playlist_is_read_aside() -> None:
    data = playlist(READ_ASIDE_BYTES // 12)
    assert len(data) > READ_ASIDE_BYTES
    async with scene() as it:
        it.cache.gate.set()
        tasks = len(asyncio.all_tasks())
        it.prefetcher.served("a/x.m3u8", data)
        it.prefetcher.served("a/x.m3u8", data)
        assert len(asyncio.all_tasks()) == tasks + 1
        it.prefetcher.asked("a/0.ts")
        assert it.counts == {}  # it is not known yet
        while not it.counts:
            it.prefetcher.asked("a/0.ts")
            await asyncio.sleep(0)
        await it.until(Event.WARMED, 3)
        it.prefetcher.served("a/x.m3u8", data.replace(b"\n9.ts", b"\nnine.ts"))
        while "a/nine.ts" not in it.cache.begun:
            it.prefetcher.asked("a/8.ts")
            await asyncio.sleep(0)


async def test_close_stops_everything() -> None:
    async with scene() as it:
        it.prefetcher.served("a/x.m3u8", playlist(9))
        it.prefetcher.served("b/x.m3u8", playlist(READ_ASIDE_BYTES // 12))
        it.prefetcher.asked("a/0.ts")
        while it.cache.running < 2:
            await asyncio.sleep(0)
        await it.prefetcher.close()
        assert (it.cache.running, it.cache.cancelled, len(it.cache.begun)) == (0, 2, 2)
        it.cache.gate.set()
        before = Counter(it.counts)
        it.prefetcher.asked("a/5.ts")
        it.prefetcher.hinted("a/5.ts", [NextObject("6.ts")])
        it.prefetcher.served("a/x.m3u8", playlist(10))
        await asyncio.sleep(0)
        assert it.counts == before
        assert len(it.cache.begun) == 2
