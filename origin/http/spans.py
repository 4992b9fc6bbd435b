"""A run of bytes inside one representation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ByteSpan:
    """`length` bytes from `start` (both in bytes, both ≥ 0)."""

    start: int
    length: int

    @property
    def stop(self) -> int:
        """First byte after the span."""
        return self.start + self.length
