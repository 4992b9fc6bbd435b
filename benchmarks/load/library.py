"""The library of segments: few that everybody wants, and many that hardly anybody does."""

from __future__ import annotations

import os
from pathlib import Path

LIBRARY = "library"  # its folder
HOT, COLD = 20, 1_980
SIZES = (200_000, 1_000_000)  # every other one


def library_path(number: int) -> str:
    """Below the site's root."""
    return f"{LIBRARY}/{number:05d}.m4s"


def write_library(root: Path, total: int = HOT + COLD) -> None:
    """Write the segments; each has bytes of its own, so that no layer below can store them once."""
    (root / LIBRARY).mkdir()
    noise = os.urandom(max(SIZES) + total)
    for number in range(total):
        (root / library_path(number)).write_bytes(noise[number : number + SIZES[number % len(SIZES)]])


def evict_library(root: Path) -> None:
    """Have the kernel forget what it holds of the segments; they must have been written to the disk."""
    for file in (root / LIBRARY).iterdir():
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
