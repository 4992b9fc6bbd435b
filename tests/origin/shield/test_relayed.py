"""Another node's pull, as a response."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest

from cache.fleet.relay import Followed, RelayBroken
from origin.http.fields import combined
from origin.httpcache.stored import StoredResponse
from origin.shield.asked import Asked
from origin.shield.relayed import Relayed, rest_of
from origin.shield.sharing import Run
from origin.upstream.origin_server import Incoming, Trouble, UpstreamError
from tests.scripted_origin import ScriptedOrigin

WHOLE = Run(100)
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


DATA = bytes(range(100))
ASKED = Asked("GET", "/vod/a", "/a", (("X-Own", "1"),))


async def rest(origin: ScriptedOrigin, received: int, run: Run = WHOLE, etag: str = '"a"') -> bytes | None:
    stored = StoredResponse(200, (("ETag", etag),), 1.0, 2.0, (), ())
    incoming = await rest_of(origin, ASKED, stored, run, received)
    if incoming is None:
        assert origin.open_now == 0
        return None
    body = b"".join([chunk async for chunk in incoming.chunks()])
    await incoming.close()
    return body


@pytest.mark.parametrize(
    ("run", "received", "expected"),
    [(WHOLE, 10, DATA[10:]), (Run(100, 20, 60), 5, DATA[25:60]), (Run(None), 99, DATA[99:])],
)
async def test_the_rest_is_taken_up_where_the_other_node_left_off(run: Run, received: int, expected: bytes) -> None:
    origin = ScriptedOrigin()
    origin.put("/a", DATA, ("ETag", '"a"'))
    assert await rest(origin, received, run) == expected
    (request,) = origin.asked
    assert combined(request.fields, "If-Range") == '"a"'
    assert combined(request.fields, "X-Own") == "1"


@pytest.mark.parametrize("etag", ['W/"a"', '"b"'])
async def test_another_version_has_no_rest(etag: str) -> None:
    origin = ScriptedOrigin()
    origin.put("/a", DATA, ("ETag", '"a"'))
    assert await rest(origin, 10, etag=etag) is None


async def test_a_body_goes_on_from_the_upstream() -> None:
    origin = ScriptedOrigin()
    origin.put("/a", DATA, ("ETag", '"a"'))
    onward = partial(rest_of, origin, ASKED, STORED, Run(None))
    relayed = Relayed(Body(DATA[:7], breaks=True), STORED, 200, onward)
    assert b"".join([chunk async for chunk in relayed.chunks()]) == DATA
    assert origin.open_now == 0
