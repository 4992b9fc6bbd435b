from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from pathlib import Path

import pytest

from cache.disk.errors import BodyBroken, DiskUnavailable, TooLarge
from cache.disk.outcome import DiskEvent
from tests.cache.disk.stores import KIB, LIMITS, DiskTally, body_of, drained, files_in, opened, put
from tests.clock import Clock


async def test_what_is_known_to_be_too_large_is_not_begun(tmp_path: Path, clock: Clock) -> None:
    tally = DiskTally()
    async with opened(tmp_path, clock, tally=tally) as store:
        with pytest.raises(TooLarge):
            await store.begin("a", b"", length=33 * KIB)
        fill = await store.begin("a", b"", length=33 * KIB, expects=(0, KIB))
        await fill.write(0, bytes(KIB))
        assert await fill.commit()
        held = await store.get("a")
        assert held is not None
        with pytest.raises(TooLarge):
            await store.extend(held, expects=(KIB, 33 * KIB))
        held.release()
        assert tally.events[DiskEvent.TOO_LARGE] == 2


async def test_what_turns_out_too_large_is_served_and_not_kept(tmp_path: Path, clock: Clock) -> None:
    tally = DiskTally()
    async with opened(tmp_path, clock, replace(LIMITS, max_bytes=1 << 20), tally) as store:
        fill = await store.begin("a", b"", length=None)
        await fill.write(0, bytes(33 * KIB))
        assert not await fill.commit(length=33 * KIB)
        assert await drained(fill) == bytes(33 * KIB)
        assert await store.get("a") is None
        assert (files_in(tmp_path), tally.events[DiskEvent.TOO_LARGE]) == ([], 1)


async def test_room_is_taken_from_the_disk_when_a_fill_begins(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        fill = await store.begin("a", b"", length=20 * KIB)
        (path,) = (tmp_path / "bodies").glob("*/*")
        assert path.stat().st_blocks * 512 >= 20 * KIB
        assert (await store.stats()).filling.size_bytes == 20 * KIB
        await fill.abandon()
        assert (await store.stats()).filling.size_bytes == 0


async def test_a_beginning_whose_caller_is_gone_leaves_nothing(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        caller = asyncio.create_task(store.begin("a", b"", length=5))
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        await store._engine.files.run(list)
        while (await store.stats()).filling.objects:
            await asyncio.sleep(0)
    assert files_in(tmp_path) == []


async def test_a_commit_is_finished_though_its_caller_is_gone(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        fill = await store.begin("a", b"", length=3)
        await fill.write(0, b"abc")
        caller = asyncio.create_task(fill.commit())
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        del fill, caller
        while (await store.stats()).filling.objects:
            await asyncio.sleep(0)
        assert await body_of(store, "a") == b"abc"


async def test_closing_gives_up_what_is_being_filled(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        fill = await store.begin("a", b"", length=3)
        await fill.write(0, b"abc")
    assert not await fill.commit()
    with pytest.raises(BodyBroken, match="closed"):
        await fill.read(0, 3)
    with pytest.raises(DiskUnavailable):
        await store.begin("a", b"", length=3)
    assert files_in(tmp_path) == []


async def test_what_was_stored_is_told(tmp_path: Path, clock: Clock) -> None:
    tally = DiskTally()
    async with opened(tmp_path, clock, tally=tally) as store:
        for number in range(5):
            assert await put(store, f"{number}", bytes(15 * KIB))
    assert tally.stored_bytes == 75 * KIB
    assert (tally.evicted_bodies, tally.evicted_bytes) == (1, 16 * KIB)


async def test_a_fill_that_nobody_has_any_more_is_given_up(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        fill = await store.begin("a", b"", length=3)
        await fill.write(0, b"abc")
        del fill
        gc.collect()
        while (await store.stats()).filling.objects:
            await asyncio.sleep(0)
        assert files_in(tmp_path) == []


async def test_what_is_kept_in_part_is_charged_for_the_room_that_it_takes(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        fill = await store.begin("a", b"", length=20 * KIB)
        await fill.write(0, bytes(KIB))
        assert await fill.commit()
        assert (await store.stats()).size_bytes >= 20 * KIB
        held = await store.get("a")
        assert held is not None
        more = await store.extend(held)
        held.release()
        await more.write(KIB, bytes(KIB))
        assert await more.commit()
        assert (await store.stats()).size_bytes >= 20 * KIB
