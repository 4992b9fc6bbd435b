from __future__ import annotations

import os
from pathlib import Path

import pytest

from cache.disk.errors import BodyBroken
from cache.disk.outcome import DiskEvent
from tests.cache.disk.stores import DiskTally, Run, opened, put
from tests.clock import Clock


async def test_a_body_is_read_by_spans(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        assert await put(store, "a", b"0123456789")
        held = await store.get("a")
        assert held is not None
        assert (held.size, held.length, held.stored_at, held.is_unchanged()) == (10, 10, clock.now, True)
        assert await held.read(Run(2, 3)) == b"234"
        descriptor = held.fileno()
        assert descriptor is not None
        assert os.pread(descriptor, 3, 2) == b"234"
        with pytest.raises(ValueError, match="not there"):
            await held.read(Run(8, 3))
        held.release()
        held.release()
        with pytest.raises(ValueError, match="released"):
            held.fileno()


async def test_the_size_of_what_has_no_known_length_is_its_beginning(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        fill = await store.begin("a", b"", length=None)
        await fill.write(0, b"abc")
        await fill.write(5, b"xyz")
        assert await fill.commit()
        held = await store.get("a")
        assert held is not None
        assert (held.length, held.size) == (None, 3)
        held.release()


async def test_what_was_removed_stays_readable_to_who_holds_it(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        assert await put(store, "a", b"abc")
        held = await store.get("a")
        assert held is not None
        assert await store.remove("a")
        assert await held.read(Run(0, 3)) == b"abc"
        held.release()


async def test_a_file_that_lost_bytes_is_noticed_and_dropped(tmp_path: Path, clock: Clock) -> None:
    tally = DiskTally()
    async with opened(tmp_path, clock, tally=tally) as store:
        assert await put(store, "a", b"0123456789")
        held = await store.get("a")
        assert held is not None
        descriptor = held.fileno()
        assert descriptor is not None
        os.ftruncate(descriptor, 5)
        assert await store.verify() == ["a"]
        with pytest.raises(BodyBroken, match="truncated"):
            await held.read(Run(0, 10))
        held.release()
        await store._engine.ask(lambda index: index.stats(), None)
    assert tally.events[DiskEvent.DAMAGED] == 1
    async with opened(tmp_path, clock) as store:
        assert await store.get("a") is None
