"""Which worker a process is, and where it meets the others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_MOST_SLOTS = 1024


class BadPlaceError(Exception):
    """What a worker was told of its place makes no sense."""


@dataclass(frozen=True, slots=True)
class WorkerPlace:
    """One worker's place among those of a supervisor."""

    directory: Path  # theirs, there already
    slot: int  # during a reload two processes have the same


def place_of(directory: str, slot: str) -> WorkerPlace | None:
    """The place that a supervisor's words name; None without a directory, as there are no other workers then.

    `BadPlaceError` for a directory that is not there or not absolute, and for what is no slot.
    """
    if not directory:
        return None
    path = Path(directory)
    if not path.is_absolute() or not path.is_dir():
        raise BadPlaceError("the workers' directory is not there")
    if not (slot.isascii() and slot.isdecimal() and len(slot) <= 4 and int(slot) < _MOST_SLOTS):
        raise BadPlaceError(f"a worker has a number below {_MOST_SLOTS}")
    return WorkerPlace(path, int(slot))
