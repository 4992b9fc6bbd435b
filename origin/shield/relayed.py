"""A response that another node of the fleet pulls, as if it came from an upstream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from cache.fleet.relay import Followed, RelayBroken
from origin.http.fields import Fields
from origin.httpcache.combining import may_combine, part_of
from origin.httpcache.passing import forwardable_request
from origin.httpcache.stored import StoredResponse
from origin.shield.asked import Asked
from origin.shield.sharing import Run
from origin.upstream.origin_server import Incoming, OriginServer, Outgoing, Trouble, UpstreamError

# The rest of the same body after so many bytes of it; None when it cannot be had. Raises `UpstreamError`.
Rest = Callable[[int], Awaitable[Incoming | None]]


class Relayed:
    """An `Incoming`."""

    def __init__(self, followed: Followed, stored: StoredResponse, status: int, rest: Rest) -> None:
        """`status` is what the upstream said to the node that pulls; `rest` is asked if that one dies or gives up."""
        self._followed = followed
        self._stored = stored
        self._rest = rest
        self.status = status
        self.length = followed.length

    @property
    def fields(self) -> Fields:
        """See `Incoming`; those of the connection are gone."""
        return self._stored.fields

    async def chunks(self) -> AsyncIterator[bytes]:
        """See `Incoming`."""
        received = 0
        try:
            async for chunk in self._followed.chunks():
                yield chunk
                received += len(chunk)
        except RelayBroken as error:
            if received == self.length:
                return
            rest = await self._rest(received)
            if rest is None:
                raise UpstreamError(Trouble.TRUNCATED, str(error)) from error
        else:
            return
        try:
            async for chunk in rest.chunks():
                yield chunk
        finally:
            await rest.close()

    async def close(self) -> None:
        """See `Incoming`: the body is let go by whoever iterates over it."""


async def rest_of(
    upstream: OriginServer, asked: Asked, stored: StoredResponse, run: Run, received: int
) -> Incoming | None:
    """What is missing of a run after so many bytes, from the upstream itself; None when it no longer has this version.

    Raises `UpstreamError`.
    """
    start, etag = run.start + received, stored.etag
    if etag is None or etag.weak:
        return None
    last = "" if run.size is None else run.start + run.size - 1
    wanted = (("Range", f"bytes={start}-{last}"), ("If-Range", str(etag)))
    incoming = await upstream.fetch(Outgoing("GET", asked.target, (*forwardable_request(asked.fields), *wanted)))
    part = part_of(incoming.status, incoming.fields)
    span = None if part is None else part.span
    if span is not None and span.start == start and may_combine(stored, incoming.status, incoming.fields):
        return incoming
    await incoming.close()
    return None
