"""Every fetch is told once, with how it went; and nothing else changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from origin.upstream.http_origin import HttpOrigin
from origin.upstream.observed import Fetched, ObservedOrigin, Result
from origin.upstream.origin_server import Outgoing, Trouble, UpstreamError
from tests.clock import Clock
from tests.contracts.origin_server import OriginServerContract, Stage, whole
from tests.liar import End, Liar, response
from tests.origin.upstream.test_http_origin import Shelf, settings_for

GET = Outgoing("GET", "/a")


class Told:
    """An observed origin in front of a liar, and what it told."""

    def __init__(self, liar: Liar, clock: Clock) -> None:
        self.fetches: list[Fetched] = []
        self.origin = ObservedOrigin(HttpOrigin(settings_for(liar.url)), self.fetches.append, clock=clock)

    def only(self) -> Fetched:
        assert len(self.fetches) == 1
        return self.fetches[0]


@pytest.fixture
async def liar() -> AsyncIterator[Liar]:
    async with Liar() as server:
        yield server


@pytest.fixture
async def told(liar: Liar, clock: Clock) -> AsyncIterator[Told]:
    found = Told(liar, clock)
    try:
        yield found
    finally:
        await found.origin.close()


class TestObservedOrigin(OriginServerContract):
    """Observed or not, it owes the same."""

    @pytest.fixture
    async def stage(self, liar: Liar, told: Told) -> Stage:
        shelf = Shelf(liar)
        return Stage(told.origin, shelf.put, shelf.cut, shelf.hold, lambda: liar.held, liar.stop)


async def test_a_whole_body(liar: Liar, told: Told, clock: Clock) -> None:
    liar.says(response(b"hello", status="404 No"))
    incoming = await told.origin.fetch(GET)
    clock.advance(2)
    assert await whole(incoming) == b"hello"
    for _ in range(2):
        await incoming.close()
    assert told.only() == Fetched("GET", Result.OK, 404, 0, 2, 5)


async def test_no_answer(liar: Liar, told: Told) -> None:
    liar.says(End.RESET)
    with pytest.raises(UpstreamError):
        await told.origin.fetch(GET)
    assert told.only() == Fetched("GET", Trouble.UNREACHABLE, None, 0, 0, 0)


async def test_half_a_body(liar: Liar, told: Told) -> None:
    liar.says(response(b"hel", length=5), 0.05, End.CLOSE)
    incoming = await told.origin.fetch(GET)
    with pytest.raises(UpstreamError):
        await whole(incoming)
    await incoming.close()
    assert told.only() == Fetched("GET", Trouble.TRUNCATED, 200, 0, 0, 3)


@pytest.mark.parametrize("pieces", [0, 1])
async def test_a_body_that_is_let_go(liar: Liar, told: Told, pieces: int) -> None:
    liar.says(response(b"hel", length=5), End.HOLD)
    incoming = await told.origin.fetch(GET)
    chunks = incoming.chunks()
    for _ in range(pieces):
        assert await anext(chunks) == b"hel"
    await incoming.close()
    assert told.only() == Fetched("GET", Result.LEFT, 200, 0, 0, 3 * pieces)


async def test_nothing_to_read_is_read(liar: Liar, told: Told) -> None:
    liar.says(response(length=5))
    incoming = await told.origin.fetch(Outgoing("HEAD", "/a"))
    await incoming.close()
    assert told.only() == Fetched("HEAD", Result.OK, 200, 0, 0, 0)


async def test_who_goes_away(liar: Liar, told: Told) -> None:
    liar.says(End.HOLD)
    await _leave(liar, asyncio.create_task(told.origin.fetch(GET)))
    assert told.only().result is Result.CANCELLED
    told.fetches.clear()
    liar.says(response(b"hel", length=5), End.HOLD)
    incoming = await told.origin.fetch(GET)
    chunks = incoming.chunks()
    assert await anext(chunks) == b"hel"
    await _leave(liar, asyncio.create_task(_next(chunks)))
    await incoming.close()
    assert told.only() == Fetched("GET", Result.CANCELLED, 200, 0, 0, 3)


async def _next(chunks: AsyncIterator[bytes]) -> bytes:
    return await anext(chunks)


async def _leave(liar: Liar, task: asyncio.Task[object]) -> None:
    """Cancel what waits for a silent liar."""
    await asyncio.sleep(0)  # it has begun
    while not liar.held:
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    while liar.held:
        await asyncio.sleep(0.001)


async def test_an_error_of_another_kind_is_told_too(clock: Clock) -> None:
    class Broken:
        async def fetch(self, request: Outgoing) -> None:
            raise RuntimeError(request.method)

    fetches: list[Fetched] = []
    origin = ObservedOrigin(Broken(), fetches.append, clock=clock)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError):
        await origin.fetch(GET)
    assert [each.result for each in fetches] == [Result.FAILED]


async def test_a_probe_is_told_to_nobody(liar: Liar, told: Told) -> None:
    liar.says(response())
    await told.origin.probe()
    assert told.fetches == []
