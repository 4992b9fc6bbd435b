"""Opened objects, kept open for a while so that hot ones need neither a thread nor the disk.

Every object has holders: the cache while it keeps it, each caller that waits for it, and each lease that was
handed out. The last one to let go releases it, so eviction never closes what a request still reads.

Objects are kept in the order in which they were checked and only for `valid_seconds`. A hit therefore changes
nothing, the oldest is always first, and a replaced or deleted file lets go of its disk space soon: the next
open of any other object, or the next probe, drops what has expired.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from origin.http.spans import ByteSpan
from origin.storage.store import ObjectInfo, Reader, StoredObject, StoreError


class DescriptorCache:
    """A `Reader` that keeps up to `max_open` objects of another reader open.

    An object that is overwritten in place is seen at once (one fstat), one that is replaced or deleted within
    `valid_seconds`. That nothing is there is never remembered. Objects in use count only while they are kept,
    so the process may hold up to `max_open` descriptors and those of evicted objects that are still being
    sent.
    """

    def __init__(
        self,
        inner: Reader,
        *,
        clock: Callable[[], float],
        max_open: int = 1024,
        valid_seconds: float = 1.0,
    ) -> None:
        """`clock` gives monotonic seconds."""
        self._inner = inner
        self._clock = clock
        self._max_open = max_open
        self._valid_seconds = valid_seconds
        self._kept: dict[str, _Shared] = {}  # oldest check first
        self._looking: dict[str, tuple[_Shared, asyncio.Task[None]]] = {}
        self._is_closed = False

    def peek(self, path: str) -> StoredObject | None:
        """The object at `path` if it is kept, valid and unchanged; None says nothing about the store.

        Never blocks. The caller releases what it gets, as after `open`.
        """
        shared = self._kept.get(path)
        if shared is None:
            return None
        if self._has_expired(shared) or not shared.is_unchanged():
            self._drop(path)
            return None
        return shared.lease()

    async def open(self, path: str) -> StoredObject | None:
        """Open the object at `path`; callers that ask for the same path at the same time share one look."""
        held = self.peek(path)
        if held is not None:
            return held
        is_joining = path in self._looking
        found = await self._look(path)
        if found is None and is_joining:
            # That look began before this call: a segment published in between must not be a 404.
            found = self.peek(path) or await self._look(path)
        return found

    async def probe(self) -> None:
        """Drop what has expired, then ask the reader behind."""
        self._drop_expired()
        await self._inner.probe()

    async def close(self) -> None:
        """Keep nothing any more, wait for looks under way, close the reader behind.

        Leases live until they are released; whether they can still be read is for the reader behind to say.
        """
        self._is_closed = True
        for path in tuple(self._kept):
            self._drop(path)
        await asyncio.gather(*(task for _, task in self._looking.values()), return_exceptions=True)
        await self._inner.close()

    async def _look(self, path: str) -> StoredObject | None:
        """Join the look at `path` that is under way, or begin one. It survives its callers' cancellation."""
        if path not in self._looking:
            started = _Shared(checked_at=self._clock())
            self._looking[path] = (started, asyncio.create_task(self._fill(path, started)))
        shared, task = self._looking[path]
        shared.hold()  # before the wait: an eviction right after the look must not close what is waited for
        try:
            await asyncio.shield(task)
            return shared.lease()
        finally:
            shared.let_go()

    async def _fill(self, path: str, shared: _Shared) -> None:
        try:
            shared.content = await self._inner.open(path)
        except StoreError as error:
            shared.failure = error  # for those who wait, if anybody still does
        finally:
            del self._looking[path]
        if shared.content is not None and not self._is_closed:
            self._keep(path, shared)
        shared.let_go()

    def _keep(self, path: str, shared: _Shared) -> None:
        self._drop_expired()
        self._drop(path)
        shared.hold()
        self._kept[path] = shared
        while len(self._kept) > self._max_open:
            self._drop(next(iter(self._kept)))

    def _drop(self, path: str) -> None:
        shared = self._kept.pop(path, None)
        if shared is not None:
            shared.let_go()

    def _drop_expired(self) -> None:
        while self._kept:
            path, shared = next(iter(self._kept.items()))
            if not self._has_expired(shared):
                return
            self._drop(path)

    def _has_expired(self, shared: _Shared) -> bool:
        return self._clock() - shared.checked_at >= self._valid_seconds


class _Shared:
    """One opened object, or the look for it, and how many hold on to it."""

    __slots__ = ("checked_at", "content", "failure", "holders")

    def __init__(self, *, checked_at: float) -> None:
        self.checked_at = checked_at  # when the look began: what was replaced since then may have been missed
        self.content: StoredObject | None = None
        self.failure: StoreError | None = None
        self.holders = 1  # who made it

    def hold(self) -> None:
        self.holders += 1

    def let_go(self) -> None:
        self.holders -= 1
        if self.holders == 0 and self.content is not None:
            self.content.release()

    def is_unchanged(self) -> bool:
        return self.content is not None and self.content.is_unchanged()

    def lease(self) -> _Lease | None:
        """The object for one more caller, or None when there is none; raises what the look for it met."""
        if self.failure is not None:
            raise self.failure
        return None if self.content is None else _Lease(self, self.content)


class _Lease:
    """One caller's hold on a shared object, as a `StoredObject`."""

    __slots__ = ("_content", "_is_released", "_shared")

    def __init__(self, shared: _Shared, content: StoredObject) -> None:
        shared.hold()
        self._shared = shared
        self._content = content
        self._is_released = False

    @property
    def info(self) -> ObjectInfo:
        return self._held().info

    @property
    def size(self) -> int:
        return self._held().size

    def fileno(self) -> int | None:
        return self._held().fileno()

    def is_unchanged(self) -> bool:
        return self._held().is_unchanged()

    async def read(self, span: ByteSpan) -> bytes:
        return await self._held().read(span)

    def release(self) -> None:
        if not self._is_released:
            self._is_released = True
            self._shared.let_go()

    def _held(self) -> StoredObject:
        if self._is_released:
            raise ValueError("the object was released")
        return self._content
