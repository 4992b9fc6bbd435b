"""A body that is being filled, and served to any number of readers meanwhile."""

from __future__ import annotations

import asyncio
import weakref
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from cache.disk.body import BodyFile, BodyWriter
from cache.disk.errors import DiskFull
from cache.disk.growing import Growing
from cache.disk.limits import MIB
from cache.disk.rows import Change, Row, extents_of, on_disk
from cache.disk.threads import Threads
from cache.extents import Extents

# A reader that lags behind gets at most this much of the file at once.
_READ_AT_MOST = 256 * 1024
_GROW_AT_MOST = 64 * MIB


@dataclass(slots=True)
class Saving:
    """What a fill has of the disk."""

    fill_id: int
    file: BodyFile
    writer: BodyWriter
    reserved: int  # bytes
    allocated: int  # bytes of the file that were given their place on the disk beforehand
    spent: int = 0
    is_settled: bool = False  # the fill was committed or given up


@dataclass(frozen=True, slots=True)
class Subject:
    """What is filled: a new body of `key`, or more of `old`."""

    key: str
    head: bytes | None
    length: int | None
    tags: tuple[str, ...] | None
    old: Row | None = None


class MemoryBudget:
    """Bytes of memory for bodies that find no room on the disk."""

    def __init__(self, most_bytes: int) -> None:
        """At most so many at a time."""
        self.left = most_bytes

    def take(self, size_bytes: int) -> bool:
        """Whether there was so much left; it is taken then."""
        if size_bytes > self.left:
            return False
        self.left -= size_bytes
        return True


class _Share:
    """What one fill took of the budget."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._taken = 0

    def take(self, size_bytes: int) -> bool:
        is_there = self._budget.take(size_bytes)
        self._taken += size_bytes if is_there else 0
        return is_there

    def give_back(self) -> None:
        self._budget.left += self._taken
        self._taken = 0


class Keeper(Protocol):
    """The store, as its fills see it. Its methods go on when their caller is cancelled, and never raise."""

    budget: MemoryBudget

    @property
    def files(self) -> Threads:
        """The threads that read and write bodies."""
        ...

    async def grow(self, saving: Saving, size_bytes: int) -> bool:
        """Whether the fill may take `size_bytes` more of the disk."""
        ...

    async def keep(self, subject: Subject, saving: Saving, change: Change) -> bool:
        """Whether what was filled became visible."""
        ...

    async def drop(self, subject: Subject, saving: Saving) -> None:
        """Nothing of what was filled is to remain."""
        ...

    def forgotten(self, subject: Subject, saving: Saving) -> None:
        """Nobody has the fill any more; called in any thread."""
        ...

    def no_room(self) -> None:
        """A body is served without being kept."""
        ...

    def now(self) -> float:
        """Seconds since the epoch."""
        ...


def _let_go_later(loop: asyncio.AbstractEventLoop, file: BodyFile) -> None:
    """Let `file` go, from a finalizer, which may run anywhere, inside a lock that letting go takes as well."""
    try:
        loop.call_soon_threadsafe(file.let_go)
    except RuntimeError:  # the loop has ended, and with it everything else that takes such locks
        file.let_go()


class Fill:
    """Bytes on their way into the store.

    One writer calls `write` and in the end `commit`, `finish` or `abandon`. Any number of readers call the rest, for as
    long as they keep the object: what they have not read yet stays readable after the end.

    When the disk has no room, the bytes are kept in memory until the last reader is gone, within
    `memory_fill_bytes`; such a body is served whole but not kept, and `commit` says so. A fill that nobody has
    any more and that has not ended is given up.
    """

    def __init__(self, keeper: Keeper, subject: Subject, file: BodyFile | None, saving: Saving | None) -> None:
        """`file` is held by the caller for this object; `saving` is None when there is no room."""
        self.subject = subject
        self._keeper = keeper
        self._file = file
        self._saving = saving
        self._is_saved = saving is not None
        self._is_done = False
        base = subject.old.extents if subject.old else Extents()
        self._growing = Growing(base, subject.length)
        self._share = _Share(keeper.budget)
        weakref.finalize(self, self._share.give_back).atexit = False
        if file is not None:
            weakref.finalize(self, _let_go_later, asyncio.get_running_loop(), file).atexit = False
        if saving is not None:
            weakref.finalize(self, keeper.forgotten, subject, saving).atexit = False

    @property
    def length(self) -> int | None:
        """The length of the whole representation; None while it is not known."""
        return self._growing.length

    @property
    def extents(self) -> Extents:
        """The bytes that are there, those of the old body among them."""
        return self._growing.extents

    @property
    def is_saved(self) -> bool:
        """Whether everything so far could be written to the disk."""
        return self._is_saved

    @property
    def is_ended(self) -> bool:
        """Whether no more bytes will come: it was committed or given up."""
        return self._growing.is_ended

    def reach(self, offset: int) -> int:
        """The end of the bytes that are there from `offset` on; `offset` itself when that one is not."""
        return self._growing.reach(offset)

    async def wait(self, offset: int) -> int:
        """`reach` once the byte at `offset` is there, or `offset` when it will never be; `BodyBroken`."""
        return await self._growing.wait(offset)

    def read_now(self, start: int, stop: int) -> bytes | None:
        """At least one byte from `start` on and none from `stop` on; None when that takes waiting."""
        if self._growing.broken is not None:
            return None
        reach = min(stop, self.reach(start))
        if reach <= start:
            return None
        data = self._growing.chunk(start, reach)
        if data is None and self._file is not None:
            data = self._file.read_now(start, self._saved_until(start, reach) - start)
        return data

    async def read(self, start: int, stop: int) -> bytes:
        """The same, waiting for it; empty when the byte at `start` never comes, or is not before `stop`.

        Raises `BodyBroken` when the filling was given up or the disk cannot be read.
        """
        if start >= stop:
            return b""
        reach = min(stop, await self.wait(start))
        data = self.read_now(start, stop)
        if data is not None or reach <= start or self._file is None:
            return data or b""
        file, length = self._file, self._saved_until(start, reach) - start
        file.hold()
        return await self._keeper.files.use(file, lambda: file.read(start, length))

    async def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """`data` belongs at `offset`. Readers have it at once; this returns when it is safe.

        Bytes that are there already stay as they are. Raises ValueError past the end of the representation or
        after the end of the fill, `DiskFull` when neither disk nor memory has room.
        """
        if self._is_done:
            raise ValueError("the fill has ended")
        if self.length is not None and offset + len(data) > self.length:
            raise ValueError("more bytes than the representation has")
        whole = bytes(data)
        for start, stop in self.extents.missing(offset, offset + len(whole)):
            await self._add(start, whole[start - offset : stop - offset])

    async def commit(self, *, length: int | None = None, head: bytes | None = None) -> bool:
        """No more bytes will come; make what was written visible at once, with its head.

        `length` is the whole representation's when it was not known before. False when nothing is kept: there
        was no room, the body is too large, it ended before, or the key has another body than was extended.
        Readers get all bytes in any case. Raises ValueError when `length` is less than what is there.
        """
        if self._is_done:
            return False
        if length is not None and self.extents.runs and self.extents.runs[-1][1] > length:
            raise ValueError("more bytes than the representation has")
        self._settle()
        length = self.length if length is None else length
        try:
            return await self._commit(length, head)
        finally:
            self._growing.end(length)

    async def finish(self, *, length: int | None = None) -> None:
        """No more bytes will come: readers get them all, and nothing is kept; without effect after the end.

        `length` as for `commit`.
        """
        if self._is_done:
            return
        self._is_done = True
        self._growing.end(self.length if length is None else length)
        if self._saving is not None:
            await self._keeper.drop(self.subject, self._saving)

    async def abandon(self, reason: str = "abandoned") -> None:
        """Nothing of this is to remain, and readers are told `reason`; without effect after the end."""
        if self._is_done:
            return
        self._settle()
        self._growing.fail(reason)
        if self._saving is not None:
            await self._keeper.drop(self.subject, self._saving)

    def _settle(self) -> None:
        self._is_done = True
        if self._saving is not None:
            self._saving.is_settled = True

    async def _commit(self, length: int | None, head: bytes | None) -> bool:
        saving, subject = self._saving, self.subject
        if saving is None:
            return False
        pieces = saving.writer.pieces()
        there = extents_of([*pieces, *(subject.old.pieces if subject.old else ())])
        if there != self.extents:  # a write failed, or was cancelled on its way
            await self._keeper.drop(subject, saving)
            return False
        change = Change(
            subject.key,
            subject.head if head is None else head,
            length,
            subject.tags,
            pieces,
            self._keeper.now(),
        )
        return await self._keeper.keep(subject, saving, change)

    async def _add(self, start: int, data: bytes) -> None:
        self._growing.add(start, data)
        if await self._save(start, data):
            self._growing.saved(start)
            return
        if self._is_saved:
            self._is_saved = False
            self._keeper.no_room()
        if not self._share.take(len(data)):
            raise DiskFull("no room on the disk, and too many bodies in memory")

    async def _save(self, start: int, data: bytes) -> bool:
        saving = self._saving
        if saving is None or not self._is_saved:
            return False
        saving.spent += len(data)
        if saving.spent > saving.reserved and not await self._grow(saving):
            return False
        return await self._keeper.files.run(partial(saving.writer.write, start, data))

    async def _grow(self, saving: Saving) -> bool:
        """Reserve in ever larger steps; where the disk has no room for one, just what is needed."""
        needed = on_disk(saving.spent - saving.reserved)
        for more in (max(needed, min(saving.reserved, _GROW_AT_MOST)), needed):
            if await self._keeper.grow(saving, more):
                saving.reserved += more
                return True
        return False

    def _saved_until(self, start: int, stop: int) -> int:
        in_memory = self._growing.next_chunk(start)
        return min(stop, start + _READ_AT_MOST, stop if in_memory is None else in_memory)
