"""A response that another node of the fleet pulls, as if it came from an upstream."""

from __future__ import annotations

from collections.abc import AsyncIterator

from cache.fleet.relay import Followed, RelayBroken
from origin.http.fields import Fields
from origin.httpcache.stored import StoredResponse
from origin.upstream.origin_server import Trouble, UpstreamError


class Relayed:
    """An `Incoming`."""

    def __init__(self, followed: Followed, stored: StoredResponse, status: int) -> None:
        """`status` is what the upstream said to the node that pulls."""
        self._followed = followed
        self._stored = stored
        self.status = status
        self.length = followed.length

    @property
    def fields(self) -> Fields:
        """See `Incoming`; those of the connection are gone."""
        return self._stored.fields

    async def chunks(self) -> AsyncIterator[bytes]:
        """See `Incoming`."""
        try:
            async for chunk in self._followed.chunks():
                yield chunk
        except RelayBroken as error:
            raise UpstreamError(Trouble.TRUNCATED, str(error)) from error

    async def close(self) -> None:
        """See `Incoming`: the body is let go by whoever iterates over it."""
