from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from cache.disk.body import body_path
from cache.disk.outcome import DiskEvent
from cache.extents import Extents
from tests.cache.disk.stores import KIB, LIMITS, DiskTally, body_of, files_in, opened, put
from tests.clock import Clock


async def test_a_body_is_open_at_once_while_a_look_is_believed(tmp_path: Path, clock: Clock) -> None:
    tally = DiskTally()
    async with opened(tmp_path, clock, tally=tally) as store:
        assert store.peek("a") is None
        assert await store.get("a") is None
        assert await put(store, "a", b"abc")
        for held in (store.peek("a"), await store.get("a")):
            assert held is not None
            held.release()
        clock.advance(1)
        assert store.peek("a") is None
        held = await store.get("a")
        assert held is not None
        held.release()
        again = store.peek("a")
        assert again is not None
        again.release()
        assert (tally.hits, tally.misses) == (4, 1)


async def test_what_another_store_does_is_seen(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as one, opened(tmp_path, clock) as other:
        assert await put(one, "a", b"old")
        assert await body_of(other, "a") == b"old"
        assert await put(one, "a", b"new")
        clock.advance(1)
        assert await body_of(other, "a") == b"new"
        assert await other.remove("a")
        clock.advance(1)
        assert await one.get("a") is None


async def test_own_changes_are_seen_at_once(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        assert await put(store, "a", b"old", b"1")
        assert await put(store, "a", b"new", b"2")
        held = store.peek("a")
        assert held is not None
        assert await store.rewrite_head("a", held, b"3", ("t",))
        assert store.peek("a") is None
        held.release()
        held = await store.get("a")
        assert held is not None
        assert (held.head, held.tags) == (b"3", ("t",))
        assert await store.rewrite_head("a", held.body_id, b"4")
        assert not await store.rewrite_head("a", held.body_id + 1, b"5")
        held.release()
        assert await store.remove("a")
        assert (store.peek("a"), await store.get("a")) == (None, None)


async def test_those_who_ask_together_share_one_look(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        assert await put(store, "a", b"abc")
        clock.advance(1)
        found = await asyncio.gather(*(store.get("a") for _ in range(20)))
        descriptors = {held.fileno() for held in found if held is not None}
        assert (len(found), len(descriptors), None in found) == (20, 1, False)
        for held in found:
            assert held is not None
            held.release()


async def test_one_who_gives_up_does_not_disturb_the_look(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        assert await put(store, "a", b"abc")
        clock.advance(1)
        one, other = asyncio.create_task(store.get("a")), asyncio.create_task(body_of(store, "a"))
        await asyncio.sleep(0)
        one.cancel()
        assert await other == b"abc"


async def test_a_row_without_its_file_is_dropped(tmp_path: Path, clock: Clock) -> None:
    tally = DiskTally()
    async with opened(tmp_path, clock) as store:
        assert await put(store, "a", b"abc")
    (path,) = (tmp_path / "bodies").glob("*/*")
    path.unlink()
    async with opened(tmp_path, clock, tally=tally) as store:
        assert await store.verify() == ["a"]
        assert await store.get("a") is None
        assert (await store.stats()).objects == 0
    assert tally.events[DiskEvent.DAMAGED] == 1


async def test_bytes_of_an_earlier_start_are_verified_before_they_are_given(tmp_path: Path, clock: Clock) -> None:
    tally = DiskTally()
    async with opened(tmp_path, clock) as store:
        store._engine._changes._place = replace(store._engine.place, boot="another")
        for key in "abc":
            assert await put(store, key, bytes(10 * KIB))
    paths = sorted((tmp_path / "bodies").glob("*/*"), key=lambda path: int(path.name, 16))
    with paths[1].open("r+b") as file:
        file.seek(5 * KIB)
        file.write(b"X")
    with paths[2].open("r+b") as file:
        file.truncate(0)
    async with opened(tmp_path, clock, tally=tally) as store:
        assert await body_of(store, "a") == bytes(10 * KIB)
        held = await store.get("b")
        assert held is not None
        assert held.extents == Extents(((0, 4 * KIB), (8 * KIB, 10 * KIB)))  # a block is gone
        held.release()
        assert await store.get("c") is None
        assert tally.events[DiskEvent.DAMAGED] == 2
        assert await store.verify() == []
        assert len(files_in(tmp_path)) == 2


async def test_hits_keep_a_body_from_being_evicted(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        assert await put(store, "hot", b"hot")
        for _ in range(3):
            assert await body_of(store, "hot") == b"hot"
        await store._looking.tick()
        for number in range(40):
            assert await put(store, f"{number}", bytes(4 * KIB))
        clock.advance(1)
        assert await body_of(store, "hot") == b"hot"
        assert await store.get("0") is None


async def test_few_files_stay_open(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock, replace(LIMITS, max_open=2)) as store:
        for key in "abc":
            assert await put(store, key, b"x")
        assert [store.peek(key) is not None for key in "abc"] == [False, True, True]


async def test_a_file_that_cannot_be_opened_is_a_miss_and_stays(tmp_path: Path, clock: Clock) -> None:
    tally = DiskTally()
    async with opened(tmp_path, clock, tally=tally) as store:
        assert await put(store, "a", b"abc")
        (path,) = (tmp_path / "bodies").glob("*/*")
        path.rename(path.with_suffix(".x"))
        path.mkdir()
        await store._looking.tick()
        store._looking.changed("a")
        assert await store.get("a") is None
        path.rmdir()
        path.with_suffix(".x").rename(path)
        assert await body_of(store, "a") == b"abc"
    assert tally.events == {DiskEvent.TROUBLE: 1}
    assert body_path(tmp_path, int(path.name, 16)) == path


async def test_what_this_process_has_evicted_is_gone_at_once(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        for number in range(5):
            assert await put(store, f"{number}", bytes(16 * KIB))
        assert [store.peek(key) is not None for key in "01234"] == [False, True, True, True, True]
