from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings

from cache.disk.errors import DiskUnavailable
from tests.cache.disk.model import StoreAgainstModel
from tests.cache.disk.stores import KIB, LIMITS, body_of, files_in, opened, put
from tests.clock import Clock


async def test_what_was_put_is_there_after_a_restart(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        assert await put(store, "a", b"abc", b"head of a")
        assert await put(store, "b", b"")
    async with opened(tmp_path, clock) as store:
        held = await store.get("a")
        assert held is not None
        assert held.head == b"head of a"
        held.release()
        assert (await body_of(store, "a"), await body_of(store, "b"), await body_of(store, "c")) == (b"abc", b"", None)


async def test_an_old_body_is_given_until_the_new_one_is_committed(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        assert await put(store, "a", b"old")
        fill = await store.begin("a", b"", length=3)
        await fill.write(0, b"new")
        assert await body_of(store, "a") == b"old"
        assert await fill.commit()
        assert await body_of(store, "a") == b"new"
        assert len(files_in(tmp_path)) == 1


async def test_removing_says_whether_there_was_anything(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        assert await put(store, "a", b"abc")
        assert [await store.remove("a"), await store.remove("a")] == [True, False]
        assert files_in(tmp_path) == []


async def test_keys_and_sizes_are_told(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        for key in ("/a/1", "/a/2", "/b"):
            assert await put(store, key, bytes(5 * KIB))
        assert await store.find("/a/") == ["/a/1", "/a/2"]
        assert await store.find("/", most=1) == ["/a/1"]
        stats = await store.stats()
        assert (stats.objects, stats.size_bytes, stats.main.objects) == (3, 24 * KIB, 0)


async def test_damaged_bodies_are_named(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        for number in range(5):
            assert await put(store, f"{number}", b"%d" % number * 100)
        (damaged,) = (path for path in (tmp_path / "bodies").glob("*/*") if path.read_bytes() == b"3" * 100)
        damaged.write_bytes(b"3" * 99 + b"X")
        assert await store.verify() == ["3"]


async def test_a_closed_store_answers_no_more(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        assert await put(store, "a", b"abc")
    await store.close()
    assert store.peek("a") is None
    for asking in (store.get("a"), store.remove("a"), store.stats()):
        with pytest.raises(DiskUnavailable):
            await asking


async def test_a_key_that_no_index_can_hold_is_refused(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        with pytest.raises(ValueError, match="surrogates"):
            await store.begin("\ud800", b"", length=3)
        assert (await store.stats()).filling.objects == 0


async def test_hits_are_written_behind(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        assert await put(store, "a", b"abc")
        for _ in range(5):
            held = store.peek("a")
            assert held is not None
            held.release()
    async with opened(tmp_path, clock) as store:
        changes = store._engine._changes
        found = await store._engine.change(
            lambda _: changes._link.connection().execute("SELECT frequency FROM body").fetchall(), None
        )
        assert found == [(3,)]


async def test_many_at_once(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock, replace(LIMITS, max_bytes=1 << 20)) as store:

        async def one(number: int) -> None:
            key, data = f"{number % 7}", b"%03d" % number * 50
            assert await put(store, key, data)
            assert len(await body_of(store, key) or b"") == 150

        await asyncio.gather(*map(one, range(50)))
        assert (await store.stats()).objects == 7
        assert await store.verify() == []
    assert len(files_in(tmp_path)) == 7


class TestAgainstModel(StoreAgainstModel.TestCase):  # type: ignore[misc,valid-type]  # made by hypothesis
    settings = settings(max_examples=40, stateful_step_count=50)
