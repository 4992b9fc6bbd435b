"""The rings that a process works with: read at start, swapped when their sources change."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, replace
from random import random
from types import MappingProxyType

from auth.keys import KeyRing
from origin.keystore.fault import KeystoreError
from origin.keystore.source import Source

LONGEST_WAIT = 1.0  # seconds that a request with an unknown key waits for a source
_RETRY_SECONDS = 30.0  # the longest that a source which failed is left alone
_JITTER = 0.2  # of the pace, so that the machines of a deployment do not ask all at once
_NO_KEYS = KeyRing()


@dataclass(frozen=True, slots=True)
class Loaded:
    """A ring, when it was read, and when its source was last found to hold it (Unix seconds; None: never)."""

    ring: KeyRing
    read_at: float | None
    confirmed_at: float | None


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What one refresh did: rings that were read, rings that changed, and the faults of those that cannot be read."""

    asked: tuple[str, ...]
    changed: tuple[str, ...]
    faults: Mapping[str, KeystoreError]


Told = Callable[[Refreshed], None]


class KeyRings:
    """Key rings by name. Readers get an immutable ring at any time, from any thread; the rest is for the loop.

    When a source is broken or away, its last good ring stays: an operator's typo must not lock viewers out. The
    owner learns of it from what `refresh` returns, and how old a ring is from `confirmed_at`.
    """

    __slots__ = ("_clock", "_flights", "_loaded", "_rings", "_sources", "_told", "_tried")

    def __init__(
        self, sources: Mapping[str, Source], told: Told = lambda _: None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`told` hears what came of every refresh that `keep_fresh` or a missed key has caused."""
        self._sources = dict(sources)
        self._told = told
        self._clock = clock
        self._loaded: Mapping[str, Loaded] = {name: Loaded(_NO_KEYS, None, None) for name in self._sources}
        self._rings = _rings(self._loaded)
        self._flights: dict[str, asyncio.Task[Refreshed]] = {}
        self._tried: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"KeyRings({', '.join(self._sources)})"

    def ring(self, name: str) -> KeyRing:
        """The ring of that name as last read; KeyError for a name that was not configured."""
        return self._loaded[name].ring

    def snapshot(self) -> Mapping[str, KeyRing]:
        """All rings by name, as last read: the same object until something changes."""
        return self._rings

    def read_at(self, name: str) -> float | None:
        """When that ring was read."""
        return self._loaded[name].read_at

    def confirmed_at(self, name: str) -> float | None:
        """When that ring's source last held it: what its age is counted from. None when it was never read."""
        return self._loaded[name].confirmed_at

    async def open(self, now: float) -> Refreshed:
        """Read every source. KeystoreError when one is unusable that the process cannot start without."""
        refreshed = await self.refresh(now)
        for name, fault in refreshed.faults.items():
            if self._sources[name].pace.is_fatal:
                raise fault
        return refreshed

    async def refresh(self, now: float, names: Collection[str] | None = None) -> Refreshed:
        """Read the sources that have changed, all or those named, and swap in their rings, all at once."""
        wanted = tuple(self._sources) if names is None else tuple(names)
        self._tried |= dict.fromkeys(wanted, self._clock())
        read = await asyncio.gather(*(self._read(name, now) for name in wanted))
        good = {name: one for name, one in zip(wanted, read, strict=True) if isinstance(one, Loaded)}
        faults = {name: one for name, one in zip(wanted, read, strict=True) if isinstance(one, KeystoreError)}
        changed = tuple(name for name, one in good.items() if one.ring is not self._loaded[name].ring)
        self._loaded = MappingProxyType({**self._loaded, **good})
        if changed:
            self._rings = _rings(self._loaded)
        return Refreshed(wanted, changed, MappingProxyType(faults))

    def keep_fresh(self) -> list[Coroutine[None, None, None]]:
        """Jobs that read every source at its pace, until they are cancelled."""
        return [self._follow(name) for name in self._sources]

    async def missed(self, names: Collection[str]) -> bool:
        """A token names a key that none of these rings has: ask their sources, if it is time; whether one has changed.

        However many tokens ask, and whatever keys they name, a source is asked once in its pace's `on_miss` seconds,
        and nobody waits longer than a second.
        """
        before = [self.ring(name) for name in names]
        flights = [flight for name in names if (flight := self._asked(name)) is not None]
        if not flights:
            return False
        await asyncio.wait(flights, timeout=LONGEST_WAIT)
        return any(self.ring(name) is not ring for name, ring in zip(names, before, strict=True))

    async def close(self) -> None:
        """Give up what is under way and close the sources."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        for source in self._sources.values():
            await source.close()

    def _asked(self, name: str) -> asyncio.Task[Refreshed] | None:
        """The reading that a missed key may wait for: one under way, or a new one when it is time for it."""
        on_miss = self._sources[name].pace.on_miss
        if on_miss is None:
            return None
        if name in self._flights:
            return self._flights[name]
        if self._clock() - self._tried.get(name, -on_miss) < on_miss:
            return None
        return self._flight(name)

    def _flight(self, name: str) -> asyncio.Task[Refreshed]:
        """One reading of a source; the one that is under way, if any."""
        if name not in self._flights:
            self._flights[name] = asyncio.create_task(self._fly(name))
        return self._flights[name]

    async def _fly(self, name: str) -> Refreshed:
        try:
            refreshed = await self.refresh(time.time(), (name,))
        finally:
            del self._flights[name]
        self._told(refreshed)
        return refreshed

    async def _follow(self, name: str) -> None:
        pace = self._sources[name].pace
        is_well = self.confirmed_at(name) is not None
        while True:
            every = pace.every if is_well else min(pace.every, _RETRY_SECONDS)
            await asyncio.sleep(every * (1 + _JITTER * (random() - 0.5)))  # noqa: S311  # spreads load, hides nothing
            refreshed = await asyncio.shield(self._flight(name))
            is_well = not refreshed.faults

    async def _read(self, name: str, now: float) -> Loaded | KeystoreError:
        try:
            ring = await self._sources[name].read()
        except KeystoreError as fault:
            return fault
        return replace(self._loaded[name], confirmed_at=now) if ring is None else Loaded(ring, now, now)


def _rings(loaded: Mapping[str, Loaded]) -> Mapping[str, KeyRing]:
    return MappingProxyType({name: one.ring for name, one in loaded.items()})
