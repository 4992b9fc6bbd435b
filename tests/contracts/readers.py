"""A reader whose every open and release a test can see and hold up."""

from __future__ import annotations

import asyncio

from origin.http.spans import ByteSpan
from origin.storage.memory import MemoryStore
from origin.storage.store import ObjectInfo, StoredObject, StoreUnavailable


class Gate:
    """A reader over a memory store whose opens wait for `may_open`, and which counts what is open."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.may_open = asyncio.Event()
        self.may_open.set()
        self.opens = 0
        self.open_now = 0
        self.is_away = False
        self.is_closed = False

    async def open(self, path: str) -> StoredObject | None:
        self.opens += 1
        found = await self.store.open(path)
        await self.may_open.wait()
        if self.is_away:
            raise StoreUnavailable("away")
        if found is None:
            return None
        self.open_now += 1
        return Counted(found, self)

    async def probe(self) -> None:
        if self.is_away:
            raise StoreUnavailable("away")

    async def close(self) -> None:
        self.is_closed = True


class Counted:
    """An object that must be released exactly once."""

    def __init__(self, inner: StoredObject, gate: Gate) -> None:
        self._inner = inner
        self._gate = gate
        self._is_released = False

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
        return await self._inner.read(span)

    def release(self) -> None:
        assert not self._is_released, "released twice"
        self._is_released = True
        self._gate.open_now -= 1
        self._inner.release()
