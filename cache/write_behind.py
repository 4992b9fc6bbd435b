"""Writes to the second tier that nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from cache.key import CacheKey
from cache.outcome import Event, Recorder

Write = Callable[[], Awaitable[None]]


class WriteBehind:
    """Writes under way, at most `limit` keys at once. Writes to one key never overtake each other."""

    def __init__(self, limit: int, recorder: Recorder) -> None:
        self._limit = limit
        self._recorder = recorder
        self._tasks: dict[CacheKey, asyncio.Task[None]] = {}
        self._next: dict[CacheKey, Write] = {}  # the newest write of a key that is being written
        self._is_closed = False

    def submit(self, key: CacheKey, write: Write) -> None:
        """Begin `write` soon. It replaces one that still waits; over the limit it is dropped and counted."""
        if key in self._tasks:
            self._next[key] = write
        elif self._is_closed or len(self._tasks) >= self._limit:
            self._recorder.happened(Event.SHARED_WRITE_DROPPED)
        else:
            self._tasks[key] = asyncio.get_running_loop().create_task(self._write(key, write))

    async def settled(self, key: CacheKey) -> None:
        """Wait until no write to the key is under way."""
        task = self._tasks.get(key)
        if task is not None:
            await asyncio.wait((task,))

    async def close(self) -> None:
        """Wait for the writes under way and begin no more; the second tier bounds how long each may take."""
        self._is_closed = True
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _write(self, key: CacheKey, write: Write | None) -> None:
        try:
            while write is not None:
                await write()
                write = self._next.pop(key, None)
        finally:
            self._next.pop(key, None)
            del self._tasks[key]
