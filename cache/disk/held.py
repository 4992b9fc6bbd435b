"""A stored body in somebody's hands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from cache.disk.body import BodyFile
from cache.disk.errors import BodyBroken
from cache.disk.rows import Row
from cache.disk.threads import Threads


class Span(Protocol):
    """A run of bytes."""

    @property
    def start(self) -> int:
        """The first byte."""
        ...

    @property
    def length(self) -> int:
        """How many."""
        ...

    @property
    def stop(self) -> int:
        """The first byte after it."""
        ...


class Held:
    """One version of a body, readable until it is released, whatever happens to it in the store."""

    __slots__ = ("_damaged", "_file", "_is_released", "_threads", "extents", "row")

    def __init__(self, row: Row, file: BodyFile, threads: Threads, damaged: Callable[[Row], None]) -> None:
        """Holds `file`; `damaged` is told of a body whose file is shorter than it was."""
        file.hold()
        self.row = row
        self.extents = row.extents
        self._file = file
        self._threads = threads
        self._damaged = damaged
        self._is_released = False

    @property
    def body_id(self) -> int:
        """Which body; another one of the same key has another id."""
        return self.row.body_id

    @property
    def head(self) -> bytes:
        """What was committed with the body."""
        return self.row.head

    @property
    def length(self) -> int | None:
        """The length of the whole representation, of which only `extents` are there; None when unknown."""
        return self.row.length

    @property
    def tags(self) -> tuple[str, ...]:
        """What was committed with the body."""
        return self.row.tags

    @property
    def stored_at(self) -> float:
        """When the body was first committed, in seconds since the epoch."""
        return self.row.stored_at

    @property
    def size(self) -> int:
        """The length of the whole representation; of one of unknown length, the end of its beginning."""
        return self.extents.reach(0) if self.row.length is None else self.row.length

    @property
    def file(self) -> BodyFile:
        """The file; ValueError after `release`."""
        if self._is_released:
            raise ValueError("the body was released")
        return self._file

    def fileno(self) -> int | None:
        """A descriptor from which what is in `extents` may be sent."""
        return self.file.descriptor

    def is_unchanged(self) -> bool:
        """True: bytes that are there never change."""
        return True

    async def read(self, span: Span) -> bytes:
        """The bytes of `span`, which must be in `extents`.

        Raises `BodyBroken` when the file does not have them any more, `DiskUnavailable` when the store is closed.
        """
        if not self.extents.covers(span.start, span.stop):
            raise ValueError("these bytes are not there")
        file = self.file
        file.hold()  # a read whose caller was cancelled goes on in its thread
        data = await self._threads.use(file, lambda: file.read(span.start, span.length))
        if len(data) != span.length:
            self._damaged(self.row)
            raise BodyBroken("truncated")
        return data

    def release(self) -> None:
        """Give the body back; idempotent."""
        if not self._is_released:
            self._is_released = True
            self._file.let_go()
