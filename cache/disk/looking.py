"""How bodies are found: in hands already, or by a look into the index that all who ask share."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial

from cache.disk.body import BodyFile, intact, open_body
from cache.disk.engine import Engine
from cache.disk.held import Held
from cache.disk.hot import HotBodies
from cache.disk.outcome import DiskEvent
from cache.disk.rows import Row

_HITS_AT_ONCE = 1000


class Looking:
    """Finds bodies for one store, and counts for the eviction policy how often."""

    def __init__(self, engine: Engine) -> None:
        """Nothing is open yet."""
        self._engine = engine
        self._hot = HotBodies(engine.place.limits.max_open, engine.place.limits.valid_seconds, engine.clock)
        self._looks: dict[str, _Look] = {}
        self._hits: Counter[int] = Counter()
        self._is_closed = False
        engine.on_evicted = self.changed

    def peek(self, key: str) -> Held | None:
        """The body of `key` if it is open and was looked up a short time ago."""
        kept = self._hot.get(key)
        return None if kept is None else self._lease(kept.row, kept.file)

    async def get(self, key: str) -> Held | None:
        """The body of `key`."""
        is_joining = key in self._looks
        held = await self._look(key)
        if held is None and is_joining:  # that look began before this call
            held = await self._look(key)
        return held

    def changed(self, key: str) -> None:
        """Believe no earlier look for `key`, not even one that is under way."""
        self._looks.pop(key, None)
        self._hot.drop(key)

    def keep(self, row: Row, file: BodyFile) -> None:
        """`row` has just become visible; `file` is held on to."""
        self.changed(row.key)
        if not self._is_closed:
            self._hot.keep(row, file, self._engine.clock())

    async def tick(self) -> None:
        """Let go of what has not been asked for lately, and pass the hits on."""
        self._hot.drop_expired()
        await self.flush()

    async def flush(self) -> None:
        """Pass the hits on to the index."""
        hits, self._hits = self._hits, Counter()
        if hits:
            await self._engine.change(lambda changes: changes.count_hits(hits.items()), None)

    def close(self) -> None:
        """Keep nothing open any more."""
        self._is_closed = True
        self._hot.clear()

    async def is_intact(self, row: Row) -> bool:
        """Whether all bytes of the body are what was written; of one that is gone by now, they are."""
        file = await self._open(row)
        if file is None:
            current = await self._engine.ask(lambda index: index.find(row.key), None)
            return current is None or current.body_id != row.body_id
        try:
            return await self._engine.files.run(partial(intact, file, row.pieces)) == row.pieces
        finally:
            file.let_go()

    async def _look(self, key: str) -> Held | None:
        """Join the look for `key` that is under way, or begin one. It survives its callers' cancellation."""
        look = self._looks.get(key)
        if look is None:
            look = self._looks[key] = _Look()
            look.task = self._engine.tasks.spawn(self._find(key, look))
        look.hold()
        try:
            await asyncio.shield(look.task)
            return None if look.found is None else self._lease(*look.found)
        finally:
            look.let_go()

    async def _find(self, key: str, look: _Look) -> None:
        checked_at = self._engine.clock()
        try:
            try:
                look.found = await self._load(key)
            except OSError:  # it is there, for all we know: too many open files, an input/output error
                self._engine.recorder.happened(DiskEvent.TROUBLE)
            # A change by this process has taken the look off the list: it may have been too early.
            if look.found is not None and self._looks.get(key) is look and not self._is_closed:
                self._hot.keep(*look.found, checked_at)
        finally:
            if self._looks.get(key) is look:
                del self._looks[key]
            look.let_go()

    async def _load(self, key: str) -> tuple[Row, BodyFile] | None:
        """The body of `key` and its file, held for the caller."""
        missing = None
        while True:  # between the look and the opening, another body may have taken its place
            row = await self._engine.ask(lambda index: index.find(key), None)
            if row is None:
                return None
            if row.body_id == missing:
                await self._forget(row)
                return None
            file = await self._open(row)
            if file is not None:
                return await self._verified(row, file)
            missing = row.body_id

    async def _open(self, row: Row) -> BodyFile | None:
        """The file of the body, held for the caller."""
        kept = self._hot.open_file(row.key)
        if kept is not None and kept.body_id == row.body_id:
            return kept
        if kept is not None:
            kept.let_go()
        directory, files = self._engine.place.directory, self._engine.files
        return await files.run(partial(open_body, directory, row.body_id, files.close_descriptor))

    async def _verified(self, row: Row, file: BodyFile) -> tuple[Row, BodyFile] | None:
        """The two, without bytes that an earlier start of the machine left differently from how they were written."""
        boot = self._engine.place.boot
        if row.boot == boot:
            return row, file
        pieces = await self._engine.files.run(partial(intact, file, row.pieces))
        if pieces != row.pieces:
            self._engine.recorder.happened(DiskEvent.DAMAGED)
        verified = await self._engine.change(lambda changes: changes.reverify(row, pieces), None)
        if verified is not None and (verified.body_id, verified.boot) == (row.body_id, boot):
            return verified, file
        file.let_go()
        return None

    async def _forget(self, row: Row) -> None:
        self._engine.recorder.happened(DiskEvent.DAMAGED)
        await self._engine.change(lambda changes: changes.remove_body(row.body_id), None)
        self.changed(row.key)

    def _lease(self, row: Row, file: BodyFile) -> Held:
        self._hits[row.body_id] += 1
        if len(self._hits) >= _HITS_AT_ONCE and not self._is_closed:
            self._engine.tasks.spawn(self.flush())
        return Held(row, file, self._engine.files, self._damaged)

    def _damaged(self, row: Row) -> None:
        if not self._is_closed:
            self._engine.tasks.spawn(self._forget(row))


class _Look:
    """A look for a body, and how many wait for it or still take from it what it found."""

    def __init__(self) -> None:
        self.task: asyncio.Task[None]
        self.found: tuple[Row, BodyFile] | None = None
        self._holders = 1  # the look itself

    def hold(self) -> None:
        self._holders += 1

    def let_go(self) -> None:
        self._holders -= 1
        if self._holders == 0 and self.found is not None:
            self.found[1].let_go()
