"""One run of a file, sent from the callback that decided to send it, by a transport that takes files in its stride.

What the socket takes at once has left when `start` returns; the transport queues the rest, and whatever is written
later comes behind it. The end of the run is held back, as in `send`, until the file was seen unchanged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol, cast, runtime_checkable

from origin.http.reply import Content
from origin.http.spans import ByteSpan
from origin.serving.residency import is_resident
from origin.serving.send import HELD_BACK, WINDOW, Descriptor, abort, read_now
from origin.storage.store import ObjectChanged


@runtime_checkable
class SendsFiles(Protocol):
    """A transport that has `sendfile` of its own."""

    def sendfile(self, file: object, offset: int, count: int) -> asyncio.Future[None] | None:
        """Send a part of a file behind what was written before; None when all of it has left."""
        ...


class FileRun:
    """Takes `content` over, and gives it back when it is over."""

    __slots__ = ("_content", "_length", "_tail", "_tell", "_when_over", "span")

    def __init__(self, content: Content, span: ByteSpan, tail: bytes | bytearray) -> None:
        """`tail` is the end of the run. Use `of`."""
        self.span = span
        self._content = content
        self._tail = tail
        self._length = span.length - len(tail)
        self._tell: Callable[[int], None] | None = None
        self._when_over: Callable[[], None] | None = None

    @classmethod
    def of(cls, content: Content, span: ByteSpan) -> FileRun | None:
        """The run; None when it is too long for one look at the file, or a disk would have to be waited for."""
        descriptor = content.fileno()
        if descriptor is None or span.length > WINDOW or not is_resident(descriptor, span):
            return None
        held_back = min(HELD_BACK, span.length)
        tail = read_now(descriptor, ByteSpan(span.stop - held_back, held_back))
        return None if tail is None or not content.is_unchanged() else cls(content, span, tail)

    def when_sent(self, tell: Callable[[int], None]) -> None:
        """`tell` is called once, with the bytes that were handed over."""
        self._tell = tell

    def start(self, transport: asyncio.Transport, when_over: Callable[[], None]) -> bool:
        """Whether it is over already. Otherwise `when_over` is called, and nothing may be written before.

        The transport is one that `SendsFiles`.
        """
        descriptor = self._content.fileno()
        if descriptor is None:
            raise ValueError("a run is of a file")
        sends = cast("SendsFiles", transport)
        try:
            waiter = sends.sendfile(Descriptor(descriptor), self.span.start, self._length) if self._length else None
        except (OSError, RuntimeError) as error:
            # Its header block has left: whatever followed would be taken for the body.
            abort(transport, error)
            self._end(0)
            return True
        if waiter is None:
            self._finish(transport)
            return True
        self._when_over = when_over
        waiter.add_done_callback(partial(self._later, transport))
        return False

    def give_back(self) -> None:
        """It is not sent after all."""
        self._content.release()

    def _later(self, transport: asyncio.Transport, waiter: asyncio.Future[None]) -> None:
        if waiter.cancelled() or waiter.exception() is not None:
            abort(transport)
            self._end(0)
        else:
            self._finish(transport)
        if self._when_over is not None:
            self._when_over()

    def _finish(self, transport: asyncio.Transport) -> None:
        if self._content.is_unchanged():
            transport.write(self._tail)
            self._end(self.span.length)
        else:
            abort(transport, ObjectChanged("overwritten while it was sent"))
            self._end(self._length)

    def _end(self, sent_bytes: int) -> None:
        self._content.release()
        if self._tell is not None:
            self._tell(sent_bytes)
