"""Blocking calls in threads of their own: bounded in number and in time, and no result gets lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from origin.storage.store import StoreUnavailable

T = TypeVar("T")


class BlockingCalls:
    """A few threads that make one store's blocking calls.

    A store has its own threads so that a hanging disk or network share takes down nothing but itself: not
    name resolution, which uses the loop's default threads, and no other mount.
    """

    def __init__(self, name: str, *, threads: int, timeout_seconds: float) -> None:
        """`timeout_seconds` covers waiting for a free thread as well as the call."""
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._timeout_seconds = timeout_seconds
        self._is_closed = False

    async def run(self, call: Callable[[], T], *, give_back: Callable[[T], None] | None = None) -> T:
        """What `call` returns or raises; `StoreUnavailable` when it takes too long.

        A thread cannot be stopped. When the caller is cancelled or has waited too long and the call succeeds
        later on, `give_back` gets the result that nobody waits for, in any thread.
        """
        if self._is_closed:
            raise StoreUnavailable("the store is closed")
        future = self._executor.submit(call)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                result = await asyncio.wrap_future(future)
        except BaseException as error:
            if give_back is not None:
                future.add_done_callback(partial(_give_back, give_back))
            if isinstance(error, TimeoutError):
                raise StoreUnavailable("the storage takes too long") from error
            raise
        return result

    def close(self) -> None:
        """Take no more calls. Waiting ones are dropped, running ones end by themselves; idempotent."""
        self._is_closed = True
        self._executor.shutdown(wait=False, cancel_futures=True)


def _give_back(give_back: Callable[[T], None], future: Future[T]) -> None:
    if not future.cancelled() and future.exception() is None:
        give_back(future.result())
