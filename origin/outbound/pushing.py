"""Bringing purges to the edges: each by its own queue, so that one that hangs holds no other up.

The node that was told of a purge brings it to the edges; the others do not. What still waits when that node ends is
lost there, and the log says how much it was.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cache.purges import Purge
from origin.outbound.edge import Call, Edge, Send, Verdict, retry_after

_log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """How it ended, for an item of a call. The values are metric labels."""

    DONE = "done"
    REFUSED = "refused"  # the edge says that it will not, whenever it is asked
    GAVE_UP = "gave_up"  # it was asked as often as it may be
    UNSUPPORTED = "unsupported"  # it has no way to be told
    DROPPED = "dropped"  # too many were waiting


class Recorder(Protocol):
    """Told what happens; quick, and never raises."""

    def edge_purged(self, edge: str, outcome: Outcome, count: int) -> None:
        """So many items ended like this."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How often, how long and how much."""

    attempts: int = 6
    first_wait: float = 0.5  # seconds, doubled each time
    longest_wait: float = 60.0  # whatever the edge asks for
    calls_at_once: int = 4  # to one edge
    most_waiting: int = 20_000  # purges for one edge
    settle: float = 1.0  # seconds in which all nodes come to know; what an edge fetches before may be old


class EdgePusher:
    """Brings purges to one edge."""

    def __init__(
        self,
        edge: Edge,
        send: Send,
        recorder: Recorder,
        *,
        pace: Pace,
        clock: Callable[[], float],
        jitter: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`clock` gives Unix seconds, `jitter` chance in [0, 1)."""
        self._edge = edge
        self._send = send
        self._recorder = recorder
        self._pace = pace
        self._clock = clock
        self._jitter = jitter
        self._sleep = sleep
        self._waiting: deque[Purge] = deque()
        self._news = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many purges are to be brought yet, those under way not among them."""
        return len(self._waiting)

    def push(self, purges: Sequence[Purge]) -> None:
        """Bring these, soon. Never waits or raises; when too many wait, the oldest are dropped."""
        self._waiting += purges
        dropped = 0
        while len(self._waiting) > self._pace.most_waiting:
            self._waiting.popleft()
            dropped += 1
        if dropped:
            self._tell(Counter({Outcome.DROPPED: dropped}))
        self._news.set()

    async def run(self) -> None:
        """Bring what comes, for ever."""
        while True:
            await self._news.wait()
            await self._sleep(self._pace.settle)
            self._news.clear()
            purges, self._waiting = tuple(self._waiting), deque()
            try:
                await self.purge(purges)
            except asyncio.CancelledError:
                lost = len(purges) + len(self._waiting)
                _log.warning("edge %s: %d purges may not have been brought there", self._edge.name, lost)
                raise
            except Exception:
                _log.exception("edge %s: purging failed", self._edge.name)

    async def purge(self, purges: Sequence[Purge]) -> Counter[Outcome]:
        """Bring these now; how each item of the calls that it took ended."""
        plan = self._edge.plan(purges, self._clock())
        outcomes: Counter[Outcome] = Counter()
        if plan.unsupported:
            outcomes[Outcome.UNSUPPORTED] = len(plan.unsupported)
        at_once = asyncio.Semaphore(self._pace.calls_at_once)

        async def bring(call: Call) -> None:
            async with at_once:
                outcomes[await self._bring(call)] += call.purges

        async with asyncio.TaskGroup() as group:
            for call in plan.calls:
                group.create_task(bring(call))
        self._tell(outcomes)
        return outcomes

    async def _bring(self, call: Call) -> Outcome:
        for attempt in range(self._pace.attempts):
            verdict, wait = await self._ask(call)
            if verdict is not Verdict.LATER:
                return Outcome.DONE if verdict is Verdict.DONE else Outcome.REFUSED
            if attempt + 1 < self._pace.attempts:
                # Up to half as long again, so that those who were refused together do not come back together.
                wait = max(wait, self._pace.first_wait * 2**attempt) * (1 + self._jitter() / 2)
                await self._sleep(min(wait, self._pace.longest_wait))
        return Outcome.GAVE_UP

    async def _ask(self, call: Call) -> tuple[Verdict, float]:
        """The verdict, and how long the edge wants to be left alone."""
        try:
            answer = await self._send(call)
        except (OSError, TimeoutError) as error:
            _log.info("edge %s: %s", self._edge.name, error)
            return Verdict.LATER, 0.0
        verdict = self._edge.judge(answer)
        if verdict is not Verdict.DONE:
            _log.info("edge %s: %s is answered with status %d", self._edge.name, call.method, answer.status)
        return verdict, retry_after(answer, self._clock())

    def _tell(self, outcomes: Counter[Outcome]) -> None:
        for outcome, count in outcomes.items():
            self._recorder.edge_purged(self._edge.name, outcome, count)
        bad = {outcome.value: count for outcome, count in outcomes.items() if outcome is not Outcome.DONE}
        if bad:
            _log.warning("edge %s: not all was purged: %s", self._edge.name, bad)
        elif outcomes:
            _log.info("edge %s: purged (items: %d)", self._edge.name, outcomes[Outcome.DONE])


class OutboundPurges:
    """All edges in front."""

    def __init__(self, pushers: Sequence[EdgePusher]) -> None:
        """`pushers`, one for each edge."""
        self._pushers = tuple(pushers)

    def push(self, purges: Sequence[Purge]) -> None:
        """Bring these to every edge, soon. Never waits or raises."""
        for pusher in self._pushers:
            pusher.push(purges)

    async def run(self) -> None:
        """Bring what comes, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for pusher in self._pushers:
                group.create_task(pusher.run())
