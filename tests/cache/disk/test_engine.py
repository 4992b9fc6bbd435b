from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from cache.disk.engine import Engine
from cache.disk.errors import DiskUnavailable
from cache.disk.outcome import DiskEvent
from cache.disk.schema import INDEX
from tests.cache.disk.stores import LIMITS, DiskTally, body_of, opened, put
from tests.clock import Clock


def locked_out() -> int:
    raise sqlite3.OperationalError("database is locked")


def damaged() -> int:
    error = sqlite3.DatabaseError("malformed")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    raise error


async def test_an_index_that_cannot_be_used_now_gives_the_second_best_answer(tmp_path: Path, clock: Clock) -> None:
    tally = DiskTally()
    engine = Engine(tmp_path, LIMITS, clock, tally)
    await engine.open()
    assert await engine.ask(lambda _: locked_out(), 7) == 7
    assert await engine.change(lambda _: locked_out(), 8) == 8
    assert tally.events == {DiskEvent.TROUBLE: 2}
    await engine.close()


async def test_damage_that_shows_late_begins_a_new_index(tmp_path: Path, clock: Clock) -> None:
    tally = DiskTally()
    async with opened(tmp_path, clock, tally=tally) as store, opened(tmp_path, clock) as other:
        assert await put(store, "a", b"abc")
        assert await body_of(other, "a") == b"abc"
        assert await store._engine.ask(lambda _: damaged(), None) is None
        clock.advance(1)
        assert (await store.get("a"), await other.get("a")) == (None, None)
        assert await put(other, "a", b"new")
        assert await body_of(store, "a") == b"new"
    assert tally.events[DiskEvent.INDEX_RESET] == 1


async def test_a_damaged_index_is_replaced_when_the_store_opens(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        assert await put(store, "a", b"abc")
    (tmp_path / INDEX).write_bytes(b"rubbish" * 5000)
    tally = DiskTally()
    async with opened(tmp_path, clock, tally=tally) as store:
        assert await store.get("a") is None
        assert await put(store, "a", b"new")
        await store._background[0]
        # The sweep has found the old body's file, which no index knows any more.
        assert len(list((tmp_path / "bodies").glob("*/*"))) == 1
        assert await body_of(store, "a") == b"new"
    assert tally.events == {DiskEvent.INDEX_RESET: 1, DiskEvent.SWEPT: 1}


async def test_a_directory_that_cannot_be_used_is_said_so(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DiskUnavailable, match="cannot be used"):
        await Engine(tmp_path / "file", LIMITS, clock, DiskTally()).open()


async def test_what_is_asked_of_a_closed_engine_is_refused(tmp_path: Path, clock: Clock) -> None:
    engine = Engine(tmp_path, LIMITS, clock, DiskTally())
    await engine.open()
    await engine.close()
    with pytest.raises(DiskUnavailable):
        await engine.ask(lambda index: index.stats(), None)
    assert [path.name for path in (tmp_path / "owners").iterdir()] == []


async def test_a_row_of_rubbish_is_a_miss_until_it_is_replaced(tmp_path: Path, clock: Clock) -> None:
    tally = DiskTally()
    async with opened(tmp_path, clock, tally=tally) as store:
        assert await put(store, "a", b"abc")
        index = sqlite3.connect(tmp_path / INDEX)
        index.execute("UPDATE body SET pieces = X'78'")
        index.commit()
        index.close()
        clock.advance(1)
        assert await store.get("a") is None
        assert tally.events == {DiskEvent.TROUBLE: 1}
        assert await put(store, "a", b"new")
        assert await body_of(store, "a") == b"new"


async def test_opening_that_fails_leaves_nothing_open(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / INDEX).mkdir()
    with pytest.raises(DiskUnavailable):
        await Engine(tmp_path, LIMITS, clock, DiskTally()).open()
    assert [path.name for path in (tmp_path / "owners").iterdir()] == []
