"""What every `Reader` owes its callers, as a test class.

A store's test module inherits `StoreContract` and gives it a `stage` fixture.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from origin.http.spans import ByteSpan
from origin.storage.store import ObjectChanged, Reader, StoredObject


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Stage:
    """A reader and a way to change what lies behind it."""

    reader: Reader
    put: Callable[[str, bytes], Awaitable[None]]  # creates or replaces atomically, parents included
    delete: Callable[[str], Awaitable[None]]
    settle: Callable[[], None] = _nothing  # lets everything expire that the reader may remember
    keeps_versions: bool = True  # whether what was opened can be read on once it is replaced or deleted


async def opened(reader: Reader, path: str) -> StoredObject:
    """The object at `path`, which must be there."""
    found = await reader.open(path)
    assert found is not None
    return found


async def whole(found: StoredObject) -> bytes:
    """All of its bytes."""
    return await found.read(ByteSpan(0, found.size))


NO_OBJECT_PATHS = [
    "",
    "/",
    ".",
    "..",
    "../a",
    "a/../b",
    "a/..",
    "./a",
    "a/./b",
    "/a",
    "//a",
    "a//b",
    "a/",
    "a\0",
    "\0",
    "a\0/../b",
    "/etc/passwd",
    "../../../../../../etc/passwd",
    "x" * 300,
    "/".join(["deep"] * 2000),
    "\ud800",
]


class StoreContract:
    """The behaviour suite."""

    @pytest.fixture
    def stage(self) -> Stage:
        raise NotImplementedError

    async def test_absent_is_none(self, stage: Stage) -> None:
        assert await stage.reader.open("nothing.m4s") is None
        assert await stage.reader.open("no/such/directory/nothing.m4s") is None

    async def test_gives_back_the_bytes(self, stage: Stage) -> None:
        data = bytes(range(256)) * 700
        await stage.put("bbb/video/1.m4s", data)
        found = await opened(stage.reader, "bbb/video/1.m4s")
        assert found.size == found.info.size == len(data)
        assert await whole(found) == data
        assert found.is_unchanged()
        found.release()

    async def test_empty_object(self, stage: Stage) -> None:
        await stage.put("empty", b"")
        found = await opened(stage.reader, "empty")
        assert found.size == 0
        assert await whole(found) == b""
        found.release()

    @pytest.mark.parametrize("path", ["ü/日本 語.m4s", "a b+c%2F", "%2e%2e", "x" * 255, "C:", "~", "-rf", "a;b?c#d"])
    async def test_names_are_taken_literally(self, stage: Stage, path: str) -> None:
        await stage.put(path, b"x")
        found = await opened(stage.reader, path)
        assert await whole(found) == b"x"
        found.release()

    @pytest.mark.parametrize(
        ("start", "length"),
        [(0, 0), (0, 1), (0, 10), (3, 4), (9, 1), (10, 0)],
        ids=str,
    )
    async def test_spans(self, stage: Stage, start: int, length: int) -> None:
        await stage.put("digits", b"0123456789")
        found = await opened(stage.reader, "digits")
        assert await found.read(ByteSpan(start, length)) == b"0123456789"[start : start + length]
        found.release()

    @pytest.mark.parametrize(("start", "length"), [(0, 11), (10, 1), (11, 0), (5, 2**40), (2**40, 1)])
    async def test_never_a_short_read(self, stage: Stage, start: int, length: int) -> None:
        await stage.put("digits", b"0123456789")
        found = await opened(stage.reader, "digits")
        with pytest.raises(ObjectChanged):
            await found.read(ByteSpan(start, length))
        found.release()

    async def test_reads_do_not_disturb_each_other(self, stage: Stage) -> None:
        await stage.put("digits", b"0123456789")
        found = await opened(stage.reader, "digits")
        pieces = await asyncio.gather(*(found.read(ByteSpan(at % 10, 1)) for at in range(40)))
        assert b"".join(pieces) == b"0123456789" * 4
        found.release()

    async def test_version_follows_the_bytes(self, stage: Stage) -> None:
        await stage.put("a", b"first")
        first, again = await opened(stage.reader, "a"), await opened(stage.reader, "a")
        assert first.info == again.info
        await stage.put("a", b"other")
        stage.settle()
        second = await opened(stage.reader, "a")
        assert second.info.version != first.info.version
        assert await whole(second) == b"other"
        for found in (first, again, second):
            found.release()

    async def test_a_replaced_object_reads_on_in_full_or_not_at_all(self, stage: Stage) -> None:
        await stage.put("a", b"first " * 1000)
        found = await opened(stage.reader, "a")
        await stage.put("a", b"other")
        stage.settle()
        if stage.keeps_versions:
            assert await whole(found) == b"first " * 1000
        else:
            with pytest.raises(ObjectChanged):
                await whole(found)
        assert found.is_unchanged()
        found.release()

    async def test_a_deleted_object_reads_on_or_not_at_all_and_is_then_absent(self, stage: Stage) -> None:
        await stage.put("a", b"first")
        found = await opened(stage.reader, "a")
        await stage.delete("a")
        stage.settle()
        if stage.keeps_versions:
            assert await whole(found) == b"first"
        else:
            with pytest.raises(ObjectChanged):
                await whole(found)
        assert await stage.reader.open("a") is None
        found.release()

    async def test_absence_is_not_remembered(self, stage: Stage) -> None:
        assert await stage.reader.open("live/1.m4s") is None
        await stage.put("live/1.m4s", b"now")
        found = await opened(stage.reader, "live/1.m4s")
        assert await whole(found) == b"now"
        found.release()

    @pytest.mark.parametrize("path", NO_OBJECT_PATHS, ids=lambda path: ascii(path[:40]))
    async def test_impossible_paths_are_absent(self, stage: Stage, path: str) -> None:
        await stage.put("a/b", b"x")
        assert await stage.reader.open(path) is None

    async def test_release_is_idempotent_and_ends_the_use(self, stage: Stage) -> None:
        await stage.put("a", b"first")
        kept, found = await opened(stage.reader, "a"), await opened(stage.reader, "a")
        found.release()
        found.release()
        with pytest.raises(ValueError):
            await found.read(ByteSpan(0, 5))
        for use in (found.fileno, found.is_unchanged, lambda: found.size, lambda: found.info):
            with pytest.raises(ValueError):
                use()
        assert await whole(kept) == b"first"
        kept.release()

    async def test_many_at_once(self, stage: Stage) -> None:
        for number in range(10):
            await stage.put(f"{number}.m4s", str(number).encode())
        found = await asyncio.gather(*(opened(stage.reader, f"{at % 10}.m4s") for at in range(100)))
        assert [await whole(each) for each in found] == [str(at % 10).encode() for at in range(100)]
        for each in found:
            each.release()

    async def test_probe_accepts_a_working_store(self, stage: Stage) -> None:
        await stage.reader.probe()

    async def test_close_may_come_twice_and_before_the_last_release(self, stage: Stage) -> None:
        await stage.put("a", b"first")
        found = await opened(stage.reader, "a")
        await stage.reader.close()
        await stage.reader.close()
        found.release()
