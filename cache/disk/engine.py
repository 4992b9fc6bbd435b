"""The index and its threads: questions in one, changes in another, so that no writer holds a reader up."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from cache.disk.changes import Changes, Evicted, Place
from cache.disk.errors import DiskUnavailable
from cache.disk.index import Index
from cache.disk.limits import DiskLimits
from cache.disk.outcome import DiskEvent, DiskRecorder
from cache.disk.owners import Owner
from cache.disk.schema import Link, is_damage
from cache.disk.tasks import Tasks
from cache.disk.threads import Threads

T = TypeVar("T")
U = TypeVar("U")

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_FILE_THREADS = 2


@dataclass(frozen=True, slots=True)
class _Answer(Generic[T]):
    value: T
    event: DiskEvent | None = None


class Engine:
    """Runs what blocks. An index that cannot be used gives the answer that the caller would rather have than none."""

    def __init__(self, directory: Path, limits: DiskLimits, clock: Callable[[], float], recorder: DiskRecorder) -> None:
        """Nothing is opened before `open`; `clock` gives seconds since the epoch."""
        self.clock = clock
        self.recorder = recorder
        self.tasks = Tasks()
        self.on_evicted: Callable[[str], object] = str  # told the key of each body that this process pushed out
        self.files = Threads("disk-files", _FILE_THREADS)
        self._questions = Threads("disk-index", 1)
        self._writes = Threads("disk-changes", 1)
        self._directory = directory
        self._limits = limits

    async def open(self) -> None:
        """Open the index or begin one; `DiskUnavailable` when the directory cannot be used."""
        try:
            self.owner, self.place = await self._writes.run(self._claim)
            self._write_link, self._changes = await self._writes.run(self._open_changes)
            self._read_link, self._index = await self._questions.run(self._open_index)
        except (OSError, sqlite3.Error) as error:
            await self._writes.run(self._undo_opening)
            self._shut_threads()
            raise DiskUnavailable(f"the directory of the disk cache cannot be used: {type(error).__name__}") from error
        for _ in range(self._write_link.resets + self._read_link.resets):
            self.recorder.happened(DiskEvent.INDEX_RESET)

    async def ask(self, question: Callable[[Index], T], otherwise: U) -> T | U:
        """The answer of the index; `otherwise` when it cannot be used."""
        link = self._read_link
        return self._told(await self._questions.run(lambda: _guarded(link, lambda: question(self._index), otherwise)))

    async def change(self, change: Callable[[Changes], T], otherwise: U) -> T | U:
        """What the change gives; `otherwise` when the index cannot be used, and then nothing has changed."""
        answer, evicted = await self._writes.run(lambda: self._change(change, otherwise))
        if evicted.keys:
            self.recorder.evicted(len(evicted.keys), evicted.size_bytes)
            for key in evicted.keys:
                self.on_evicted(key)
        return self._told(answer)

    async def report_size(self) -> None:
        """Tell the recorder how much there is."""
        stats = await self.ask(lambda index: index.stats(), None)
        if stats is not None:
            self.recorder.resized(stats.objects, stats.size_bytes, stats.filling.size_bytes)

    async def close(self) -> None:
        """Let go of everything, after what was begun is done."""
        await self.tasks.drain()
        await self._questions.run(self._read_link.close)
        await self._writes.run(self._write_link.close)
        await self._writes.run(self.owner.leave)
        self._shut_threads()

    def _claim(self) -> tuple[Owner, Place]:
        self._directory.mkdir(0o700, parents=True, exist_ok=True)
        owner = Owner(self._directory)
        try:
            boot = _BOOT_ID.read_text(encoding="ascii").strip()
        except OSError:
            boot = owner.name  # whether the machine was restarted is not known: everything is verified
        return owner, Place(self._directory, owner.name, boot, self._limits)

    def _undo_opening(self) -> None:
        with suppress(OSError, AttributeError):  # whatever had been opened
            self.owner.leave()
            self._write_link.close()

    def _open_changes(self) -> tuple[Link, Changes]:
        link = Link(self._directory)
        return link, Changes(link, self.place)

    def _open_index(self) -> tuple[Link, Index]:
        link = Link(self._directory)
        return link, Index(link)

    def _change(self, change: Callable[[Changes], T], otherwise: U) -> tuple[_Answer[T | U], Evicted]:
        answer = _guarded(self._write_link, lambda: change(self._changes), otherwise)
        evicted, self._changes.evicted = self._changes.evicted, Evicted()
        return answer, evicted

    def _told(self, answer: _Answer[T]) -> T:
        if answer.event is not None:
            self.recorder.happened(answer.event)
        return answer.value

    def _shut_threads(self) -> None:
        for threads in (self.files, self._questions, self._writes):
            threads.close()


def _guarded(link: Link, call: Callable[[], T], otherwise: U) -> _Answer[T | U]:
    try:
        return _Answer(call())
    except (OSError, ValueError, struct.error):  # the latter two from a row that holds rubbish
        return _Answer(otherwise, DiskEvent.TROUBLE)
    except sqlite3.Error as error:
        if not is_damage(error):
            return _Answer(otherwise, DiskEvent.TROUBLE)
    try:
        link.reset()
    except (OSError, sqlite3.Error):
        return _Answer(otherwise, DiskEvent.TROUBLE)
    return _Answer(otherwise, DiskEvent.INDEX_RESET)
