"""Another node's pull, as a response."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cache.fleet.relay import Followed, RelayBroken
from origin.httpcache.stored import StoredResponse
from origin.shield.relayed import Relayed
from origin.upstream.origin_server import Incoming, Trouble, UpstreamError

STORED = StoredResponse(200, (("ETag", '"a"'),), 1.0, 2.0, (), ())


class Body(Followed):
    """A body as another node passes it on, which may break."""

    def __init__(self, *pieces: bytes, breaks: bool = False) -> None:
        self.length = None if breaks else sum(map(len, pieces))
        self._pieces = pieces
        self._breaks = breaks

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        if self._breaks:
            raise RelayBroken("the holder gave up")


async def none(_received: int) -> Incoming | None:
    """Nobody has the rest."""
    return None


async def test_it_is_the_response_that_was_pulled_there() -> None:
    relayed = Relayed(Body(b"ab", b"c"), STORED, 200, none)
    assert (relayed.status, relayed.fields, relayed.length) == (200, STORED.fields, 3)
    assert [chunk async for chunk in relayed.chunks()] == [b"ab", b"c"]
    await relayed.close()


async def test_a_body_that_breaks_there_breaks_here() -> None:
    relayed = Relayed(Body(b"ab", breaks=True), STORED, 200, none)
    with pytest.raises(UpstreamError) as broken:
        [chunk async for chunk in relayed.chunks()]
    assert broken.value.trouble is Trouble.TRUNCATED
