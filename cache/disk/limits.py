"""How much a disk store may take."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class DiskLimits:
    """The bounds of one directory; all processes that share it should be given the same."""

    max_bytes: int  # all bodies and what is reserved for bodies that are being filled
    max_object_bytes: int = 1 << 62  # what is kept of one body
    block_bytes: int = MIB  # how much one checksum covers at most
    min_free_bytes: int = 0  # left free on the file system, for others
    max_open: int = 1024  # descriptors kept open for hot bodies
    memory_fill_bytes: int = 64 * MIB  # bodies that are served but not kept while the disk is full
    valid_seconds: float = 1.0  # how long a look into the index is believed
