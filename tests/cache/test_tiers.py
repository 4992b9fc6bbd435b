from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cache.entry import Entry, Lifetime, pack
from cache.errors import CacheClosed
from cache.fleet.leases import NoLeases
from cache.fleet.record import FleetEvent
from cache.freshness import Freshness, freshness
from cache.key import CacheKey
from cache.l1_memory import OVERHEAD_BYTES, MemoryTier
from cache.l2 import SecondTier
from cache.l2_memory import MemorySecondTier
from cache.l2_redis import RedisLimits, RedisSecondTier
from cache.outcome import Event, Outcome
from cache.tiers import Cache, Hit, Loaded, Policy
from tests.cache.fleet.nodes import PATIENT, Node, node_at
from tests.cache.sources import NoSuchThing, Source, SourceDown, Tally, TextCodec
from tests.clock import Clock
from tests.redis_server import RedisServer

KEY = CacheKey("manifest", "/live/a.m3u8")
OTHER = CacheKey("manifest", "/live/b.m3u8")
CODEC = TextCodec()
POLICY = Policy(source_trouble=(SourceDown,), cooldown_seconds=2, writes_in_flight=2)

# Of `Source`: fresh for 10 s, then 20 s stale while revalidating, 60 s stale on errors.
FRESH_END, REVALIDATE_END, ERROR_END = 10.0, 30.0, 70.0


def node(
    clock: Clock, second: SecondTier | None = None, tally: Tally | None = None, capacity: int = 2**20
) -> Cache[str]:
    return Cache(CODEC, MemoryTier(capacity), second, clock, POLICY, tally)


async def settle() -> None:
    """Let everything in the background come to its end."""
    while len(asyncio.all_tasks()) > 1:
        await asyncio.sleep(0)


def told(hit: Hit[str]) -> tuple[str, Outcome, float]:
    return hit.entry.value, hit.outcome, hit.age_seconds


class Hold:
    """Something to wait for that ends when `open` is called."""

    def __init__(self) -> None:
        self._gate = asyncio.Event()

    async def __call__(self) -> None:
        await self._gate.wait()

    def open(self) -> None:
        self._gate.set()


class GatedTier(MemorySecondTier):
    """A second tier whose reads and writes each wait at a gate."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.may_read, self.may_write = asyncio.Event(), asyncio.Event()
        self.reads = 0

    async def get(self, key: CacheKey) -> bytes | None:
        self.reads += 1
        await self.may_read.wait()
        return await super().get(key)

    async def set(self, key: CacheKey, value: bytes, ttl_seconds: float, fence: int | None = None) -> None:
        await self.may_write.wait()
        await super().set(key, value, ttl_seconds, fence)


@pytest.fixture
def source() -> Source:
    """A source that answers "one"."""
    return Source()


# One process alone


async def test_loads_once_and_remembers(clock: Clock, source: Source) -> None:
    tally = Tally()
    cache = node(clock, tally=tally)
    hit = await cache.get(KEY, source.load)
    assert told(hit) == ("one", Outcome.MISS, 0)
    assert hit.entry == Entry("one", clock.now, Lifetime(10, 20, 60), ("tag",))
    source.value = "two"
    clock.advance(FRESH_END - 1)
    assert told(await cache.get(KEY, source.load)) == ("one", Outcome.HIT, 9)
    assert source.calls == [None]
    assert tally.outcomes == [Outcome.MISS, Outcome.HIT]
    assert tally.sizes == [(1, OVERHEAD_BYTES + 3, 0)]


async def test_stale_is_served_while_one_refresh_runs_behind(clock: Clock, source: Source) -> None:
    cache = node(clock)
    await cache.get(KEY, source.load)
    source.value, hold = "two", Hold()
    source.wait = hold
    clock.advance(FRESH_END)
    for _ in range(5):
        assert told(await cache.get(KEY, source.load)) == ("one", Outcome.STALE, 10)
        await asyncio.sleep(0)
    assert len(source.calls) == 2
    hold.open()
    await settle()
    assert told(await cache.get(KEY, source.load)) == ("two", Outcome.HIT, 0)
    assert len(source.calls) == 2


async def test_who_comes_when_stale_ends_waits_for_the_refresh_under_way(clock: Clock, source: Source) -> None:
    cache = node(clock)
    await cache.get(KEY, source.load)
    source.value, hold = "two", Hold()
    source.wait = hold
    clock.advance(FRESH_END)
    assert (await cache.get(KEY, source.load)).outcome is Outcome.STALE
    await asyncio.sleep(0)  # the refresh begins
    clock.advance(REVALIDATE_END - FRESH_END)
    late = asyncio.ensure_future(cache.get(KEY, source.load))
    await asyncio.sleep(0)
    hold.open()
    assert told(await late) == ("two", Outcome.COLLAPSED, 20)
    assert len(source.calls) == 2


@pytest.mark.parametrize("age", [REVALIDATE_END, ERROR_END, ERROR_END + 1000])
@pytest.mark.parametrize(("value", "outcome"), [("one", Outcome.REVALIDATED), ("two", Outcome.MISS)])
async def test_past_stale_the_source_is_asked_with_what_is_held(
    clock: Clock, source: Source, age: float, value: str, outcome: Outcome
) -> None:
    cache = node(clock)
    first = await cache.get(KEY, source.load)
    source.value = value
    clock.advance(age)
    assert told(await cache.get(KEY, source.load)) == (value, outcome, 0)
    assert source.calls == [None, first.entry]
    assert (await cache.get(KEY, source.load)).outcome is Outcome.HIT


async def test_unchanged_means_nothing_where_nothing_was_held(clock: Clock) -> None:
    async def load(previous: Entry[str] | None) -> Loaded[str]:
        assert previous is None
        return Loaded("one", Lifetime(1), changed=False)

    assert (await node(clock).get(KEY, load)).outcome is Outcome.MISS


async def test_age_counts_from_when_the_source_was_asked(clock: Clock, source: Source) -> None:
    """It may have looked at the value at once and been slow to hand it over."""

    async def slow() -> None:
        clock.advance(4)

    source.wait = slow
    cache = node(clock)
    assert told(await cache.get(KEY, source.load)) == ("one", Outcome.MISS, 4)
    clock.advance(FRESH_END - 4)
    hit = cache.peek(KEY)
    assert hit is not None
    assert told(hit) == ("one", Outcome.STALE, FRESH_END)


async def test_a_clock_set_back_makes_nothing_live_longer(clock: Clock, source: Source) -> None:
    cache = node(clock)
    await cache.get(KEY, source.load)
    source.value = "two"
    clock.advance(-3600)
    assert told(await cache.get(KEY, source.load)) == ("two", Outcome.MISS, 0)
    assert told(await cache.get(KEY, source.load)) == ("two", Outcome.HIT, 0)


async def test_peek_answers_what_get_would_and_never_waits(clock: Clock, source: Source) -> None:
    tally = Tally()
    cache = node(clock, tally=tally)
    assert cache.peek(KEY) is None
    await cache.get(KEY, source.load)
    clock.advance(FRESH_END - 1)
    hit = cache.peek(KEY)
    assert hit is not None
    assert told(hit) == ("one", Outcome.HIT, 9)
    assert tally.outcomes == [Outcome.MISS]
    cache.took(KEY, hit, source.load)
    clock.advance(1)
    stale = cache.peek(KEY)
    assert stale is not None
    assert told(stale) == ("one", Outcome.STALE, 10)
    assert (tally.outcomes, len(source.calls)) == ([Outcome.MISS, Outcome.HIT], 1)
    cache.took(KEY, stale, source.load)
    await settle()
    assert (tally.outcomes[-1], len(source.calls)) == (Outcome.STALE, 2)
    clock.advance(3600)
    assert cache.peek(KEY) is None


async def test_what_is_too_large_to_keep_is_served_and_collapsed(clock: Clock, source: Source) -> None:
    tally = Tally()
    cache = node(clock, tally=tally, capacity=OVERHEAD_BYTES)
    hits = await asyncio.gather(*(cache.get(KEY, source.load) for _ in range(3)))
    assert [hit.outcome for hit in hits] == [Outcome.MISS, Outcome.COLLAPSED, Outcome.COLLAPSED]
    assert (await cache.get(KEY, source.load)).outcome is Outcome.MISS
    assert tally.events == {Event.NOT_KEPT: 2}


# A source that fails


@pytest.mark.parametrize("age", [FRESH_END, REVALIDATE_END, ERROR_END - 1])
async def test_source_trouble_serves_stale_as_long_as_allowed(clock: Clock, source: Source, age: float) -> None:
    tally = Tally()
    cache = node(clock, tally=tally)
    await cache.get(KEY, source.load)
    source.failure = SourceDown()
    clock.advance(age)
    await cache.get(KEY, source.load)
    await settle()
    assert told(await cache.get(KEY, source.load)) == ("one", Outcome.STALE_ERROR, age)
    assert tally.events == {Event.SOURCE_FAILED: 1}


async def test_source_trouble_with_nothing_to_serve_is_raised(clock: Clock, source: Source) -> None:
    cache = node(clock)
    source.failure = SourceDown()
    for _ in range(2):
        with pytest.raises(SourceDown):
            await cache.get(KEY, source.load)
    source.failure = None
    await cache.get(KEY, source.load)
    source.failure = SourceDown()
    clock.advance(ERROR_END)
    for _ in range(2):
        with pytest.raises(SourceDown):
            await cache.get(KEY, source.load)
    assert len(source.calls) == 5, "failures are not remembered"


@pytest.mark.parametrize("age", [FRESH_END, REVALIDATE_END])
async def test_a_failed_source_is_left_alone_for_a_moment(clock: Clock, source: Source, age: float) -> None:
    cache = node(clock)
    await cache.get(KEY, source.load)
    source.failure = SourceDown()
    clock.advance(age)
    await cache.get(KEY, source.load)
    await settle()
    for _ in range(10):
        assert (await cache.get(KEY, source.load)).outcome is Outcome.STALE_ERROR
        await settle()
    assert len(source.calls) == 2
    source.failure = None
    clock.advance(POLICY.cooldown_seconds)
    await cache.get(KEY, source.load)
    await settle()
    assert len(source.calls) == 3
    assert (await cache.get(KEY, source.load)).outcome is Outcome.HIT


async def test_the_sources_own_verdict_is_the_answer_and_ends_what_was_held(clock: Clock, source: Source) -> None:
    second = MemorySecondTier(clock)
    cache = node(clock, second)
    await cache.get(KEY, source.load)
    await settle()
    source.failure = NoSuchThing()
    clock.advance(FRESH_END)
    assert (await cache.get(KEY, source.load)).outcome is Outcome.STALE
    await settle()
    assert await second.get(KEY) is None
    with pytest.raises(NoSuchThing):
        await cache.get(KEY, source.load)
    assert len(source.calls) == 3
    assert source.calls[-1] is None


async def test_all_who_wait_learn_of_a_failure(clock: Clock, source: Source) -> None:
    cache = node(clock)
    source.failure = NoSuchThing()
    results = await asyncio.gather(*(cache.get(KEY, source.load) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [NoSuchThing] * 3
    assert len(source.calls) == 1


# Two processes and what they share


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.needs("redis-server"))])
async def second(request: pytest.FixtureRequest, clock: Clock) -> AsyncIterator[SecondTier]:
    """A second tier of either kind."""
    if request.param == "memory":
        tier: SecondTier = MemorySecondTier(clock)
    else:
        server: RedisServer = request.getfixturevalue("redis_server")
        tier = RedisSecondTier(server.url, limits=RedisLimits(budget_seconds=10))
    yield tier
    await tier.close()


async def test_cached_by_one_hit_by_the_other(clock: Clock, second: SecondTier, source: Source) -> None:
    here, there = node(clock, second), node(clock, second)
    first = await here.get(KEY, source.load)
    await here.close()
    clock.advance(4)
    assert told(await there.get(KEY, source.load)) == ("one", Outcome.HIT_SHARED, 4)
    assert told(await there.get(KEY, source.load)) == ("one", Outcome.HIT, 4)
    hit = there.peek(KEY)
    assert hit is not None
    assert hit.entry == first.entry
    assert len(source.calls) == 1


async def test_the_age_is_the_same_on_every_node(clock: Clock, second: SecondTier, source: Source) -> None:
    """Passing an entry on does not make it younger: every stage of its life ends everywhere at once."""
    await node_and_write(clock, second, source)
    source.value = "two"
    clock.advance(FRESH_END)
    there = node(clock, second)
    assert told(await there.get(KEY, source.load)) == ("one", Outcome.STALE, 10)
    await there.close()
    source.failure = SourceDown()
    clock.advance(ERROR_END - FRESH_END - 1)
    assert told(await node(clock, second).get(KEY, source.load)) == ("one", Outcome.STALE_ERROR, 69)
    clock.advance(1)
    with pytest.raises(SourceDown):
        await node(clock, second).get(KEY, source.load)


async def node_and_write(clock: Clock, second: SecondTier, source: Source) -> None:
    """Another node loads and shares what it has."""
    cache = node(clock, second)
    await cache.get(KEY, source.load)
    await settle()
    await cache.close()


async def test_a_refresh_takes_what_another_node_already_has(clock: Clock, source: Source) -> None:
    second = MemorySecondTier(clock)
    here, there = node(clock, second), node(clock, second)
    await here.get(KEY, source.load)
    source.value = "two"
    clock.advance(FRESH_END)
    await there.get(KEY, source.load)
    await settle()
    calls = len(source.calls)
    assert told(await here.get(KEY, source.load)) == ("one", Outcome.STALE, 10)
    await settle()
    assert told(await here.get(KEY, source.load)) == ("two", Outcome.HIT, 0)
    assert len(source.calls) == calls


async def test_a_stale_shared_entry_is_served_and_refreshed_behind(clock: Clock, source: Source) -> None:
    second = MemorySecondTier(clock)
    await node_and_write(clock, second, source)
    source.value = "two"
    clock.advance(FRESH_END)
    there = node(clock, second)
    hits = await asyncio.gather(*(there.get(KEY, source.load) for _ in range(3)))
    assert [told(hit) for hit in hits] == [("one", Outcome.STALE, 10)] * 3
    await settle()
    assert told(await there.get(KEY, source.load)) == ("two", Outcome.HIT, 0)
    assert len(source.calls) == 2


async def test_many_look_ups_ask_the_second_tier_once(clock: Clock, source: Source) -> None:
    second = GatedTier(clock)
    second.may_write.set()
    cache = node(clock, second)
    waiting = [asyncio.ensure_future(cache.get(KEY, source.load)) for _ in range(5)]
    await asyncio.sleep(0)
    second.may_read.set()
    hits = await asyncio.gather(*waiting)
    assert [hit.outcome for hit in hits] == [Outcome.MISS] + [Outcome.COLLAPSED] * 4
    assert second.reads == 1
    await cache.close()


@pytest.mark.parametrize("data", [b"", b"garbage", b"HGC\x02" + b"x" * 40])
async def test_what_cannot_be_read_is_a_miss_and_is_replaced(clock: Clock, source: Source, data: bytes) -> None:
    second, tally = MemorySecondTier(clock), Tally()
    await second.set(KEY, data or b"\0", 60)
    assert (await node(clock, second, tally).get(KEY, source.load)).outcome is Outcome.MISS
    await settle()
    assert tally.events == {Event.SHARED_UNREADABLE: 1}
    assert (await node(clock, second).get(KEY, source.load)).outcome is Outcome.HIT_SHARED


@pytest.mark.parametrize("skew", [-3600.0, 3600.0])
async def test_an_entry_of_a_node_with_a_wrong_clock_does_no_harm(clock: Clock, source: Source, skew: float) -> None:
    second = MemorySecondTier(clock)
    foreign = Entry("foreign", clock.now + skew, Lifetime(10, 20, 60))
    here = node(clock, second)
    await here.get(KEY, source.load)
    await settle()
    await second.set(KEY, pack(KEY, foreign, CODEC), 1e6)
    clock.advance(REVALIDATE_END)
    source.failure = SourceDown()
    assert told(await here.get(KEY, source.load)) == ("one", Outcome.STALE_ERROR, 30)
    source.failure = None
    assert told(await node(clock, second).get(KEY, source.load)) == ("one", Outcome.MISS, 0)


async def test_of_two_stale_entries_the_younger_is_served(clock: Clock, source: Source) -> None:
    second = MemorySecondTier(clock)
    here = node(clock, second)
    await here.get(KEY, source.load)
    clock.advance(5)
    source.value = "two"
    await second.delete(KEY)
    await node_and_write(clock, second, source)
    source.failure = SourceDown()
    clock.advance(REVALIDATE_END)
    assert told(await here.get(KEY, source.load)) == ("two", Outcome.STALE_ERROR, 30)


async def test_no_age_is_negative(clock: Clock, source: Source) -> None:
    second = MemorySecondTier(clock)
    await node_and_write(clock, second, source)
    clock.advance(-0.5)
    assert told(await node(clock, second).get(KEY, source.load)) == ("one", Outcome.HIT_SHARED, 0)


async def test_writing_delays_no_answer_and_is_bounded(clock: Clock, source: Source) -> None:
    second, tally = GatedTier(clock), Tally()
    second.may_read.set()
    cache = node(clock, second, tally)
    keys = [CacheKey("n", str(number)) for number in range(4)]
    for key in keys:
        assert (await cache.get(key, source.load)).outcome is Outcome.MISS
    assert tally.events == {Event.SHARED_WRITE_DROPPED: 4 - POLICY.writes_in_flight}
    second.may_write.set()
    await cache.close()
    assert [await second.get(key) is not None for key in keys] == [True, True, False, False]


async def test_what_is_already_over_is_not_written(clock: Clock, source: Source) -> None:
    async def slow() -> None:
        clock.advance(1000)

    second = MemorySecondTier(clock)
    source.wait = slow
    cache = node(clock, second)
    await cache.get(KEY, source.load)
    await cache.close()
    assert await second.get(KEY) is None


@pytest.mark.needs("redis-server")
async def test_redis_may_vanish_in_the_middle(clock: Clock, source: Source, redis_server: RedisServer) -> None:
    tier = RedisSecondTier(redis_server.url, limits=RedisLimits(budget_seconds=0.2, failures=2))
    here = node(clock, tier)
    await here.get(KEY, source.load)
    redis_server.pause()
    try:
        waiting = [asyncio.ensure_future(here.get(key, source.load)) for key in (OTHER, KEY)]
        await asyncio.sleep(0.01)
        redis_server.kill()
        assert [(await task).outcome for task in waiting] == [Outcome.MISS, Outcome.HIT]
        for number in range(20):
            hit = await here.get(CacheKey("n", str(number)), source.load)
            assert hit.outcome is Outcome.MISS
    finally:
        redis_server.kill()
        await here.close()
        await tier.close()


# Cancellation


@pytest.mark.parametrize("when", range(12))
@pytest.mark.parametrize("age", [None, FRESH_END, REVALIDATE_END])
async def test_a_caller_may_be_cancelled_anywhere(clock: Clock, source: Source, when: int, age: float | None) -> None:
    second, tally = GatedTier(clock), Tally()
    second.may_read.set()
    second.may_write.set()
    source.wait = partial(asyncio.sleep, 0)
    cache = node(clock, second, tally)
    if age is not None:
        await cache.get(KEY, source.load)
        clock.advance(age)
    calls = len(source.calls)
    source.value = "two"
    doomed = asyncio.ensure_future(cache.get(KEY, source.load))
    other = asyncio.ensure_future(cache.get(KEY, source.load))
    for _ in range(when):
        await asyncio.sleep(0)
    doomed.cancel()
    await asyncio.gather(doomed, return_exceptions=True)
    assert (await other).entry.value in {"one", "two"}
    await settle()
    assert told(await cache.get(KEY, source.load)) == ("two", Outcome.HIT, 0)
    assert len(source.calls) == calls + 1
    await cache.close()


@pytest.mark.parametrize("when", range(1, 12))
async def test_a_load_whose_callers_have_all_gone_fills_the_cache(clock: Clock, source: Source, when: int) -> None:
    source.wait = partial(asyncio.sleep, 0)
    cache = node(clock, MemorySecondTier(clock))
    callers = [asyncio.ensure_future(cache.get(KEY, source.load)) for _ in range(3)]
    for _ in range(when):
        await asyncio.sleep(0)
    for caller in callers:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    await settle()
    assert (await cache.get(KEY, source.load)).outcome is Outcome.HIT
    assert len(source.calls) == 1


@pytest.mark.parametrize("when", range(12))
async def test_close_may_come_anywhere(clock: Clock, source: Source, when: int) -> None:
    second = MemorySecondTier(clock)
    cache = node(clock, second)
    source.wait = partial(asyncio.sleep, 0)
    await cache.get(OTHER, source.load)
    clock.advance(FRESH_END)
    await cache.get(OTHER, source.load)
    waiting = asyncio.ensure_future(cache.get(KEY, source.load))
    for _ in range(when):
        await asyncio.sleep(0)
    await cache.close()
    result = (await asyncio.gather(waiting, return_exceptions=True))[0]
    assert isinstance(result, CacheClosed | Hit)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_closed_it_answers_what_it_holds(clock: Clock, source: Source) -> None:
    cache = node(clock)
    await cache.get(KEY, source.load)
    await cache.close()
    assert (await cache.get(KEY, source.load)).outcome is Outcome.HIT
    with pytest.raises(CacheClosed):
        await cache.get(OTHER, source.load)
    clock.advance(FRESH_END)
    assert (await cache.get(KEY, source.load)).outcome is Outcome.STALE
    await cache.close()
    assert len(source.calls) == 1


# Any order of events


class OneNodeAgainstModel(RuleBasedStateMachine):
    """One cache beside a dictionary that says exactly what each look-up must give."""

    keys = st.sampled_from([KEY, OTHER])

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = Clock()
        self.source = Source()
        self.cache = node(self.clock)
        self.model: dict[CacheKey, Entry[str]] = {}
        self.resting: dict[CacheKey, float] = {}
        self.published = 0

    @rule(seconds=st.sampled_from([0.5, 1, 2, 9, 10, 20, 40, 70]))
    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def publish(self) -> None:
        self.published += 1
        self.source.value = str(self.published)

    @rule(failure=st.sampled_from([None, SourceDown(), NoSuchThing()]))
    def turn(self, failure: Exception | None) -> None:
        self.source.failure = failure

    @rule(key=keys)
    def get(self, key: CacheKey) -> None:
        expected = self._expected(key)

        async def look_up() -> object:
            try:
                return told(await self.cache.get(key, self.source.load))
            except (SourceDown, NoSuchThing) as failure:
                return failure
            finally:
                await settle()

        assert self.runner.run(look_up()) == expected

    def _expected(self, key: CacheKey) -> object:
        held, now = self.model.get(key), self.clock.now
        if held is None:
            return self._loaded(key, None)
        age = now - held.stored_at
        match freshness(held.stored_at, held.lifetime, now):
            case Freshness.FRESH:
                return held.value, Outcome.HIT, age
            case Freshness.EXPIRED:
                return self._loaded(key, None)
            case _ if now < self.resting.get(key, 0):
                return held.value, Outcome.STALE_ERROR, age
            case Freshness.STALE_USABLE:
                self._loaded(key, held)  # behind the answer
                return held.value, Outcome.STALE, age
            case _:
                return self._loaded(key, held)

    def _loaded(self, key: CacheKey, usable: Entry[str] | None) -> object:
        now, failure = self.clock.now, self.source.failure
        if isinstance(failure, NoSuchThing):
            self.model.pop(key, None)
            return failure
        if failure is not None and usable is None:
            return failure
        if failure is not None and usable is not None:
            self.resting[key] = now + POLICY.cooldown_seconds
            return usable.value, Outcome.STALE_ERROR, now - usable.stored_at
        before = self.model.get(key)
        is_same = before is not None and before.value == self.source.value
        self.model[key] = Entry(self.source.value, now, self.source.lifetime)
        return self.source.value, Outcome.REVALIDATED if is_same else Outcome.MISS, 0.0

    @invariant()
    def peek_agrees(self) -> None:
        for key in (KEY, OTHER):
            held, hit, now = self.model.get(key), self.cache.peek(key), self.clock.now
            age = ERROR_END if held is None else now - held.stored_at
            is_resting = age < ERROR_END and now < self.resting.get(key, 0)
            assert (hit is not None) == (age < REVALIDATE_END or is_resting)

    def teardown(self) -> None:
        self.runner.run(self.cache.close())
        self.runner.close()


class NodesNeverServeTooLong(RuleBasedStateMachine):
    """Several nodes, one second tier that loses things: whatever is served was true not too long ago."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = Clock()
        self.source = Source("0")
        self.second = MemorySecondTier(self.clock)
        self.nodes = [node(self.clock, self.second) for _ in range(2)]
        self.replaced_at: list[float] = []  # when each value stopped being the source's

    @rule(seconds=st.sampled_from([1, 5, 10, 20, 40]))
    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def publish(self) -> None:
        self.replaced_at.append(self.clock.now)
        self.source.value = str(len(self.replaced_at))

    @rule(is_down=st.booleans())
    def turn(self, is_down: bool) -> None:
        self.source.failure = SourceDown() if is_down else None

    @rule()
    def lose(self) -> None:
        self.runner.run(self.second.delete(KEY))

    @rule(number=st.integers(0, 1))
    def restart(self, number: int) -> None:
        self.runner.run(self.nodes[number].close())
        self.nodes[number] = node(self.clock, self.second)

    @rule(number=st.integers(0, 1), settles=st.booleans())
    def get(self, number: int, settles: bool) -> None:
        async def look_up() -> Hit[str] | None:
            try:
                return await self.nodes[number].get(KEY, self.source.load)
            except SourceDown:
                return None
            finally:
                if settles:
                    await settle()

        hit = self.runner.run(look_up())
        if hit is not None:
            allowed: dict[Outcome, float] = {Outcome.STALE: REVALIDATE_END, Outcome.STALE_ERROR: ERROR_END}
            value = int(hit.entry.value)
            true_until = self.replaced_at[value] if value < len(self.replaced_at) else self.clock.now
            assert self.clock.now - true_until < allowed.get(hit.outcome, FRESH_END)

    def teardown(self) -> None:
        for cache in self.nodes:
            self.runner.run(cache.close())
        self.runner.close()


TestOneNodeAgainstModel = OneNodeAgainstModel.TestCase
TestOneNodeAgainstModel.settings = settings(max_examples=40)
TestNodesNeverServeTooLong = NodesNeverServeTooLong.TestCase
TestNodesNeverServeTooLong.settings = settings(max_examples=40)


# A fleet: several nodes, each with its own first tier, that share Redis

REDIS = pytest.mark.needs("redis-server")


@dataclass(frozen=True, slots=True)
class Member:
    """One node: its cache, and what its leases counted."""

    cache: Cache[str]
    node: Node


@asynccontextmanager
async def fleet(
    redis_server: RedisServer,
    clock: Clock,
    size: int = 2,
    policy: Policy = POLICY,
    *,
    seconds: float = 5.0,
    budget_seconds: float = PATIENT,
    largest: int = 2**20,
) -> AsyncIterator[list[Member]]:
    """Nodes with leases, and a second tier each, on one Redis."""
    async with AsyncExitStack() as stack:
        members = []
        for _ in range(size):
            member = await stack.enter_async_context(
                node_at(redis_server.url, seconds=seconds, budget_seconds=budget_seconds)
            )
            limits = RedisLimits(budget_seconds=budget_seconds, largest_value_bytes=largest)
            tier = RedisSecondTier(redis_server.url, limits=limits)
            stack.push_async_callback(tier.close)
            cache = Cache(CODEC, MemoryTier(2**20), tier, clock, policy, leases=member.leases)
            stack.push_async_callback(cache.close)
            members.append(Member(cache, member))
        yield members


async def until_held(*members: Member) -> None:
    """Until each of them has found that somebody else holds the lease; the test's own time limit ends the wait."""
    while not all(member.node.tally.events[FleetEvent.LEASE_HELD] for member in members):
        await asyncio.sleep(0.001)


async def until_asked(source: Source, times: int = 1) -> None:
    """Until the source has been asked so many times; the test's own time limit ends the wait."""
    while len(source.calls) < times:
        await asyncio.sleep(0.001)


@REDIS
async def test_a_fleet_loads_once(clock: Clock, source: Source, redis_server: RedisServer) -> None:
    hold = Hold()
    source.wait = hold
    async with fleet(redis_server, clock, 5) as members:
        getting = [asyncio.ensure_future(one.cache.get(KEY, source.load)) for one in members for _ in range(20)]
        await until_asked(source)
        holder = next(one for one in members if one.node.tally.events[FleetEvent.LEASE_ACQUIRED])
        await until_held(*(one for one in members if one is not holder))
        hold.open()
        hits = await asyncio.gather(*getting)
        assert [hit.entry.value for hit in hits] == ["one"] * 100
        assert Counter(hit.outcome for hit in hits) == {Outcome.MISS: 1, Outcome.COLLAPSED: 99}
        assert len(source.calls) == 1
        assert (await members[0].cache.get(OTHER, source.load)).outcome is Outcome.MISS


@REDIS
async def test_who_comes_when_another_node_has_just_finished_does_not_load(
    clock: Clock, source: Source, redis_server: RedisServer
) -> None:
    class SlowTier(RedisSecondTier):
        """It is overtaken after its first look-up."""

        async def get(self, key: CacheKey) -> bytes | None:
            found = await super().get(key)
            if not source.calls:
                await other.cache.get(key, source.load)
            return found

    async with fleet(redis_server, clock, 2) as (one, other):
        tier = SlowTier(redis_server.url, limits=RedisLimits(budget_seconds=PATIENT))
        cache = Cache(CODEC, MemoryTier(2**20), tier, clock, POLICY, leases=one.node.leases)
        assert told(await cache.get(KEY, source.load)) == ("one", Outcome.COLLAPSED, 0)
        assert len(source.calls) == 1
        await cache.close()
        await tier.close()


@REDIS
async def test_those_who_wait_are_told_when_the_value_is_there(
    clock: Clock, source: Source, redis_server: RedisServer
) -> None:
    class SlowTier(RedisSecondTier):
        """Long enough that a waiter who was told too early would be seen to load."""

        async def set(self, key: CacheKey, value: bytes, ttl_seconds: float, fence: int | None = None) -> None:
            await asyncio.sleep(0.1)
            await super().set(key, value, ttl_seconds, fence)

    source.wait = (hold := Hold())
    async with fleet(redis_server, clock, 2) as (one, other):
        tier = SlowTier(redis_server.url, limits=RedisLimits(budget_seconds=PATIENT))
        cache = Cache(CODEC, MemoryTier(2**20), tier, clock, POLICY, leases=one.node.leases)
        first = asyncio.ensure_future(cache.get(KEY, source.load))
        await until_asked(source)
        second = asyncio.ensure_future(other.cache.get(KEY, source.load))
        await until_held(other)
        hold.open()
        assert [(await task).outcome for task in (first, second)] == [Outcome.MISS, Outcome.COLLAPSED]
        assert len(source.calls) == 1
        await cache.close()
        await tier.close()


@REDIS
async def test_a_refresh_behind_stale_answers_is_one_too(
    clock: Clock, source: Source, redis_server: RedisServer
) -> None:
    async with fleet(redis_server, clock) as members:
        for member in members:
            await member.cache.get(KEY, source.load)
        clock.advance(FRESH_END)
        source.value, source.wait = "two", (hold := Hold())
        for member in members:
            assert told(await member.cache.get(KEY, source.load)) == ("one", Outcome.STALE, FRESH_END)
        await until_asked(source, 2)
        hold.open()
        for member in members:
            while (await member.cache.get(KEY, source.load)).entry.value != "two":
                await asyncio.sleep(0.001)
        assert len(source.calls) == 2


async def failing_holder(members: list[Member], source: Source, failure: Exception) -> asyncio.Task[Hit[str]]:
    """The first member's source fails while the second waits: the second's look-up."""
    source.wait, source.failure = (hold := Hold()), failure
    asked = len(source.calls) + 1
    first = asyncio.ensure_future(members[0].cache.get(KEY, source.load))
    await until_asked(source, asked)
    before = members[1].node.tally.events[FleetEvent.LEASE_HELD]
    second = asyncio.ensure_future(members[1].cache.get(KEY, source.load))
    while members[1].node.tally.events[FleetEvent.LEASE_HELD] == before:
        await asyncio.sleep(0.001)
    hold.open()
    await asyncio.gather(first, return_exceptions=True)
    return second


@REDIS
async def test_a_failure_elsewhere_is_answered_with_what_is_stale(
    clock: Clock, source: Source, redis_server: RedisServer
) -> None:
    async with fleet(redis_server, clock) as members:
        for member in members:
            await member.cache.get(KEY, source.load)
        clock.advance(REVALIDATE_END)
        second = await failing_holder(members, source, SourceDown())
        assert told(await second) == ("one", Outcome.STALE_ERROR, REVALIDATE_END)
        again = await members[1].cache.get(KEY, source.load)  # and the source rests here too
        assert again.outcome is Outcome.STALE_ERROR
        assert len(source.calls) == 2


@REDIS
async def test_a_failure_elsewhere_with_nothing_stale_is_the_policys_error(
    clock: Clock, source: Source, redis_server: RedisServer
) -> None:
    class FailedElsewhere(Exception):  # noqa: N818
        pass

    policy = Policy(source_trouble=(SourceDown,), failed_elsewhere=FailedElsewhere)
    async with fleet(redis_server, clock, policy=policy) as members:
        second = await failing_holder(members, source, SourceDown())
        with pytest.raises(FailedElsewhere):
            await second
        assert len(source.calls) == 1


@REDIS
@pytest.mark.parametrize("failure", [SourceDown(), NoSuchThing()])
async def test_a_failure_elsewhere_may_be_found_out_by_each(
    clock: Clock, source: Source, redis_server: RedisServer, failure: Exception
) -> None:
    async with fleet(redis_server, clock) as members:
        second = await failing_holder(members, source, failure)
        with pytest.raises(type(failure)):
            await second
        assert len(source.calls) == 2


@REDIS
async def test_a_holder_that_is_closed_hands_over(clock: Clock, source: Source, redis_server: RedisServer) -> None:
    async with fleet(redis_server, clock, seconds=3600) as members:
        source.wait = Hold()
        first = asyncio.ensure_future(members[0].cache.get(KEY, source.load))
        await until_asked(source)
        second = asyncio.ensure_future(members[1].cache.get(KEY, source.load))
        await until_held(members[1])
        source.wait = (hold := Hold())
        hold.open()
        await members[0].cache.close()
        with pytest.raises(CacheClosed):
            await first
        assert (await second).outcome is Outcome.MISS


@REDIS
async def test_what_the_second_tier_does_not_take_is_loaded_by_each(
    clock: Clock, source: Source, redis_server: RedisServer
) -> None:
    source.value = "x" * 2000
    source.wait = (hold := Hold())
    async with fleet(redis_server, clock, largest=1000) as members:
        first = asyncio.ensure_future(members[0].cache.get(KEY, source.load))
        await until_asked(source)
        second = asyncio.ensure_future(members[1].cache.get(KEY, source.load))
        await until_held(members[1])
        hold.open()
        assert [(await task).outcome for task in (first, second)] == [Outcome.MISS, Outcome.MISS]


@REDIS
async def test_nobody_waits_for_ever_for_a_holder_that_lives(
    clock: Clock, source: Source, redis_server: RedisServer
) -> None:
    hold = Hold()

    async def first_waits() -> None:
        if len(source.calls) == 1:
            await hold()

    source.wait = first_waits
    async with fleet(redis_server, clock, seconds=0.3) as members:
        first = asyncio.ensure_future(members[0].cache.get(KEY, source.load))
        await until_asked(source)
        assert (await members[1].cache.get(KEY, source.load)).outcome is Outcome.MISS
        assert not first.done()
        hold.open()
        assert (await first).outcome is Outcome.MISS


@REDIS
@pytest.mark.parametrize("fault", ["kill", "pause"])
async def test_when_redis_goes_in_the_middle_each_node_loads(
    clock: Clock, source: Source, redis_server: RedisServer, fault: str
) -> None:
    source.wait = (hold := Hold())
    async with fleet(redis_server, clock, budget_seconds=0.5) as members:
        first = asyncio.ensure_future(members[0].cache.get(KEY, source.load))
        await until_asked(source)
        second = asyncio.ensure_future(members[1].cache.get(KEY, source.load))
        await until_held(members[1])
        getattr(redis_server, fault)()
        await until_asked(source, 2)
        hold.open()
        assert [(await task).outcome for task in (first, second)] == [Outcome.MISS, Outcome.MISS]
        assert members[1].node.tally.events[FleetEvent.LEASE_LOCAL] == 1
        back = asyncio.Event()
        members[1].node.bus.on_reconnected(back.set)
        await asyncio.to_thread(redis_server.start)
        await back.wait()


async def test_without_a_fleet_or_a_second_tier_leases_change_nothing(clock: Clock, source: Source) -> None:
    for second in (None, MemorySecondTier(clock)):
        cache = Cache(CODEC, MemoryTier(2**20), second, clock, POLICY, leases=NoLeases())
        hits = await asyncio.gather(*(cache.get(KEY, source.load) for _ in range(2)))
        assert [hit.outcome for hit in hits] == [Outcome.MISS, Outcome.COLLAPSED]
        await cache.close()


# The same over processes, which can be killed and frozen


class Worker:
    """A node in a process of its own; see `tests/cache/fleet/worker.py`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    def tell(self, *words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(words).encode() + b"\n")

    async def said(self) -> list[str]:
        assert self.process.stdout is not None
        return (await self.process.stdout.readline()).decode().split()


@asynccontextmanager
async def workers(redis_server: RedisServer, count: int, seconds: float = 5.0) -> AsyncIterator[list[Worker]]:
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "tests.cache.fleet.worker", redis_server.url, str(seconds))
    started = [Worker(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)) for _ in range(count)]
    try:
        for worker in started:
            assert await worker.said() == ["ready"]
        yield started
    finally:
        for worker in started:
            if worker.process.returncode is None:
                worker.process.kill()
            await worker.process.wait()


async def asked_one(among: list[Worker]) -> tuple[Worker, list[asyncio.Task[list[str]]]]:
    """The worker whose source is asked first, and what the others say next."""
    saying = [asyncio.ensure_future(worker.said()) for worker in among]
    done, _ = await asyncio.wait(saying, return_when=asyncio.FIRST_COMPLETED)
    assert [task.result() for task in done] == [["asked"]]
    return among[saying.index(next(iter(done)))], [task for task in saying if task not in done]


@REDIS
async def test_processes_load_once(redis_server: RedisServer) -> None:
    async with workers(redis_server, 2) as fleet_of:
        for worker in fleet_of:
            for _ in range(50):
                worker.tell("get")
        holder, (other,) = await asked_one(fleet_of)
        holder.tell("give", "one")
        assert (await other)[:2] == ["got", "one"]
        assert (await holder.said())[:2] == ["got", "one"]


@REDIS
async def test_a_holder_that_is_killed_is_followed_by_the_next(redis_server: RedisServer) -> None:
    async with workers(redis_server, 2, seconds=1) as fleet_of:
        for worker in fleet_of:
            worker.tell("get")
        holder, (other,) = await asked_one(fleet_of)
        holder.process.kill()
        assert await other == ["asked"]
        heir = next(worker for worker in fleet_of if worker is not holder)
        heir.tell("give", "two")
        assert await heir.said() == ["got", "two", "miss"]


@REDIS
async def test_a_holder_that_was_frozen_past_its_lease_overwrites_nothing(
    source: Source, redis_server: RedisServer
) -> None:
    async with workers(redis_server, 2, seconds=1) as fleet_of:
        for worker in fleet_of:
            worker.tell("get")
        holder, (other,) = await asked_one(fleet_of)
        heir = next(worker for worker in fleet_of if worker is not holder)
        holder.process.send_signal(signal.SIGSTOP)
        try:
            assert await other == ["asked"]
            heir.tell("give", "new")
            assert await heir.said() == ["got", "new", "miss"]
            holder.tell("give", "old")
        finally:
            holder.process.send_signal(signal.SIGCONT)
        assert (await holder.said())[:2] == ["got", "old"]
        async with fleet(redis_server, Clock(time.time()), 1) as (reader,):
            assert (await reader.cache.get(KEY, source.load)).entry.value == "new"
            assert source.calls == []
