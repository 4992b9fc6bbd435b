"""Work that goes on when whoever began it is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


class Tasks:
    """The tasks of one store."""

    def __init__(self) -> None:
        """None yet."""
        self._running: set[asyncio.Task[object]] = set()

    def spawn(self, work: Coroutine[object, None, T]) -> asyncio.Task[T]:
        """Begin `work`."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def finish(self, work: Coroutine[object, None, T]) -> T:
        """What `work` gives; it comes to its end even if the caller is cancelled."""
        return await asyncio.shield(self.spawn(work))

    async def drain(self) -> None:
        """Wait until nothing runs any more."""
        while self._running:
            await asyncio.wait(self._running)
