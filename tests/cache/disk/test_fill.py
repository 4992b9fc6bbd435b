from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from pathlib import Path

import pytest

from cache.disk.errors import BodyBroken, DiskFull
from cache.disk.growing import TAIL_BYTES
from cache.disk.outcome import DiskEvent
from cache.extents import Extents
from tests.cache.disk.stores import KIB, LIMITS, DiskTally, body_of, drained, files_in, opened, put
from tests.clock import Clock

# A body of this size finds no room on the disk, but in memory.
NO_DISK = replace(LIMITS, max_bytes=0)


async def test_many_readers_follow_one_writer(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        fill = await store.begin("a", b"", length=9000)
        readers = [asyncio.create_task(drained(fill, start)) for start in (0, 0, 10, 8999)]
        data = bytes(range(256)) * 35 + bytes(40)
        for start in range(0, 9000, 1000):
            await fill.write(start, data[start : start + 1000])
        assert await fill.commit()
        assert await asyncio.gather(*readers) == [data, data, data[10:], data[8999:]]
        assert await drained(fill) == data


async def test_the_first_bytes_are_there_before_they_are_on_disk(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        fill = await store.begin("a", b"", length=6)
        chunk = b"abc"
        writing = asyncio.create_task(fill.write(0, chunk))
        assert await fill.wait(0) == 3
        assert fill.read_now(0, 100) is chunk
        assert not writing.done()
        await writing
        await fill.abandon()


async def test_who_lags_behind_reads_from_the_file(tmp_path: Path, clock: Clock) -> None:
    limits = replace(LIMITS, max_bytes=1 << 22, max_object_bytes=1 << 21)
    async with opened(tmp_path, clock, limits) as store:
        data = bytes(range(256)) * (4 * TAIL_BYTES // 256)
        fill = await store.begin("a", b"", length=len(data))
        for start in range(0, len(data), 64 * KIB):
            await fill.write(start, data[start : start + 64 * KIB])
        assert fill._growing.memory_bytes <= TAIL_BYTES
        assert await drained(fill) == data
        assert await fill.commit()
        assert fill._growing.memory_bytes == 0
        assert await drained(fill, 5) == data[5:]


async def test_a_reader_can_ask_for_a_part(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        fill = await store.begin("a", b"", length=10)
        await fill.write(0, b"0123456789")
        assert await drained(fill, 2, 5) == b"234"
        assert await fill.read(5, 5) == b""
        assert fill.read_now(5, 5) is None
        assert fill.read_now(10, 20) is None
        await fill.abandon()


async def test_bytes_that_are_there_stay_as_they_are(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        fill = await store.begin("a", b"", length=9)
        await fill.write(3, b"345")
        await fill.write(0, memoryview(b"abcdefghi"))
        assert await fill.commit()
        assert await body_of(store, "a") == b"abc345ghi"
        assert await store.verify() == []


async def test_the_length_may_become_known_at_the_end(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        fill = await store.begin("a", b"", length=None)
        await fill.write(0, bytes(20_000))  # more than was reserved at first
        await fill.write(20_000, b"end")
        lengths = [fill.length]
        assert await fill.commit(length=20_003, head=b"other")
        assert [*lengths, fill.length] == [None, 20_003]
        held = await store.get("a")
        assert held is not None
        assert (held.length, held.head, held.extents) == (20_003, b"other", Extents(((0, 20_003),)))
        held.release()


async def test_more_than_the_length_is_refused(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        fill = await store.begin("a", b"", length=3)
        with pytest.raises(ValueError, match="more bytes"):
            await fill.write(1, b"abc")
        assert fill.reach(0) == 0
        await fill.abandon()
        fill = await store.begin("a", b"", length=None)
        await fill.write(0, b"abc")
        with pytest.raises(ValueError, match="more bytes"):
            await fill.commit(length=2)
        await fill.abandon()


async def test_readers_of_what_is_given_up_are_told(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        fill = await store.begin("a", b"", length=9)
        await fill.write(0, b"abc")
        reader = asyncio.create_task(drained(fill))
        await asyncio.sleep(0)
        await fill.abandon("truncated")
        with pytest.raises(BodyBroken, match="truncated"):
            await reader
        assert fill.read_now(0, 3) is None
        with pytest.raises(ValueError, match="ended"):
            await fill.write(3, b"d")
        assert not await fill.commit()
        assert await store.get("a") is None
        assert (files_in(tmp_path), (await store.stats()).filling.size_bytes) == ([], 0)


async def test_what_ended_stays_as_it_is(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        fill = await store.begin("a", b"", length=3)
        await fill.write(0, b"abc")
        assert await fill.commit()
        await fill.abandon()
        assert not await fill.commit()
        assert fill.is_ended
        assert await body_of(store, "a") == b"abc"


async def test_a_body_is_served_though_the_disk_is_full(tmp_path: Path, clock: Clock) -> None:
    tally = DiskTally()
    async with opened(tmp_path, clock, NO_DISK, tally) as store:
        fill = await store.begin("a", b"", length=6)
        reader = asyncio.create_task(drained(fill))
        await fill.write(0, b"abc")
        await fill.write(3, b"def")
        assert not await fill.commit()
        assert await reader == b"abcdef"
        assert await drained(fill, 2) == b"cdef"
        assert await store.get("a") is None
        assert tally.events[DiskEvent.FULL] == 1


async def test_memory_for_what_finds_no_room_is_bounded_and_given_back(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock, NO_DISK) as store:
        fill = await store.begin("a", b"", length=None)
        await fill.write(0, bytes(10 * KIB))
        with pytest.raises(DiskFull):
            await store.begin("b", b"", length=10 * KIB)
        with pytest.raises(DiskFull):
            await fill.write(10 * KIB, bytes(10 * KIB))
        await fill.abandon("disk_full")
        del fill
        gc.collect()
        fill = await store.begin("b", b"", length=16 * KIB)
        await fill.write(0, bytes(16 * KIB))
        assert not await fill.commit()


async def test_a_body_that_outgrows_the_disk_is_served_to_its_end(tmp_path: Path, clock: Clock) -> None:
    tally = DiskTally()
    async with opened(tmp_path, clock, replace(LIMITS, max_bytes=96 * KIB), tally) as store:
        fill = await store.begin("a", b"", length=None)
        data = bytes(range(256)) * 432  # 108 KiB
        for start in range(0, len(data), 3 * KIB):
            await fill.write(start, data[start : start + 3 * KIB])
        assert not fill.is_saved
        assert await drained(fill, 0, len(data)) == data
        assert not await fill.commit(length=len(data))
        assert await drained(fill) == data
        assert (files_in(tmp_path), tally.events[DiskEvent.FULL]) == ([], 1)


async def test_a_cancelled_write_keeps_the_body_from_being_kept(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        fill = await store.begin("a", b"", length=6)
        writing = asyncio.create_task(fill.write(0, b"abc"))
        await asyncio.sleep(0)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await fill.write(3, b"def")
        kept = await fill.commit()
        assert kept is (await body_of(store, "a") == b"abcdef")  # the disk may have been quicker
        assert await drained(fill) == b"abcdef"


async def test_more_of_a_body_is_filled_beside_its_readers(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        first = await store.begin("a", b"head", length=10, expects=(0, 3), tags=("t",))
        await first.write(0, b"012")
        assert await first.commit()
        held = await store.get("a")
        assert held is not None
        fill = await store.extend(held, expects=(6, 9))
        assert fill.extents == Extents(((0, 3),))
        await fill.write(6, b"678")
        await fill.write(2, b"xyz")
        assert (await drained(fill, 0, 5), fill.reach(6)) == (b"012yz", 9)
        assert (await store.get("a") or held).extents == Extents(((0, 3),))
        assert await fill.commit()
        more = await store.get("a")
        assert more is not None
        assert (more.body_id, more.extents, more.head, more.tags, more.length) == (
            held.body_id,
            Extents(((0, 5), (6, 9))),
            b"head",
            ("t",),
            10,
        )
        assert await store.verify() == []
        held.release()
        more.release()


async def test_more_of_what_was_replaced_is_not_kept(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        assert await put(store, "a", b"old")
        held = await store.get("a")
        assert held is not None
        fill = await store.extend(held)
        held.release()
        assert await put(store, "a", b"new")
        assert not await fill.commit()
        assert await drained(fill) == b"old"
        assert await body_of(store, "a") == b"new"


async def test_an_extension_without_room_serves_both_old_and_new(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        first = await store.begin("a", b"", length=10, expects=(0, 5))
        await first.write(0, b"01234")
        assert await first.commit()
    async with opened(tmp_path, clock, NO_DISK) as store:
        held = await store.get("a")
        assert held is not None
        fill = await store.extend(held, expects=(5, 10))
        held.release()
        await fill.write(5, b"56789")
        assert not await fill.commit()
        assert await drained(fill) == b"0123456789"
        kept = await store.get("a")
        assert kept is not None
        assert kept.extents == Extents(((0, 5),))
        kept.release()


async def test_what_is_finished_is_read_to_the_end_and_not_kept(tmp_path: Path, clock: Clock) -> None:
    limits = replace(LIMITS, max_bytes=1 << 22, max_object_bytes=1 << 21)
    async with opened(tmp_path, clock, limits) as store:
        assert await put(store, "a", b"old")
        data = bytes(range(256)) * (4 * TAIL_BYTES // 256)
        fill = await store.begin("a", b"", length=None)
        await fill.write(0, data)
        await fill.finish(length=len(data))
        assert (fill.is_ended, fill.length) == (True, len(data))
        assert await drained(fill) == data
        assert await body_of(store, "a") == b"old"
        assert not await fill.commit()
        await fill.finish()
        assert (await store.stats()).filling.size_bytes == 0
