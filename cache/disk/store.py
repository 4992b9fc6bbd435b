"""The store: bodies by key, found, filled, extended and removed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

from cache.disk.engine import Engine
from cache.disk.errors import DiskUnavailable
from cache.disk.fill import Fill, Subject
from cache.disk.filling import Filling
from cache.disk.held import Held
from cache.disk.index import Index
from cache.disk.limits import DiskLimits
from cache.disk.looking import Looking
from cache.disk.outcome import DiskEvent, DiskRecorder, NullDiskRecorder
from cache.disk.rows import Row, Stats
from cache.disk.sweep import sweep
from cache.extents import Run

_TICK_SECONDS = 1.0
_VERIFIED_AT_ONCE = 100


class DiskStore:
    """Bodies in one directory, which other processes of the machine may use at the same time.

    A body is visible from its commit on, to all processes, and each is seen as it was committed or not at all. When
    the index cannot be used, nothing is found and nothing kept, and the recorder is told.
    """

    def __init__(self, engine: Engine) -> None:
        """Use `open`."""
        self._engine = engine
        self._looking = Looking(engine)
        self._filling = Filling(engine, self._looking)
        self._is_closed = False
        self._background = (engine.tasks.spawn(self._sweep()), engine.tasks.spawn(self._tick()))

    @classmethod
    async def open(
        cls, directory: Path, limits: DiskLimits, clock: Callable[[], float], recorder: DiskRecorder | None = None
    ) -> DiskStore:
        """Open the store in `directory`, which is made when it is not there. `clock` gives seconds since the epoch.

        Takes no longer with many bodies than with few: what dead processes left is swept in the background.
        Raises `DiskUnavailable`.
        """
        engine = Engine(directory, limits, clock, recorder or NullDiskRecorder())
        await engine.open()
        return cls(engine)

    async def close(self) -> None:
        """Give up what is being filled and let go of the directory; bodies in hands stay open; idempotent."""
        if self._is_closed:
            return
        self._is_closed = True
        for task in self._background:
            task.cancel()
        await self._filling.close()
        await self._engine.tasks.drain()
        await self._looking.flush()
        self._looking.close()
        await self._engine.close()

    def peek(self, key: str) -> Held | None:
        """The body of `key` if it is open here and was looked up a short time ago; None says nothing.

        Never blocks. The caller releases what it gets, as after `get`.
        """
        held = self._looking.peek(key)
        if held is not None:
            self._engine.recorder.looked_up(is_hit=True)
        return held

    async def get(self, key: str) -> Held | None:
        """The body of `key`. Bytes that were written before the machine last started are verified first."""
        held = self._looking.peek(key) or await self._looking.get(key)
        self._engine.recorder.looked_up(is_hit=held is not None)
        return held

    async def begin(
        self,
        key: str,
        head: bytes,
        *,
        length: int | None,
        tags: tuple[str, ...] = (),
        expects: Run | None = None,
    ) -> Fill:
        """Fill a new body, which replaces the one of `key` when it is committed.

        `length` is the whole representation's, None when it is not known; `expects` is the run of it that will be
        written, when that is not all. Raises `TooLarge`, and `DiskFull` when there is room for it neither on the
        disk nor in the memory set aside; with memory alone the fill serves its readers and is not kept. A commit
        with less than `length` keeps a part: whoever wanted all of it gives the fill up instead.
        """
        key.encode()  # a key that no index could hold is the caller's mistake: UnicodeEncodeError
        if expects is None and length is not None:
            expects = (0, length)
        return await self._filling.begin(Subject(key, head, length, tags), expects)

    async def extend(self, held: Held, *, expects: Run | None = None) -> Fill:
        """Fill more of the body in hand, whose bytes stay as they are; the same errors as `begin`.

        The caller may release `held` at once.
        """
        row = held.row
        return await self._filling.begin(Subject(row.key, None, row.length, None, row), expects, held.file)

    async def rewrite_head(self, key: str, body: Held | int, head: bytes, tags: tuple[str, ...] = ()) -> bool:
        """Give the body (or the one of this id) another head and other tags.

        False when it is not the body of `key` any more, or the index cannot be used.
        """
        body_id = body if isinstance(body, int) else body.body_id
        return await self._engine.tasks.finish(self._rewrite(key, body_id, head, tags))

    async def remove(self, key: str) -> bool:
        """Whether there was a body of `key`; there is none now. Raises `DiskUnavailable` when that is not sure."""
        was_there = await self._engine.tasks.finish(self._remove(key))
        if was_there is None:
            raise DiskUnavailable("the index cannot be used")
        return was_there

    async def find(self, prefix: str, *, most: int = 1000) -> list[str]:
        """The first `most` keys that begin with `prefix`, in order."""
        return await self._engine.ask(lambda index: index.keys(prefix, most), [])

    async def stats(self) -> Stats:
        """What the directory holds. Raises `DiskUnavailable`."""
        stats = await self._engine.ask(Index.stats, None)
        if stats is None:
            raise DiskUnavailable("the index cannot be used")
        return stats

    async def verify(self) -> list[str]:
        """Read every body and give the keys of those that are damaged; nothing is changed."""
        broken: list[str] = []
        last = 0
        while rows := await self._engine.ask(partial(_after, last), None):
            broken += [row.key for row in rows if not await self._looking.is_intact(row)]
            last = rows[-1].body_id
        return broken

    async def _rewrite(self, key: str, body_id: int, head: bytes, tags: tuple[str, ...]) -> bool:
        is_done = await self._engine.change(lambda changes: changes.rewrite(key, body_id, head, tags), otherwise=False)
        self._looking.changed(key)
        return is_done

    async def _remove(self, key: str) -> bool | None:
        was_there: bool | None = await self._engine.change(lambda changes: changes.remove(key), None)
        self._looking.changed(key)
        return was_there

    async def _sweep(self) -> None:
        if await sweep(self._engine):
            self._engine.recorder.happened(DiskEvent.SWEPT)

    async def _tick(self) -> None:
        while True:
            await self._engine.report_size()
            await asyncio.sleep(_TICK_SECONDS)
            await self._looking.tick()


def _after(body_id: int, index: Index) -> list[Row]:
    return index.after(body_id, _VERIFIED_AT_ONCE)
