"""Make a folder whole or not at all: work beside its place, move it there at the end, leave nothing."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def beside(folder: Path) -> Path:
    """A new name next to `folder`, on the same file system, hidden from every store."""
    return folder.parent / f".{folder.name}-{secrets.token_hex(6)}"


def put_in_place(workshop: Path, folder: Path) -> None:
    """Let `workshop` become `folder`; what was there before goes."""
    replaced = beside(folder)
    with suppress(FileNotFoundError):
        folder.rename(replaced)
    workshop.rename(folder)
    remove(replaced)


def remove(folder: Path) -> None:
    """Remove `folder` and all in it, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking `work` in a thread; cancelled or not, this ends only when the work has.

    So whoever cleans up afterwards never works against a thread that still writes.
    """
    running = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([running])
        running.exception()
        raise
