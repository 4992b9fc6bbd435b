"""How bodies are begun, kept and dropped."""

from __future__ import annotations

import asyncio
import weakref
from dataclasses import replace
from functools import partial

from cache.disk.body import BodyFile, BodyWriter, create_body, taken
from cache.disk.engine import Engine
from cache.disk.errors import DiskFull, TooLarge
from cache.disk.fill import Fill, MemoryBudget, Saving, Subject
from cache.disk.looking import Looking
from cache.disk.outcome import DiskEvent
from cache.disk.rows import Change, Row, extents_of, on_disk
from cache.disk.sweep import abandon
from cache.disk.threads import Threads
from cache.extents import Extents, Run

_RESERVED_AT_FIRST = 16 * 1024  # where it is not said what will come


class Filling:
    """The fills of one store, and what they ask of it."""

    def __init__(self, engine: Engine, looking: Looking) -> None:
        """`looking` is told what became visible."""
        self.budget = MemoryBudget(engine.place.limits.memory_fill_bytes)
        self._engine = engine
        self._looking = looking
        self._fills: weakref.WeakSet[Fill] = weakref.WeakSet()
        self._loop = asyncio.get_running_loop()
        self._is_closed = False

    async def begin(self, subject: Subject, expects: Run | None, file: BodyFile | None = None) -> Fill:
        """See `DiskStore.begin` and `extend`; `file` is the old body's, and held by the caller."""
        there = subject.old.extents if subject.old else Extents()
        if expects is not None and there.with_run(*expects).size > self._engine.place.limits.max_object_bytes:
            self._engine.recorder.happened(DiskEvent.TOO_LARGE)
            raise TooLarge("larger than one body may be")
        if file is not None:
            file.hold()  # for the fill
        task = self._engine.tasks.spawn(self._start(subject, expects, file))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(self._give_up)
            raise

    async def close(self) -> None:
        """Give up every fill."""
        for fill in tuple(self._fills):
            await fill.abandon("closed")
        self._is_closed = True

    @property
    def files(self) -> Threads:
        """The threads that read and write bodies."""
        return self._engine.files

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._engine.clock()

    def forgotten(self, subject: Subject, saving: Saving) -> None:
        """Nobody has the fill any more; called in any thread."""
        if not saving.is_settled and not self._is_closed:
            self._loop.call_soon_threadsafe(self._clear_away, subject, saving)

    def no_room(self) -> None:
        """A body is served without being kept."""
        self._engine.recorder.happened(DiskEvent.FULL)

    async def grow(self, saving: Saving, size_bytes: int) -> bool:
        """Whether the fill may take `size_bytes` more of the disk."""
        return await self._engine.change(lambda changes: changes.grow(saving.fill_id, size_bytes), otherwise=False)

    async def keep(self, subject: Subject, saving: Saving, change: Change) -> bool:
        """Whether what was filled became visible."""
        saving.file.hold()  # the fill may be forgotten by all before this is done
        return await self._engine.tasks.finish(self._keep(subject, saving, change))

    async def drop(self, subject: Subject, saving: Saving) -> None:
        """Nothing of what was filled is to remain."""
        await self._engine.tasks.finish(self._drop(subject, saving))

    async def _start(self, subject: Subject, expects: Run | None, file: BodyFile | None) -> Fill:
        saving = await self._reserve(subject, expects, file)
        if saving is None:
            self.no_room()
            needed = 1 if expects is None else expects[1] - expects[0]
            if needed > self.budget.left:
                if file is not None:
                    file.let_go()
                raise DiskFull("no room on the disk, and too many bodies in memory")
        fill = Fill(self, subject, file if saving is None else saving.file, saving)
        self._fills.add(fill)
        return fill

    async def _reserve(self, subject: Subject, expects: Run | None, file: BodyFile | None) -> Saving | None:
        """Room on the disk, and the file to write to: `file`, or a new one, held for the fill."""
        size = _RESERVED_AT_FIRST if expects is None else expects[1] - expects[0]
        old_id = None if subject.old is None else subject.old.body_id
        fill_id = await self._engine.change(lambda changes: changes.reserve(size, old_id), None)
        if fill_id is None:
            return None
        opening = partial(self._open, fill_id, file, expects)
        try:
            opened, writer = await self.files.run(opening)
        except OSError:
            await abandon(self._engine, fill_id, old_id)
            return None
        return Saving(fill_id, opened, writer, on_disk(size), 0 if expects is None else size)

    def _open(self, fill_id: int, file: BodyFile | None, expects: Run | None) -> tuple[BodyFile, BodyWriter]:
        place = self._engine.place
        opened = file or create_body(place.directory, fill_id, self.files.close_descriptor)
        writer = BodyWriter(opened, place.limits.block_bytes)
        try:
            if expects is not None:
                writer.allocate(expects[0], expects[1] - expects[0])
        except OSError:
            if file is None:
                opened.let_go()
            raise
        return opened, writer

    async def _keep(self, subject: Subject, saving: Saving, change: Change) -> bool:
        try:
            row = await self._try_to_keep(subject, saving, change)
            if row is None:
                await self._drop(subject, saving)
                return False
            self._looking.keep(row, saving.file)
            self._engine.recorder.stored(extents_of(change.pieces).size)
            return True
        finally:
            saving.file.let_go()

    async def _try_to_keep(self, subject: Subject, saving: Saving, change: Change) -> Row | None:
        old = subject.old
        written = extents_of(change.pieces).size
        size = extents_of([*change.pieces, *(old.pieces if old else ())]).size
        if size > self._engine.place.limits.max_object_bytes:
            self._engine.recorder.happened(DiskEvent.TOO_LARGE)
            return None
        if written < saving.allocated:
            taken_now = partial(taken, self._engine.place.directory, saving.file.body_id)
            change = replace(change, taken=await self.files.run(taken_now))
        if old is None:
            return await self._engine.change(lambda changes: changes.commit(saving.fill_id, change), None)
        body_id = old.body_id
        return await self._engine.change(lambda changes: changes.commit_more(saving.fill_id, body_id, change), None)

    async def _drop(self, subject: Subject, saving: Saving) -> None:
        await abandon(self._engine, saving.fill_id, None if subject.old is None else subject.old.body_id)

    def _clear_away(self, subject: Subject, saving: Saving) -> None:
        if not self._is_closed:
            self._engine.tasks.spawn(self._drop(subject, saving))

    def _give_up(self, task: asyncio.Task[Fill]) -> None:
        if not task.cancelled() and task.exception() is None:
            self._engine.tasks.spawn(task.result().abandon())
