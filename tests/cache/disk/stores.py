"""Disk stores for tests, and a recorder that remembers."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cache.disk.fill import Fill
from cache.disk.limits import DiskLimits
from cache.disk.outcome import DiskEvent
from cache.disk.store import DiskStore
from tests.clock import Clock

KIB = 1024
LIMITS = DiskLimits(max_bytes=64 * KIB, max_object_bytes=32 * KIB, block_bytes=4 * KIB, memory_fill_bytes=16 * KIB)


@dataclass
class DiskTally:
    """What a store told."""

    hits: int = 0
    misses: int = 0
    stored_bytes: int = 0
    evicted_bodies: int = 0
    evicted_bytes: int = 0
    events: Counter[DiskEvent] = field(default_factory=Counter)

    def looked_up(self, *, is_hit: bool) -> None:
        """Counts."""
        self.hits += is_hit
        self.misses += not is_hit

    def stored(self, size_bytes: int) -> None:
        """Counts."""
        self.stored_bytes += size_bytes

    def evicted(self, bodies: int, size_bytes: int) -> None:
        """Counts."""
        self.evicted_bodies += bodies
        self.evicted_bytes += size_bytes

    def resized(self, bodies: int, size_bytes: int, reserved_bytes: int) -> None:
        """Nothing."""

    def happened(self, event: DiskEvent) -> None:
        """Counts."""
        self.events[event] += 1


@asynccontextmanager
async def opened(
    directory: Path, clock: Clock, limits: DiskLimits = LIMITS, tally: DiskTally | None = None
) -> AsyncIterator[DiskStore]:
    """A store, closed in the end."""
    store = await DiskStore.open(directory, limits, clock, tally)
    try:
        yield store
    finally:
        await store.close()


async def put(store: DiskStore, key: str, data: bytes, head: bytes = b"head") -> bool:
    """Whether `data` was kept as the body of `key`."""
    fill = await store.begin(key, head, length=len(data))
    await fill.write(0, data)
    return await fill.commit()


async def body_of(store: DiskStore, key: str) -> bytes | None:
    """All bytes of the body of `key`, which is whole."""
    held = await store.get(key)
    if held is None:
        return None
    try:
        return await held.read(Run(0, held.size))
    finally:
        held.release()


async def drained(fill: Fill, start: int = 0, stop: int = 1 << 40) -> bytes:
    """What a reader gets who reads from `start` until the end."""
    parts = []
    while data := await fill.read(start, stop):
        parts.append(data)
        start += len(data)
    return b"".join(parts)


@dataclass(frozen=True)
class Run:
    """A span."""

    start: int
    length: int

    @property
    def stop(self) -> int:
        """Its end."""
        return self.start + self.length


def files_in(directory: Path) -> list[str]:
    """The names of all body files."""
    return sorted(path.name for path in (directory / "bodies").glob("*/*"))
