from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest

from cache.errors import CacheClosed
from cache.flights import Flights


class Boom(Exception):  # noqa: N818
    pass


class Runway:
    """A load that lands when it is told to."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.starts = 0
        self.failure: Exception | None = None

    async def load(self) -> int:
        self.starts += 1
        number = self.starts
        await self.go.wait()
        if self.failure is not None:
            raise self.failure
        return number


async def steps(count: int = 5) -> None:
    """Let everything else go on that can."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
async def complaints() -> AsyncIterator[list[dict[str, object]]]:
    """What asyncio had to complain about, such as exceptions that nobody retrieved; must stay empty."""
    heard: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
    yield heard
    gc.collect()
    await steps()
    assert heard == []


@pytest.fixture
async def flights(complaints: list[dict[str, object]]) -> AsyncIterator[Flights[str, int]]:
    flights = Flights[str, int]()
    yield flights
    await flights.close()


async def test_one_load_for_all_who_wait(flights: Flights[str, int]) -> None:
    runway = Runway()
    callers = [asyncio.ensure_future(flights.join("a", runway.load)) for _ in range(10)]
    await steps()
    runway.go.set()
    results = await asyncio.gather(*callers)
    assert results == [(1, True)] + [(1, False)] * 9
    assert runway.starts == 1


async def test_keys_fly_apart(flights: Flights[str, int]) -> None:
    one, other = Runway(), Runway()
    other.go.set()
    waiting = asyncio.ensure_future(flights.join("a", one.load))
    assert await flights.join("b", other.load) == (1, True)
    one.go.set()
    assert await waiting == (1, True)


async def test_a_landed_flight_is_over(flights: Flights[str, int]) -> None:
    runway = Runway()
    runway.go.set()
    assert await flights.join("a", runway.load) == (1, True)
    assert await flights.join("a", runway.load) == (2, True)


async def test_an_exception_goes_to_all_and_is_not_remembered(flights: Flights[str, int]) -> None:
    runway = Runway()
    runway.failure = Boom()
    callers = [asyncio.ensure_future(flights.join("a", runway.load)) for _ in range(3)]
    await steps()
    runway.go.set()
    for outcome in await asyncio.gather(*callers, return_exceptions=True):
        assert outcome is runway.failure
    runway.failure = None
    assert await flights.join("a", runway.load) == (2, True)


@pytest.mark.parametrize("when", range(5))
@pytest.mark.parametrize("who", range(3))
async def test_cancelling_one_caller_cancels_no_other(flights: Flights[str, int], who: int, when: int) -> None:
    runway = Runway()
    callers = [asyncio.ensure_future(flights.join("a", runway.load)) for _ in range(3)]
    await steps(when)
    callers[who].cancel()
    await steps()
    runway.go.set()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert isinstance(results.pop(who), asyncio.CancelledError)
    assert [result[0] for result in results if not isinstance(result, BaseException)] == [1, 1]
    assert runway.starts == 1


@pytest.mark.parametrize("when", range(1, 5))
async def test_a_flight_lands_though_all_have_gone(flights: Flights[str, int], when: int) -> None:
    runway = Runway()
    callers = [asyncio.ensure_future(flights.join("a", runway.load)) for _ in range(2)]
    await steps(when)
    for caller in callers:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    late = asyncio.ensure_future(flights.join("a", runway.load))
    await steps()
    runway.go.set()
    assert await late == (1, False)


async def test_nobody_complains_of_an_exception_that_nobody_waited_for(flights: Flights[str, int]) -> None:
    runway = Runway()
    runway.failure = Boom()
    caller = asyncio.ensure_future(flights.join("a", runway.load))
    await steps()
    caller.cancel()
    runway.go.set()
    await steps()
    flights.launch("b", runway.load)
    await steps()
    assert runway.starts == 2


async def test_launch_starts_at_most_one(flights: Flights[str, int]) -> None:
    runway = Runway()
    assert flights.launch("a", runway.load)
    assert not flights.launch("a", runway.load)
    runway.go.set()
    assert await flights.join("a", runway.load) == (1, False)


async def test_close_ends_what_is_under_way(complaints: list[dict[str, object]]) -> None:
    flights = Flights[str, int]()
    runway = Runway()
    started = asyncio.ensure_future(flights.join("a", runway.load))
    await steps()
    not_started = asyncio.ensure_future(flights.join("b", runway.load))
    await asyncio.sleep(0)
    await flights.close()
    for waiting in (started, not_started):
        with pytest.raises(CacheClosed):
            await waiting
    with pytest.raises(CacheClosed):
        await flights.join("a", runway.load)
    assert not flights.launch("a", runway.load)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await flights.close()


async def test_close_waits_for_what_the_load_has_to_clean_up(complaints: list[dict[str, object]]) -> None:
    flights = Flights[str, int]()
    cleaned: list[bool] = []

    async def load() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            await steps(3)
            cleaned.append(True)
        return 0

    flights.launch("a", load)
    await steps()
    await flights.close()
    assert cleaned == [True]
