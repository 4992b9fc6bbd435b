"""Threads of a store's own, so that a hanging disk takes down nothing else."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from cache.disk.body import BodyFile
from cache.disk.errors import BodyBroken, DiskUnavailable

T = TypeVar("T")


class Threads:
    """A few threads that make blocking calls."""

    def __init__(self, name: str, threads: int) -> None:
        """One thread runs its calls in the order in which they were given."""
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._is_closed = False

    async def run(self, call: Callable[[], T]) -> T:
        """What `call` returns or raises; it is made even if the caller is cancelled."""
        return await asyncio.shield(asyncio.wrap_future(self._submit(call)))

    async def use(self, file: BodyFile, call: Callable[[], T]) -> T:
        """The same, and then `file` is let go once, whatever happens; OSError becomes `BodyBroken`."""
        try:
            future = self._submit(call)
        except DiskUnavailable:
            file.let_go()
            raise
        future.add_done_callback(lambda _: file.let_go())
        try:
            return await asyncio.shield(asyncio.wrap_future(future))
        except OSError as error:
            raise BodyBroken("unreadable") from error

    def close_descriptor(self, descriptor: int) -> None:
        """Close it here: giving back the blocks of a large removed file takes its time."""
        if self._is_closed:
            os.close(descriptor)
        else:
            self._executor.submit(os.close, descriptor)

    def close(self) -> None:
        """Take no more calls; those that were given are made."""
        self._is_closed = True
        self._executor.shutdown(wait=False)

    def _submit(self, call: Callable[[], T]) -> Future[T]:
        if self._is_closed:
            raise DiskUnavailable("the store is closed")
        return self._executor.submit(call)
