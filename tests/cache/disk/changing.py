"""Indexes for tests that need no loop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cache.disk.body import create_body
from cache.disk.changes import Changes, Place
from cache.disk.index import Index
from cache.disk.limits import DiskLimits
from cache.disk.rows import Change, Piece, Row
from cache.disk.schema import Link

BLOCK = 4096
LIMITS = DiskLimits(max_bytes=10 * BLOCK)


@contextmanager
def writing(directory: Path, limits: DiskLimits = LIMITS, *, owner: str = "me", boot: str = "now") -> Iterator[Changes]:
    """A writer of the index in `directory`."""
    link = Link(directory)
    yield Changes(link, Place(directory, owner, boot, limits))
    link.close()


@contextmanager
def asking(directory: Path) -> Iterator[Index]:
    """A reader of the index in `directory`."""
    link = Link(directory)
    yield Index(link)
    link.close()


def change(key: str, size: int = BLOCK, start: int = 0) -> Change:
    """What a commit of `size` bytes from `start` on says."""
    pieces = (Piece(start, start + size, 1),) if size else ()
    return Change(key, b"head of " + key.encode(), size, ("t",), pieces, 5.0)


def add(changes: Changes, directory: Path, key: str, size: int = BLOCK) -> Row:
    """A new body of `size` bytes, with an empty file."""
    fill_id = changes.reserve(size)
    assert fill_id is not None
    create_body(directory, fill_id, lambda _: None)
    row = changes.commit(fill_id, change(key, size))
    assert row is not None
    return row
