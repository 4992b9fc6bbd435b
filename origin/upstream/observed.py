"""An origin server that tells how another one fares: each fetch once, when it is over.

Wrap it directly around a backend: what a cache in front answers by itself is no work of the upstream.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum

from origin.http.fields import Fields
from origin.upstream.origin_server import Incoming, OriginServer, Outgoing, Trouble, UpstreamError


class Result(StrEnum):
    """How a fetch went, where nothing was wrong with the upstream. The values double as metric labels."""

    OK = "ok"  # the whole body was read
    LEFT = "left"  # let go before its end
    CANCELLED = "cancelled"  # the caller went away
    FAILED = "failed"  # an error that is none of the upstream's


@dataclass(frozen=True, slots=True)
class Fetched:
    """One fetch that is over."""

    method: str
    result: Result | Trouble
    status: int | None  # None: there was no answer
    first_byte_seconds: float  # until the header block was there, or was given up
    seconds: float  # until it was over
    body_bytes: int


Observe = Callable[[Fetched], None]


class ObservedOrigin:
    """An `OriginServer` around another that reports every fetch to `observe`; a probe is reported to nobody."""

    def __init__(self, inner: OriginServer, observe: Observe, *, clock: Callable[[], float]) -> None:
        """`clock` gives monotonic seconds."""
        self._inner = inner
        self._observe = observe
        self._clock = clock

    async def fetch(self, request: Outgoing) -> Incoming:
        """Fetch from the server behind."""
        began = self._clock()
        try:
            incoming = await self._inner.fetch(request)
        except BaseException as error:
            seconds = self._clock() - began
            self._observe(Fetched(request.method, _result(error), None, seconds, seconds, 0))
            raise
        return _ObservedIncoming(incoming, request.method, began, self._clock, self._observe)

    async def probe(self) -> None:
        """Probe the server behind, unobserved."""
        await self._inner.probe()

    async def close(self) -> None:
        """Close the server behind."""
        await self._inner.close()


class _ObservedIncoming:
    """An `Incoming` whose end is reported, once."""

    __slots__ = (
        "_began",
        "_body_bytes",
        "_clock",
        "_first_byte_seconds",
        "_inner",
        "_is_reported",
        "_method",
        "_observe",
    )

    def __init__(
        self, inner: Incoming, method: str, began: float, clock: Callable[[], float], observe: Observe
    ) -> None:
        self._inner = inner
        self._method = method
        self._began = began
        self._clock = clock
        self._observe = observe
        self._first_byte_seconds = clock() - began
        self._body_bytes = 0
        self._is_reported = False

    @property
    def status(self) -> int:
        return self._inner.status

    @property
    def fields(self) -> Fields:
        return self._inner.fields

    @property
    def length(self) -> int | None:
        return self._inner.length

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._inner.chunks():
                self._body_bytes += len(piece)
                yield piece
        except BaseException as error:
            self._report(_result(error))
            raise
        self._report(Result.OK)

    async def close(self) -> None:
        self._report(Result.OK if self._body_bytes == self.length else Result.LEFT)
        await self._inner.close()

    def _report(self, result: Result | Trouble) -> None:
        if self._is_reported:
            return
        self._is_reported = True
        seconds = self._clock() - self._began
        self._observe(Fetched(self._method, result, self.status, self._first_byte_seconds, seconds, self._body_bytes))


def _result(error: BaseException) -> Result | Trouble:
    match error:
        case UpstreamError():
            return error.trouble
        case asyncio.CancelledError():
            return Result.CANCELLED
        case GeneratorExit():
            return Result.LEFT
        case _:
            return Result.FAILED
