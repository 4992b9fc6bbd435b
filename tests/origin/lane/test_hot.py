"""Bodies in memory: read at the second wish, right or not at all, and never too many."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from origin.lane.hot import HotBodies
from origin.storage.filesystem import FilesystemStore
from origin.storage.memory import MemoryStore
from origin.storage.store import StoredObject


async def opened(data: bytes, store: MemoryStore | None = None) -> StoredObject:
    store = store or MemoryStore()
    store.put("a", data)
    content = await store.open("a")
    assert content is not None
    return content


async def read(hot: HotBodies, key: str, data: bytes, version: str = "v1") -> None:
    """Wish until it is read."""
    for count in range(2):
        content = await opened(data)
        is_read = hot.wish(key, version, content)
        assert is_read is (count == 1)
        if not is_read:
            content.release()
    while hot.get(key, version) is None:
        await asyncio.sleep(0)


async def test_the_second_wish_is_granted() -> None:
    hot = HotBodies(100, 100)
    await read(hot, "a", b"abc")
    assert hot.get("a", "v1") == b"abc"
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
    assert (hot.get("a", "v2"), hot.size_bytes) == (b"newer", 5)
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
    hot = HotBodies(capacity, largest)
    content = await opened(b"abc")
    assert [hot.wish("a", "v1", content) for _ in range(4)] == [False] * 4
    content.release()
    await hot.close()


async def test_a_version_that_changed_between_two_wishes_is_not_read_yet() -> None:
    hot = HotBodies(100, 100)
    content = await opened(b"abc")
    assert not hot.wish("a", "v1", content)
    assert not hot.wish("a", "v2", content)
    assert hot.wish("a", "v2", content)
    assert not hot.wish("a", "v2", content), "it is being read"
    await hot.close()


async def test_what_changed_before_it_was_read_is_not_kept(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"abc")
    hot, store = HotBodies(100, 100), FilesystemStore(tmp_path)
    contents = [await store.open("a"), await store.open("a")]
    assert contents[0] is not None
    assert contents[1] is not None
    assert not hot.wish("a", "v1", contents[0])
    contents[0].release()
    file.write_bytes(b"other")
    assert hot.wish("a", "v1", contents[1])
    while hot.is_reading:
        await asyncio.sleep(0.001)
    assert hot.get("a", "v1") is None
    await hot.close()
    await store.close()
