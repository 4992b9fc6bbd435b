"""A body in memory that grows when a test says so."""

from __future__ import annotations

import asyncio


class BodyLost(Exception):  # noqa: N818
    """The body will not be whole."""


class Growth:
    """A `Growing`. `most` bounds what one read gives."""

    def __init__(self, length: int | None = None, most: int = 2**30) -> None:
        self.length = length
        self.waits = 0
        self._most = most
        self._data = bytearray()
        self._is_over = False
        self._failure: Exception | None = None
        self._news = asyncio.Event()

    def add(self, data: bytes) -> None:
        """More of it has come."""
        self._data += data
        self._stir()

    def end(self) -> None:
        """That was all."""
        self._is_over = True
        self._stir()

    def fail(self) -> None:
        """No more will come."""
        self._failure = BodyLost()
        self._stir()

    def reach(self, offset: int) -> int:
        return max(offset, len(self._data))

    async def wait(self, offset: int) -> int:
        self.waits += 1
        while self._failure is None and len(self._data) <= offset and not self._is_over:
            news = self._news
            await news.wait()
        if self._failure is not None:
            raise self._failure
        return self.reach(offset)

    async def read(self, start: int, stop: int) -> bytes:
        if self._failure is not None:
            raise self._failure
        return bytes(self._data[start : min(stop, start + self._most)])

    def _stir(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def whole(data: bytes, length: int | None = None) -> Growth:
    """A body that has come already."""
    body = Growth(length)
    body.add(data)
    body.end()
    return body
