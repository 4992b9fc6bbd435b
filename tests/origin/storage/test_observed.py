from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from origin.http.spans import ByteSpan
from origin.storage.filesystem import FilesystemStore
from origin.storage.memory import MemoryStore
from origin.storage.observed import ObservedReader, Operation, Result
from origin.storage.store import ObjectChanged, StoreUnavailable
from tests.contracts.store import Stage, StoreContract, opened


class Log:
    """Keeps what is reported; the clock goes on by one second each time it is read."""

    def __init__(self) -> None:
        self.lines: list[tuple[Operation, Result, float]] = []
        self._seconds = itertools.count()

    def clock(self) -> float:
        return float(next(self._seconds))

    def observe(self, operation: Operation, result: Result, seconds: float) -> None:
        self.lines.append((operation, result, seconds))


class TestObservedReader(StoreContract):
    @pytest.fixture
    def stage(self) -> Stage:
        store, log = MemoryStore(), Log()

        async def put(path: str, data: bytes) -> None:
            store.put(path, data)

        async def delete(path: str) -> None:
            store.delete(path)

        return Stage(ObservedReader(store, log.observe, clock=log.clock), put, delete)


async def test_opens_and_reads_are_reported() -> None:
    store, log = MemoryStore(), Log()
    store.put("a", b"first")
    reader = ObservedReader(store, log.observe, clock=log.clock)
    found = await opened(reader, "a")
    await found.read(ByteSpan(0, 0))
    with pytest.raises(ObjectChanged):
        await found.read(ByteSpan(0, 6))
    found.release()
    with pytest.raises(ValueError):
        await found.read(ByteSpan(0, 1))
    assert await reader.open("b") is None
    await reader.probe()
    assert log.lines == [
        (Operation.OPEN, Result.OK, 1.0),
        (Operation.READ, Result.OK, 1.0),
        (Operation.READ, Result.CHANGED, 1.0),
        (Operation.READ, Result.FAILED, 1.0),
        (Operation.OPEN, Result.ABSENT, 1.0),
    ]


async def test_trouble_and_cancellation_are_reported(tmp_path: Path) -> None:
    log = Log()
    reader = ObservedReader(FilesystemStore(tmp_path / "away"), log.observe, clock=log.clock)
    with pytest.raises(StoreUnavailable):
        await reader.open("a")
    with pytest.raises(StoreUnavailable):
        await reader.probe()
    opening = asyncio.create_task(reader.open("a"))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert log.lines == [(Operation.OPEN, Result.FAILED, 1.0), (Operation.OPEN, Result.CANCELLED, 1.0)]
