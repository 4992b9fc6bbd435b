"""How bodies come onto the shelf: whole or in part, to all who follow them, and without a trace when they break."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine

from cache.disk.errors import DiskError
from origin.httpcache.combining import as_complete, may_combine
from origin.httpcache.stored import StoredResponse
from origin.shield.asked import Asked
from origin.shield.recorder import Event, Recorder
from origin.shield.sharing import Run
from origin.shield.shelf import Arriving, Kept, Shelf
from origin.shield.wish import Wish
from origin.upstream.origin_server import Incoming, Trouble, UpstreamError

_log = logging.getLogger(__name__)


class Intake:
    """The bodies that are on their way to the shelf, for one mount."""

    def __init__(self, shelf: Shelf, recorder: Recorder, largest: int) -> None:
        """Of one response at most `largest` bytes are taken."""
        self._shelf = shelf
        self._recorder = recorder
        self._largest = largest
        self._tasks: set[asyncio.Task[None]] = set()

    def fits(self, run: Run) -> bool:
        """Whether so much is taken."""
        return run.size is None or run.size <= self._largest

    def take(self, arriving: Arriving, incoming: Incoming) -> None:
        """Fill what was placed, to the end; `incoming` is closed then."""
        self.own(self._pump(arriving, incoming))

    async def close(self) -> None:
        """End everything; what had not arrived is not kept."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def place(self, asked: Asked, wish: Wish, stored: StoredResponse, run: Run, *, is_part: bool) -> Arriving:
        """Begin a response on the shelf, or a further run of the one that `wish` is about.

        Raises `DiskError`, and `UpstreamError` for a part of another version.
        """
        if not is_part:
            return await self._shelf.begin(asked, stored, run.length)
        stop = run.start if run.stop is None else run.stop
        if wish.stored is None:
            whole = stored if run.length is None else as_complete(stored, run.length)
            return await self._shelf.begin(asked, whole, run.length, run.start, stop)
        kept_one = await self._shelf.at(wish.key)
        try:
            is_of_it = isinstance(kept_one, Kept) and _is_of(kept_one.stored, stored)
            if not isinstance(kept_one, Kept) or not is_of_it or kept_one.held.length != run.length:
                raise self.broken(Trouble.CHANGED, "a range of another version")
            return await self._shelf.extend(kept_one, run.start, stop)
        finally:
            if isinstance(kept_one, Kept):
                kept_one.release()

    async def _pump(self, arriving: Arriving, incoming: Incoming) -> None:
        """From the upstream to the shelf, to the end; what breaks is not kept, and its followers see that it broke."""
        position, fill = arriving.start, arriving.fill
        is_whole = False
        try:
            async for chunk in incoming.chunks():
                await self._write(arriving, position, chunk)
                position += len(chunk)
            is_whole = True
            length = position if fill.length is None else None
            if self._shelf.is_wanted(arriving):
                await fill.commit(length=length)
                await self._shelf.settle(arriving)
            else:
                await fill.finish(length=length)
        except UpstreamError as error:
            # Its text alone: whoever keeps the record would keep the body's file open with the error.
            _log.warning("a body from upstream broke and is not kept: %s", str(error))
        except DiskError:
            self._recorder.happened(Event.NOT_KEPT)
        finally:
            # Nobody new is to find what broke.
            arriving.is_broken = not is_whole
            self._shelf.arrived(arriving)
            try:
                if not is_whole:
                    await asyncio.shield(fill.abandon())
            finally:
                await incoming.close()

    async def _write(self, arriving: Arriving, position: int, chunk: bytes) -> None:
        if position + len(chunk) - arriving.start > self._largest:
            raise self.broken(Trouble.TOO_LARGE, "more than is kept")
        try:
            await arriving.fill.write(position, chunk)
        except ValueError:
            raise self.broken(Trouble.OVERLONG, "more than the representation has") from None

    def broken(self, trouble: Trouble, detail: str) -> UpstreamError:
        """An error that was not seen before the response came here."""
        self._recorder.broke(trouble)
        return UpstreamError(trouble, detail)

    def own(self, work: Coroutine[None, None, None]) -> None:
        """Run `work` in a task that ends with this."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _is_of(known: StoredResponse, part: StoredResponse) -> bool:
    """Whether a part may be joined to what is known (RFC 9111 §3.4)."""
    if part.status == 206:
        return may_combine(known, part.status, part.fields)
    return known.etag is not None and not known.etag.weak and known.etag == part.etag
