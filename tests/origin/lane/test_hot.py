"""Bodies in memory: read at the second wish, right or not at all, and never too many."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from origin.lane.hot import HotBodies
from origin.storage.filesystem import FilesystemStore
from origin.storage.memory import MemoryStore
from origin.storage.store import StoredObject


async def opened(data: bytes) -> StoredObject:
    store = MemoryStore()
    store.put("a", data)
    content = await store.open("a")
    assert content is not None
    return content


class Lender:
    """Lends an object, and notes how often."""

    def __init__(self, content: StoredObject | None) -> None:
        self.content = content
        self.lent = 0

    def __call__(self) -> StoredObject | None:
        self.lent += 1
        return self.content


async def read(hot: HotBodies, key: str, data: bytes, version: str = "v1") -> None:
    """Wish until it is read."""
    lend = Lender(await opened(data))
    for lent in (0, 1):
        hot.wish(key, version, len(data), lend)
        assert lend.lent == lent
    while hot.is_reading:
        await asyncio.sleep(0)
    assert hot.get(key, version) == data


async def test_the_second_wish_is_granted() -> None:
    hot = HotBodies(100, 100)
    await read(hot, "a", b"abc")
    assert hot.size_bytes == 3
    assert hot.get("b", "v1") is None
    await hot.close()
    assert (hot.get("a", "v1"), hot.size_bytes) == (None, 0)


async def test_another_version_is_another_body() -> None:
    hot = HotBodies(100, 100)
    await read(hot, "a", b"abc")
    assert hot.get("a", "v2") is None
    assert hot.size_bytes == 0
    await read(hot, "a", b"newer", "v2")
    assert hot.size_bytes == 5
    await hot.close()


async def test_the_least_recently_used_goes_first() -> None:
    hot = HotBodies(10, 10)
    for key in ("a", "b"):
        await read(hot, key, b"x" * 5)
    assert hot.get("a", "v1") is not None
    await read(hot, "c", b"y" * 5)
    assert [hot.get(key, "v1") is None for key in ("a", "b", "c")] == [False, True, False]
    assert hot.size_bytes == 10
    await hot.close()


@pytest.mark.parametrize(("capacity", "largest"), [(100, 2), (2, 100)])
async def test_what_is_too_large_is_never_read(capacity: int, largest: int) -> None:
    hot, lend = HotBodies(capacity, largest), Lender(await opened(b"abc"))
    for _ in range(4):
        hot.wish("a", "v1", 3, lend)
    assert lend.lent == 0
    await hot.close()


async def test_a_version_that_changed_between_two_wishes_is_not_read_yet() -> None:
    hot, lend = HotBodies(100, 100), Lender(await opened(b"abc"))
    seen = []
    for version in ("v1", "v2", "v2", "v2"):
        hot.wish("a", version, 3, lend)
        seen.append(lend.lent)
    assert seen == [0, 0, 1, 1], "and not again while it is read"
    await hot.close()


async def test_what_is_not_there_any_more_is_not_read() -> None:
    hot, lend = HotBodies(100, 100), Lender(None)
    for _ in range(3):
        hot.wish("a", "v1", 3, lend)
    assert lend.lent == 1
    assert not hot.is_reading
    await hot.close()


async def test_what_changed_before_it_was_read_is_not_kept(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"abc")
    hot, store = HotBodies(100, 100), FilesystemStore(tmp_path)
    lend = Lender(await store.open("a"))
    hot.wish("a", "v1", 3, lend)
    file.write_bytes(b"other")
    hot.wish("a", "v1", 3, lend)
    while hot.is_reading:
        await asyncio.sleep(0.001)
    assert (lend.lent, hot.get("a", "v1")) == (1, None)
    await hot.close()
    await store.close()
