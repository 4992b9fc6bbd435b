"""Bodies kept open for a while, so that hot ones need neither a thread nor the index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cache.disk.body import BodyFile
from cache.disk.rows import Row


@dataclass(slots=True)
class Kept:
    """A body as the index had it at `checked_at`, and its open file, which is held for it."""

    row: Row
    file: BodyFile
    checked_at: float


class HotBodies:
    """Up to `most` bodies, oldest check first. What has not been checked for a while lets go of its file."""

    def __init__(self, most: int, valid_seconds: float, clock: Callable[[], float]) -> None:
        """A look into the index is believed for `valid_seconds`."""
        self._most = most
        self._valid_seconds = valid_seconds
        self._clock = clock
        self._kept: dict[str, Kept] = {}

    def get(self, key: str) -> Kept | None:
        """The body of `key` if the index was asked for it a short time ago."""
        kept = self._kept.get(key)
        return kept if kept is not None and self._is_valid(kept) else None

    def keep(self, row: Row, file: BodyFile, checked_at: float) -> None:
        """Hold `file`, the body of `row`, which the index knew at `checked_at`."""
        file.hold()
        self.drop(row.key)
        self._kept[row.key] = Kept(row, file, checked_at)
        self.drop_expired()
        while len(self._kept) > self._most:
            self.drop(next(iter(self._kept)))

    def open_file(self, key: str) -> BodyFile | None:
        """The file last known as the body of `key`, held for the caller; it may be another one's by now."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        kept.file.hold()
        return kept.file

    def drop(self, key: str) -> None:
        """Keep the body of `key` no longer."""
        kept = self._kept.pop(key, None)
        if kept is not None:
            kept.file.let_go()

    def drop_expired(self) -> None:
        """Keep nothing that is not valid any more."""
        while self._kept:
            key, kept = next(iter(self._kept.items()))
            if self._is_valid(kept):
                return
            self.drop(key)

    def clear(self) -> None:
        """Keep nothing."""
        for key in tuple(self._kept):
            self.drop(key)

    def _is_valid(self, kept: Kept) -> bool:
        return 0 <= self._clock() - kept.checked_at < self._valid_seconds
