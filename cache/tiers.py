"""The cache: this process's memory, then the shared tier, then one load for all who wait.

Whatever tier an entry comes from, it is judged by the time at which its source was asked, so nothing is
served beyond its lifetime by passing from node to node. What each fault costs:

    second tier down     a miss there; writes to it are dropped
    source in trouble    what is stale and still allowed is served, the source left alone for a moment
    source says no       what was held is forgotten, and the error is the answer

With leases, one process of the fleet loads and the others wait for what it puts into the second tier:

    it did well          that is the answer; what it did not put there is loaded without another turn
    its source failed    what is stale and still allowed is served; else the policy's error, or the next one's turn
    it died, or gave up  the next takes its turn
    all took too long    whoever still waits after two lengths of a lease loads for itself
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from cache.cooldown import Cooldown
from cache.entry import Codec, Entry, Lifetime, pack, unpack
from cache.fleet.leases import Lease, Leases, Wake, kept
from cache.flights import Flights
from cache.freshness import Freshness, freshness
from cache.key import CacheKey
from cache.l1_memory import MemoryTier
from cache.l2 import SecondTier
from cache.outcome import Event, NullRecorder, Outcome, Recorder
from cache.write_behind import WriteBehind

V = TypeVar("V")

# What a caller is told who waited for a load that another caller started.
_AS_WAITER = {Outcome.MISS: Outcome.COLLAPSED, Outcome.REVALIDATED: Outcome.COLLAPSED}

_MOST_TURNS = 16  # asked for in one load: a bound for what no clock bounds


@dataclass(frozen=True, slots=True)
class Loaded(Generic[V]):
    """What the source gave. `changed` is False when that is the value of the entry which it was shown."""

    value: V
    lifetime: Lifetime
    tags: tuple[str, ...] = ()
    changed: bool = True


# Asks the source, given what is held, even if it expired, so that it can be revalidated. It runs in a task of
# its own, may outlive the request that brought it, bounds its own time, and does not ask the cache for the
# same key.
Load = Callable[[Entry[V] | None], Awaitable[Loaded[V]]]


@dataclass(frozen=True, slots=True)
class Hit(Generic[V]):
    """The answer to a look-up."""

    entry: Entry[V]
    outcome: Outcome
    age_seconds: float  # since the source was asked; never negative


@dataclass(frozen=True, slots=True)
class Policy:
    """What a cache does beyond the lifetimes of its entries."""

    source_trouble: tuple[type[Exception], ...] = ()  # from a load: serve stale if allowed; others just propagate
    cooldown_seconds: float = 1.0  # how long a failed source is left alone while something stale can be served
    writes_in_flight: int = 64  # keys being written to the second tier at once; more are dropped
    failed_elsewhere: Callable[[], Exception] | None = None  # raised when the source failed another node, not this one


@dataclass(frozen=True, slots=True)
class _Found(Generic[V]):
    entry: Entry[V]
    outcome: Outcome


class Cache(Generic[V]):
    """Values of one kind. Close it before the second tier, which it does not own."""

    def __init__(
        self,
        codec: Codec[V],
        first: MemoryTier[V],
        second: SecondTier | None,
        clock: Callable[[], float],
        policy: Policy | None = None,
        recorder: Recorder | None = None,
        leases: Leases | None = None,
    ) -> None:
        """`clock` gives Unix seconds. The first tier is this cache's own; the second may be shared.

        `leases`, of those who share the second tier, let one of them load; without a second tier they are not used.
        """
        policy = policy or Policy()
        self._codec = codec
        self._first = first
        self._second = second
        self._clock = clock
        self._recorder: Recorder = recorder or NullRecorder()
        self._source_trouble = policy.source_trouble
        self._failed_elsewhere = policy.failed_elsewhere
        self._leases = None if second is None else leases
        self._cooldown = Cooldown[CacheKey](policy.cooldown_seconds)
        self._flights = Flights[CacheKey, _Found[V]]()
        self._writes = WriteBehind(policy.writes_in_flight, self._recorder)

    def peek(self, key: CacheKey) -> Hit[V] | None:
        """What `get` would answer at once; None where it would wait. Nothing is counted or begun before `took`."""
        entry = self._first.get(key)
        outcome = self._servable(key, entry, Outcome.HIT)
        if entry is None or outcome is None:
            return None
        return Hit(entry, outcome, max(self._clock() - entry.stored_at, 0.0))

    def took(self, key: CacheKey, hit: Hit[V], load: Load[V]) -> None:
        """What `peek` gave was of use: count it, and have it refreshed where it is stale."""
        if hit.outcome is Outcome.STALE:
            self._flights.launch(key, partial(self._refresh, key, load))
        self._recorder.looked_up(hit.outcome)

    async def get(self, key: CacheKey, load: Load[V]) -> Hit[V]:
        """The value, from the nearest tier that may give it, or loaded.

        Raises what `load` raises, and `CacheClosed`. Cancelling one caller takes nothing from the others.
        """
        entry = self._first.get(key)
        outcome = self._servable(key, entry, Outcome.HIT)
        if entry is None or outcome is None:
            # No look-up of the first tier is due inside the flight: none is awaited since the one above.
            found, is_mine = await self._flights.join(key, partial(self._look_up, key, load))
            entry = found.entry
            outcome = found.outcome if is_mine else _AS_WAITER.get(found.outcome, found.outcome)
        if outcome is Outcome.STALE:
            self._flights.launch(key, partial(self._refresh, key, load))
        return self._hit(entry, outcome, self._clock())

    async def close(self) -> None:
        """End the loads under way and see the writes out; from then on only what is held here is answered."""
        await self._flights.close()
        await self._writes.close()

    def _servable(self, key: CacheKey, entry: Entry[V] | None, when_fresh: Outcome) -> Outcome | None:
        """How the entry may be served without waiting for the source, if at all."""
        if entry is None:
            return None
        now = self._clock()
        state = freshness(entry.stored_at, entry.lifetime, now)
        if state is Freshness.FRESH:
            return when_fresh
        if state is Freshness.EXPIRED:
            return None
        if self._cooldown.holds(key, now):
            return Outcome.STALE_ERROR
        return Outcome.STALE if state is Freshness.STALE_USABLE else None

    async def _look_up(self, key: CacheKey, load: Load[V]) -> _Found[V]:
        """A flight that callers wait for."""
        entry = await self._best_held(key)
        outcome = self._servable(key, entry, Outcome.HIT_SHARED)
        if entry is None or outcome is None:
            return await self._load(key, load, entry)
        return _Found(entry, outcome)

    async def _refresh(self, key: CacheKey, load: Load[V]) -> _Found[V]:
        """A flight behind a stale answer: only something fresh ends it, from another node or from the source.

        What it raises is not lost: the next caller that cannot be served without the source meets it too.
        """
        entry = await self._best_held(key)
        if entry is not None and self._servable(key, entry, Outcome.HIT_SHARED) is Outcome.HIT_SHARED:
            return _Found(entry, Outcome.HIT_SHARED)
        return await self._load(key, load, entry)

    async def _best_held(self, key: CacheKey) -> Entry[V] | None:
        """The better of what the two tiers hold, now in the first."""
        shared = await self._shared(key)
        held = self._first.get(key)
        if shared is None:
            return held
        if held is not None and self._rank(held) <= self._rank(shared):
            return held
        self._keep(key, shared)
        return shared

    def _rank(self, entry: Entry[V]) -> tuple[Freshness, float]:
        return freshness(entry.stored_at, entry.lifetime, self._clock()), -entry.stored_at

    async def _shared(self, key: CacheKey) -> Entry[V] | None:
        data = None if self._second is None else await self._second.get(key)
        if data is None:
            return None
        entry = unpack(key, data, self._codec)
        if entry is None:
            self._recorder.happened(Event.SHARED_UNREADABLE)
        return entry

    async def _load(self, key: CacheKey, load: Load[V], previous: Entry[V] | None) -> _Found[V]:
        """Load, or wait for another node of the fleet that does."""
        leases = self._leases
        if leases is None:
            return await self._ask_source(key, load, previous)
        loop = asyncio.get_running_loop()
        until = loop.time() + 2 * leases.seconds
        for _ in range(_MOST_TURNS):
            lease = await leases.acquire(key.text)
            if lease is not None:
                return await self._load_leased(key, load, previous, lease)
            wake = await leases.wait(key.text, until - loop.time())
            found = await self._loaded_by_now(key)
            if found is None and wake is Wake.FAILED:
                found = self._after_failure_elsewhere(key, previous)
            if found is not None:
                return found
            if wake is Wake.DONE or loop.time() >= until:
                break
        return await self._ask_source(key, load, previous)

    async def _load_leased(self, key: CacheKey, load: Load[V], previous: Entry[V] | None, lease: Lease) -> _Found[V]:
        is_done = None  # what does not come to an end says nothing about the source
        try:
            async with kept(lease):
                # Between our look at the second tier and the lease, its last holder may have finished.
                found = None if lease.is_local else await self._loaded_by_now(key)
                if found is None:
                    found = await self._ask_source(key, load, previous, None if lease.is_local else lease.fence)
            is_done = found.outcome is not Outcome.STALE_ERROR
        except self._source_trouble:
            is_done = False
            raise
        except Exception:
            is_done = True  # a verdict: those who wait hear it from the source themselves
            raise
        finally:
            await lease.release(is_done)
        return found

    async def _loaded_by_now(self, key: CacheKey) -> _Found[V] | None:
        entry = await self._best_held(key)
        is_fresh = entry is not None and self._servable(key, entry, Outcome.COLLAPSED) is Outcome.COLLAPSED
        return _Found(entry, Outcome.COLLAPSED) if entry is not None and is_fresh else None

    def _after_failure_elsewhere(self, key: CacheKey, previous: Entry[V] | None) -> _Found[V] | None:
        """What a failure of the source at another node leaves us with; None when we are to find out ourselves."""
        if previous is not None and self._is_servable_on_error(previous):
            self._cooldown.start(key, self._clock())
            return _Found(previous, Outcome.STALE_ERROR)
        if self._failed_elsewhere is not None:
            raise self._failed_elsewhere()
        return None

    async def _ask_source(
        self, key: CacheKey, load: Load[V], previous: Entry[V] | None, fence: int | None = None
    ) -> _Found[V]:
        # Before the load, not after: the source may have looked at the value at any time in between.
        asked_at = self._clock()
        try:
            loaded = await load(previous)
        except self._source_trouble:
            self._recorder.happened(Event.SOURCE_FAILED)
            if previous is None or not self._is_servable_on_error(previous):
                raise
            self._cooldown.start(key, self._clock())
            return _Found(previous, Outcome.STALE_ERROR)
        except Exception:
            if previous is not None:
                self._forget(key)
            raise
        entry = Entry(loaded.value, asked_at, loaded.lifetime, loaded.tags)
        self._keep(key, entry)
        if self._second is not None:
            self._writes.submit(key, partial(self._share, self._second, key, entry, fence))
            if fence is not None:
                await self._writes.settled(key)  # others wait, and look for it there when they are told
        is_same = previous is not None and not loaded.changed
        return _Found(entry, Outcome.REVALIDATED if is_same else Outcome.MISS)

    def _is_servable_on_error(self, entry: Entry[V]) -> bool:
        return freshness(entry.stored_at, entry.lifetime, self._clock()) is not Freshness.EXPIRED

    async def _share(self, second: SecondTier, key: CacheKey, entry: Entry[V], fence: int | None) -> None:
        ttl = entry.stored_at + entry.lifetime.total - self._clock()
        await second.set(key, pack(key, entry, self._codec), ttl, fence)

    def _keep(self, key: CacheKey, entry: Entry[V]) -> None:
        evicted = self._first.put(key, entry, self._codec.weigh(entry.value))
        if evicted is None:
            self._recorder.happened(Event.NOT_KEPT)
        self._recorder.resized(len(self._first), self._first.size_bytes, evicted or 0)

    def _forget(self, key: CacheKey) -> None:
        self._first.drop(key)
        self._recorder.resized(len(self._first), self._first.size_bytes, 0)
        if self._second is not None:
            self._writes.submit(key, partial(self._second.delete, key))

    def _hit(self, entry: Entry[V], outcome: Outcome, now: float) -> Hit[V]:
        self._recorder.looked_up(outcome)
        return Hit(entry, outcome, max(now - entry.stored_at, 0.0))
