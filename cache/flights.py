"""One load per key, shared by all who wait for it.

A flight is a task of its own: it belongs to no caller, so a caller that is cancelled stops waiting and
nothing else, and a flight whose callers have all gone still lands and fills the cache. What it raises goes to
all who wait and is not remembered: the next caller starts anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from cache.errors import CacheClosed

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")


class Flights(Generic[K, R]):
    """The flights under way, by key."""

    def __init__(self) -> None:
        self._tasks: dict[K, asyncio.Task[R]] = {}
        self._is_closed = False

    def launch(self, key: K, load: Callable[[], Awaitable[R]]) -> bool:
        """Start a flight without waiting for it; False when one is under way or the flights are closed."""
        if self._is_closed or key in self._tasks:
            return False
        task = asyncio.get_running_loop().create_task(self._fly(key, load))
        task.add_done_callback(_mark_retrieved)
        self._tasks[key] = task
        return True

    async def join(self, key: K, load: Callable[[], Awaitable[R]]) -> tuple[R, bool]:
        """What the key's flight brings or raises, and whether this call started it.

        A flight must not join its own key. Raises `CacheClosed` when `close` came first.
        """
        is_started = self.launch(key, load)
        task = self._tasks.get(key)
        if task is None:
            raise CacheClosed
        # Unlike awaiting the task itself, this does not pass cancellation on to it.
        await asyncio.wait((task,))
        if task.cancelled():
            raise CacheClosed
        return task.result(), is_started

    async def close(self) -> None:
        """Cancel what is under way, wait until it has ended, and start nothing more."""
        self._is_closed = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()

    async def _fly(self, key: K, load: Callable[[], Awaitable[R]]) -> R:
        try:
            return await load()
        finally:
            # Here and not in a callback: no caller may join a flight that has already landed.
            self._tasks.pop(key, None)


def _mark_retrieved(task: asyncio.Task[R]) -> None:
    if not task.cancelled():
        task.exception()
