"""What this process holds open, for tests that must see every descriptor closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path


def descriptors_below(directory: Path) -> list[Path]:
    """Where the open descriptors point that point below `directory`; deleted files count too."""
    found: list[Path] = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            where = entry.readlink()
        except FileNotFoundError:  # closed meanwhile, as the listing's own is
            continue
        if where.is_relative_to(directory):
            found.append(where)
    return found


async def eventually(is_true: Callable[[], bool]) -> None:
    """Wait for what another thread is about to do; the test's own time limit ends the wait."""
    while not is_true():
        await asyncio.sleep(0.001)
