"""A reader that tells how long another one takes and how it fares.

Wrap it directly around a backend: what a cache in front answers by itself is no work of the storage.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TypeVar

from origin.http.spans import ByteSpan
from origin.storage.store import ObjectChanged, ObjectInfo, Reader, StoredObject

T = TypeVar("T")


class Operation(StrEnum):
    """What a store was asked to do. The values double as metric labels."""

    OPEN = "open"
    READ = "read"


class Result(StrEnum):
    """How it went. The values double as metric labels."""

    OK = "ok"
    ABSENT = "absent"
    CHANGED = "changed"
    CANCELLED = "cancelled"  # the caller went away
    FAILED = "failed"


Observe = Callable[[Operation, Result, float], None]  # the last one: seconds


class ObservedReader:
    """A `Reader` around another that reports every open, and every read of what was opened, to `observe`.

    Bytes that a sender takes from the descriptor itself are not seen here.
    """

    def __init__(self, inner: Reader, observe: Observe, *, clock: Callable[[], float]) -> None:
        """`clock` gives monotonic seconds."""
        self._inner = inner
        self._observe = observe
        self._clock = clock

    async def open(self, path: str) -> StoredObject | None:
        """Open through the reader behind."""
        found = await self.watch(Operation.OPEN, self._inner.open(path))
        return None if found is None else _ObservedObject(found, self)

    async def probe(self) -> None:
        """Probe the reader behind, unobserved."""
        await self._inner.probe()

    async def close(self) -> None:
        """Close the reader behind."""
        await self._inner.close()

    async def watch(self, operation: Operation, work: Awaitable[T]) -> T:
        """What `work` gives or raises, reported."""
        started = self._clock()
        result = Result.FAILED
        try:
            value = await work
            result = Result.ABSENT if value is None else Result.OK
        except ObjectChanged:
            result = Result.CHANGED
            raise
        except asyncio.CancelledError:
            result = Result.CANCELLED
            raise
        finally:
            self._observe(operation, result, self._clock() - started)
        return value


class _ObservedObject:
    """A `StoredObject` whose reads are reported."""

    __slots__ = ("_inner", "_reader")

    def __init__(self, inner: StoredObject, reader: ObservedReader) -> None:
        self._inner = inner
        self._reader = reader

    @property
    def info(self) -> ObjectInfo:
        return self._inner.info

    @property
    def size(self) -> int:
        return self._inner.size

    def fileno(self) -> int | None:
        return self._inner.fileno()

    def is_unchanged(self) -> bool:
        return self._inner.is_unchanged()

    async def read(self, span: ByteSpan) -> bytes:
        return await self._reader.watch(Operation.READ, self._inner.read(span))

    def release(self) -> None:
        self._inner.release()
