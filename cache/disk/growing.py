"""A body while it grows: what is there of it, and those who wait for more."""

from __future__ import annotations

import asyncio
from bisect import bisect_right, insort
from collections import deque

from cache.disk.errors import BodyBroken
from cache.extents import Extents

# What is on disk stays in memory as well for those who follow closely, up to this much of a body.
TAIL_BYTES = 256 * 1024


class Growing:
    """Bytes that arrive, kept in memory until they are on disk and a little longer.

    Any number of readers wait for the next bytes; what arrives wakes them all at once, and they get the very
    object that arrived. Belongs to one loop.
    """

    def __init__(self, extents: Extents, length: int | None) -> None:
        """`extents` is there already, on disk."""
        self.extents = extents
        self.length = length
        self.is_ended = False
        self.broken: str | None = None
        self.memory_bytes = 0
        self._starts: list[int] = []  # of the chunks in memory, sorted
        self._chunks: dict[int, bytes] = {}
        self._saved: deque[int] = deque()  # starts of the chunks that are on disk too, oldest first
        self._saved_bytes = 0
        self._news = asyncio.Event()

    def add(self, start: int, data: bytes) -> None:
        """The bytes from `start` on have arrived; none of them was there."""
        self._chunks[start] = data
        insort(self._starts, start)
        self.memory_bytes += len(data)
        self.extents = self.extents.with_run(start, start + len(data))
        self._wake()

    def saved(self, start: int) -> None:
        """What was added at `start` is on disk: it may leave the memory."""
        self._saved.append(start)
        self._saved_bytes += len(self._chunks[start])
        while self._saved_bytes > TAIL_BYTES:
            self._forget_oldest()

    def reach(self, offset: int) -> int:
        """The end of the bytes that are there from `offset` on; `offset` itself when that one is not."""
        return self.extents.reach(offset)

    async def wait(self, offset: int) -> int:
        """`reach` as soon as the byte at `offset` is there, or `offset` when it never comes.

        Raises `BodyBroken` when the filling was given up, even if the byte was there: what has been sent of
        such a body is not to be finished.
        """
        while True:
            if self.broken is not None:
                raise BodyBroken(self.broken)
            reach = self.reach(offset)
            if reach > offset or self.is_ended or (self.length is not None and offset >= self.length):
                return reach
            await self._news.wait()

    def chunk(self, start: int, stop: int) -> bytes | None:
        """Bytes from `start` on, up to `stop` or fewer; None when they are not in memory."""
        data = self._chunks.get(start)
        if data is not None and start + len(data) <= stop:
            return data
        at = bisect_right(self._starts, start) - 1
        if at < 0:
            return None
        first = self._starts[at]
        part = self._chunks[first][start - first : stop - first]
        return part or None

    def next_chunk(self, start: int) -> int | None:
        """Where the first chunk in memory after `start` begins: everything up to there is on disk or nowhere."""
        at = bisect_right(self._starts, start)
        return self._starts[at] if at < len(self._starts) else None

    def end(self, length: int | None) -> None:
        """No more will arrive."""
        self.length = length
        self.is_ended = True
        while self._saved:
            self._forget_oldest()
        self._wake()

    def fail(self, reason: str) -> None:
        """No more will arrive, and what did is not to be trusted."""
        self.broken = reason
        self.is_ended = True
        self._wake()

    def _forget_oldest(self) -> None:
        start = self._saved.popleft()
        data = self._chunks.pop(start)
        del self._starts[bisect_right(self._starts, start) - 1]
        self._saved_bytes -= len(data)
        self.memory_bytes -= len(data)

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
