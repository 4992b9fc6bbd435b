"""Has what viewers are going to ask for fetched before they do.

It works in the background of viewers' requests and never in their way: nothing here makes them wait, and what
goes wrong is counted and otherwise forgotten. Bounds: how many fetches run at once, how many wait (the oldest
gives way), how many begin in a second, and how long one may take.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from origin.manifests.courses import Course, Span, Wanted
from origin.manifests.template import Malformed
from origin.manifests.upcoming import Ground, course_of
from origin.media.cmcd import NextObject
from origin.shield.foresight import Foresight, Horizon, Plan

READ_ASIDE_BYTES = 8_192  # a manifest from this size on is read in a thread: it takes milliseconds


class Event(StrEnum):
    """What becomes of what viewers may want next. The values double as metric labels."""

    SCHEDULED = "scheduled"
    ALREADY = "already"  # it was scheduled or asked for before
    WARMED = "warmed"
    FAILED = "failed"
    DROPPED = "dropped"  # too many, too fast, or too late


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one mount's prefetching."""

    horizon: Horizon = field(default_factory=Horizon)
    concurrency: int = 4
    queue: int = 64
    per_second: float = 50.0  # on average; a second's worth at once
    timeout_seconds: float = 30.0


Warm = Callable[[Wanted], Awaitable[None]]
Record = Callable[[Event], None]


class Prefetcher:
    """The prefetching of one mount, in one process. Use it in the event loop's thread only."""

    def __init__(self, warm: Warm, ground: Ground, limits: Limits, clock: Callable[[], float], record: Record) -> None:
        """`warm` brings an object of the mount into the cache; `clock` gives Unix seconds."""
        self._warm = warm
        self._ground = ground
        self._limits = limits
        self._clock = clock
        self._record = record
        self._foresight = Foresight(ground, limits.horizon)
        self._queue: deque[tuple[Wanted, float]] = deque()
        self._rate = _Rate(limits.per_second, clock())
        self._workers: set[asyncio.Task[None]] = set()
        self._idle = limits.concurrency
        self._readings: dict[str, asyncio.Task[None]] = {}
        self._is_closed = False

    def served(self, path: str, data: bytes) -> None:
        """A viewer was served the manifest at `path`: `data` is as it came, before tokens were put in."""
        if self._is_closed or path in self._readings or not self._foresight.is_news(path, data, self._clock()):
            return
        if len(data) < READ_ASIDE_BYTES:
            self._learn(path, data, _read(data, self._ground, path))
            return
        task = asyncio.get_running_loop().create_task(self._read_aside(path, data))
        self._readings[path] = task

    def asked(self, path: str, span: Span | None = None) -> None:
        """A viewer, who may have it, asks for the object at `path`, which is no manifest."""
        if not self._is_closed:
            self._schedule(self._foresight.asked(path, span, self._clock()))

    def hinted(self, path: str, hints: Sequence[NextObject]) -> None:
        """A player that asks for the object at `path` says what it asks for next."""
        if not self._is_closed and hints:
            self._schedule(self._foresight.hinted(path, hints, self._clock()))

    async def close(self) -> None:
        """Stop what is under way, wait until it has ended, and start nothing more."""
        self._is_closed = True
        self._queue.clear()
        tasks = [*self._workers, *self._readings.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read_aside(self, path: str, data: bytes) -> None:
        try:
            course = await asyncio.to_thread(_read, data, self._ground, path)
            self._learn(path, data, course)
        finally:
            del self._readings[path]

    def _learn(self, path: str, data: bytes, course: Course) -> None:
        self._schedule(self._foresight.learn(path, data, course, self._clock()))

    def _schedule(self, plan: Plan) -> None:
        now = self._clock()
        for _ in range(plan.already):
            self._record(Event.ALREADY)
        for wanted in plan.wanted:
            if not self._rate.take(now):
                self._record(Event.DROPPED)
                continue
            self._record(Event.SCHEDULED)
            self._enqueue(wanted, now)

    def _enqueue(self, wanted: Wanted, now: float) -> None:
        if self._idle:
            self._idle -= 1
            worker = asyncio.get_running_loop().create_task(self._work(wanted, now))
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
            return
        self._queue.append((wanted, now))
        if len(self._queue) > self._limits.queue:
            self._queue.popleft()
            self._record(Event.DROPPED)

    async def _work(self, wanted: Wanted, since: float) -> None:
        """Fetch `wanted`, and then whatever waits."""
        await self._fetch(wanted, since)
        while self._queue:
            await self._fetch(*self._queue.popleft())
        # Here and not in a callback: what is enqueued from now on must not wait for this worker.
        self._idle += 1

    async def _fetch(self, wanted: Wanted, since: float) -> None:
        if self._clock() - since > self._limits.horizon.watched_seconds:
            self._record(Event.DROPPED)
            return
        try:
            async with asyncio.timeout(self._limits.timeout_seconds):
                await self._warm(wanted)
        except Exception:  # whatever it is, the viewer who asks for it will be told
            self._record(Event.FAILED)
        else:
            self._record(Event.WARMED)


def _read(data: bytes, ground: Ground, path: str) -> Course:
    """Where a manifest leads; one that cannot be read leads nowhere."""
    try:
        return course_of(data, ground.locate(path))
    except Malformed:
        return Course()


class _Rate:
    """So many in a second, on average."""

    def __init__(self, per_second: float, now: float) -> None:
        self._per_second = per_second
        self._left = self._most = max(1.0, per_second)
        self._at = now

    def take(self, now: float) -> bool:
        self._left = min(self._most, self._left + max(0.0, now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
