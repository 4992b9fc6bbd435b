"""The words for what a disk store did, which double as metric labels, and who is told them."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class DiskEvent(StrEnum):
    """Things worth counting beside look-ups and sizes."""

    FULL = "full"  # a body was not kept for want of room
    TOO_LARGE = "too_large"  # a body was not kept because it is larger than one may be
    DAMAGED = "damaged"  # bytes were missing or not those that were written; they were dropped
    SWEPT = "swept"  # what a dead process or a crash of the machine left was removed
    INDEX_RESET = "index_reset"  # the index was unreadable: it was moved aside and a new one begun
    TROUBLE = "trouble"  # the index could not be used: locked for too long, or an input/output error


class DiskRecorder(Protocol):
    """Told what happens, as it happens, on the loop's thread. Its methods are quick and never raise."""

    def looked_up(self, *, is_hit: bool) -> None:
        """Somebody asked for a body."""
        ...

    def stored(self, size_bytes: int) -> None:
        """A body, or more of one, became visible: `size_bytes` were added."""
        ...

    def evicted(self, bodies: int, size_bytes: int) -> None:
        """Bodies were pushed out to make room."""
        ...

    def resized(self, bodies: int, size_bytes: int, reserved_bytes: int) -> None:
        """The whole directory now holds this much; `reserved_bytes` more are promised to fills."""
        ...

    def happened(self, event: DiskEvent) -> None:
        """Something countable happened."""
        ...


class NullDiskRecorder:
    """Records nothing."""

    def looked_up(self, *, is_hit: bool) -> None:
        """Nothing."""

    def stored(self, size_bytes: int) -> None:
        """Nothing."""

    def evicted(self, bodies: int, size_bytes: int) -> None:
        """Nothing."""

    def resized(self, bodies: int, size_bytes: int, reserved_bytes: int) -> None:
        """Nothing."""

    def happened(self, event: DiskEvent) -> None:
        """Nothing."""
