"""Nodes of a fleet for tests: each with a line, a bus and leases of its own, in this process or another."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

from cache.fleet.bus import Bus, RedisBus
from cache.fleet.guard import Guard
from cache.fleet.leases import RedisLeases
from cache.fleet.record import FleetEvent
from cache.redis_link import RedisLink

PATIENT = 10.0
_names = count()


@dataclass(slots=True)
class FleetTally:
    """A `FleetRecorder` that counts."""

    events: Counter[FleetEvent] = field(default_factory=Counter)

    def noted(self, event: FleetEvent, amount: int = 1) -> None:
        self.events[event] += amount


@dataclass(frozen=True, slots=True)
class Node:
    """One process of the fleet."""

    link: RedisLink
    guard: Guard
    bus: RedisBus
    leases: RedisLeases
    tally: FleetTally


@asynccontextmanager
async def link_to(url: str, budget_seconds: float = PATIENT) -> AsyncIterator[RedisLink]:
    """A line that is closed again."""
    link = RedisLink(url, budget_seconds=budget_seconds)
    try:
        yield link
    finally:
        await link.close()


@asynccontextmanager
async def running(bus: Bus) -> AsyncIterator[None]:
    """The bus listens within the block."""
    task = asyncio.ensure_future(bus.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def connected(bus: Bus) -> AsyncIterator[None]:
    """The bus listens within the block, and did connect before it."""
    began = asyncio.Event()
    bus.on_reconnected(began.set)
    async with running(bus):
        await began.wait()
        yield


@asynccontextmanager
async def node_at(
    url: str, *, seconds: float = 5.0, budget_seconds: float = PATIENT, namespace: str = "headgate", name: str = ""
) -> AsyncIterator[Node]:
    """A node with a connected bus. In another process it needs a name that no other node has."""
    tally, name = FleetTally(), name or f"{next(_names)}"
    tokens = (f"{name}-{number}" for number in count())
    async with link_to(url, budget_seconds) as link:
        bus = RedisBus(link, namespace, f"node-{name}", lambda: 0.0, tally)
        guard = Guard(link, time.monotonic, lambda: 0.0)
        leases = RedisLeases(
            guard, bus, namespace, lambda: next(tokens), seconds=seconds, clock=time.monotonic, recorder=tally
        )
        async with connected(bus):
            yield Node(link, guard, bus, leases, tally)


async def asked(node: Node) -> int:
    """How many times anybody has asked how long a lease lasts."""
    _, said = await node.link.ask("INFO", "commandstats")
    assert isinstance(said, dict)
    return int(said.get("cmdstat_pttl", {}).get("calls", 0))
