"""Purging in a whole fleet: in force here at once, everywhere within a second, and never forgotten.

Three ways lead to a node, each of them enough. A message on the bus is the fast one. The records in Redis are read
again after every (re)connection and whenever they have changed; what a node knows and Redis does not (it was away when
the purge was issued, or has come back empty) is put there. And a file, where one is given, keeps them over a restart
without Redis and tells the workers of one machine, who may hear of them sooner on a bus of their own.

So nothing that fails is retried as such: there is one step, `catch_up`, after which both sides know the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cache.fleet.purge_store import PurgesUnavailable, RedisPurges
from cache.purge_records import field_of, packed, unpacked
from cache.purges import Purge, PurgeMeaningless, PurgeTable, Scope, canonical

_log = logging.getLogger(__name__)

TOPIC = "purges"
_REDIS, _FILE = "Redis", "the file"
_LARGEST_MESSAGE = 32 * 1024  # bytes; what is longer is read from Redis, or the file
LOOK_EVERY = 0.4  # seconds between two looks at the file, and at a Redis that is owed something
_MOST_DROPPED = 100_000  # what is forgotten of it is dropped again when it is read again
_MOST_PASSED = 10_000
_LOOK_AT_REDIS_EVERY = 15.0  # otherwise: the bus tells of changes, this is for messages that get lost


class Bus(Protocol):
    """As much of the fleet's bus as is wanted here."""

    @property
    def is_connected(self) -> bool:
        """Whether other nodes are heard, and hear us."""
        ...

    def publish(self, topic: str, payload: bytes) -> None:
        """Tell all other nodes that listen, soon, if that is possible. Never raises."""
        ...

    def subscribe(self, topic: str, handler: Callable[[bytes], None]) -> None:
        """Hand every message on `topic` to `handler`, perhaps our own ones too."""
        ...

    def on_reconnected(self, handler: Callable[[], None]) -> None:
        """Call `handler` each time the bus hears again: after it has, or may have, missed something."""
        ...


class PurgeFile(Protocol):
    """One file that the processes of a machine share. Its methods raise OSError."""

    async def read(self) -> bytes | None:
        """What is in it, or None when that is what was read or written last, or there is none."""
        ...

    async def rewrite(self, change: Callable[[bytes], bytes]) -> None:
        """Put `change` of what is in it (b"": none) in its place: whole, durably, one process at a time."""
        ...


class Fleet(StrEnum):
    """Who knows of a purge when the receipt is given."""

    ANNOUNCED = "announced"  # it is in Redis, and all that listen have been told
    PENDING = "pending"  # this node, which will tell the others when Redis is back
    SINGLE = "single"  # there are no others


class Source(StrEnum):
    """How a node came to know of purges."""

    HERE = "here"
    BUS = "bus"
    STORE = "store"
    FILE = "file"


class Recorder(Protocol):
    """Told what happens; quick, and never raises."""

    def purges_applied(self, source: Source, count: int) -> None:
        """So many that were not known came in force."""
        ...

    def purges_held(self, count: int, *, is_pending: bool) -> None:
        """So many are in force here; `is_pending`: the fleet has not been told of all."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """A purge as somebody asks for it."""

    scope: Scope
    value: str
    is_soft: bool = True


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of it. `purges` are in force on this node."""

    id: str
    purges: tuple[Purge, ...]
    fleet: Fleet


class _Merge:
    """What is to be in the file: what is known here and there. Runs in a thread, so it looks at lists of its own."""

    def __init__(self, known: Sequence[Purge], dropped: Sequence[Purge]) -> None:
        self.dropped = dropped
        self.unknown: list[Purge] = []
        self._known = {field_of(one): one for one in known}

    def __call__(self, data: bytes) -> bytes:
        forgotten = {one.id for one in self.dropped}
        there = {field_of(one): one for one in unpacked(data)}
        self.unknown = [
            one
            for field, one in there.items()
            if one.id not in forgotten and (field not in self._known or one.at > self._known[field].at)
        ]
        merged = self._known | {field_of(one): one for one in self.unknown}
        return data if merged == there else packed(merged.values())


class PurgeDesk:
    """Where one process is told of purges, and keeps its table up to date."""

    def __init__(
        self,
        table: PurgeTable,
        recorder: Recorder,
        *,
        clock: Callable[[], float],
        new_id: Callable[[], str],
        fleet: tuple[Bus, RedisPurges] | None = None,
        workers: Bus | None = None,
        file: PurgeFile | None = None,
        pass_on: Callable[[Sequence[Purge]], None] = lambda _purges: None,
    ) -> None:
        """`clock` gives Unix seconds, `new_id` a word that nobody else gives.

        Without a fleet, `workers` reaches those who share `file`, sooner than they would look there.
        `pass_on` is told of what was issued here, for the caches in front, once the other nodes have been told: what
        an edge fetches again from a node that does not know yet is old. It is quick and never raises, and is told
        once more of what the others could not be told at first.
        """
        self._table = table
        self._recorder = recorder
        self._clock = clock
        self._new_id = new_id
        self._fleet = fleet
        self._workers = workers
        self._file = file
        self._pass_on = pass_on
        self._passed_early: list[Purge] = []
        self._dropped_from_store: dict[Purge, None] = {}  # what may still be in Redis and is no longer here
        self._dropped_from_file: dict[Purge, None] = {}
        self._is_owed = fleet is not None  # to read, or to tell
        self._is_unsaved = False
        self._next_look = float("-inf")
        self._wake = asyncio.Event()
        self._catching_up = asyncio.Lock()
        self._saving = asyncio.Lock()
        self._away: set[str] = set()
        if fleet is not None:
            fleet[0].subscribe(TOPIC, self._heard)
            fleet[0].on_reconnected(self._owe)
        if workers is not None:
            workers.subscribe(TOPIC, self._heard)
            workers.on_reconnected(self._wake.set)

    @property
    def is_pending(self) -> bool:
        """Whether the fleet may not know all that is known here, or the other way round."""
        return self._is_owed

    async def purge(self, wanted: Sequence[Wanted]) -> Receipt:
        """Put purges in force, here at once. Raises `PurgeMeaningless`, and then none of them is."""
        name = self._new_id()
        now = self._clock()
        purges = tuple(_purge(one, now, f"{name}.{number}", number) for number, one in enumerate(wanted))
        self._apply(purges, Source.HERE)
        try:
            fleet = await self._tell(purges)
        except BaseException:  # whoever asked does not wait any longer; it is in force, so the others are to know
            self._owe()
            raise
        finally:
            self._pass_on(purges)
            if self._is_owed:
                self._passed_early = [*self._passed_early, *purges][-_MOST_PASSED:]
        await self._save()
        return Receipt(name, purges, fleet)

    async def catch_up(self) -> bool:
        """Learn from the file and from Redis, and tell them what they do not know; whether both could be had.

        Before the first request is served, and then by `follow`. Whatever is not there is not waited for.
        """
        async with self._catching_up:
            is_agreed = await self._catch_up_with_redis()
            is_read = await self._read_file()
            await self._save()
            self._recorder.purges_held(len(self._table), is_pending=self._is_owed)
            return is_agreed and is_read and not self._is_unsaved

    async def follow(self) -> None:
        """Keep up, for ever: whatever goes wrong once may go well the next time."""
        while True:
            self._wake.clear()
            try:
                await self.catch_up()
            except Exception:
                _log.exception("looking for purges failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._wake.wait()

    def _heard(self, payload: bytes) -> None:
        purges = unpacked(payload)
        if purges:
            self._apply(purges, Source.BUS)
            self._wake.set()  # for the file
        else:
            self._owe()

    def _owe(self) -> None:
        """Something is to be read from Redis, or to be told."""
        self._is_owed = self._fleet is not None
        self._wake.set()

    def _apply(self, purges: Iterable[Purge], source: Source) -> None:
        news = [one for one in purges if one not in self._table]
        is_news = source in {Source.HERE, Source.BUS}
        dropped = self._table.apply(news, self._clock(), is_news=is_news)
        if self._file is not None:
            self._is_unsaved |= bool(dropped) or (bool(news) and source is not Source.FILE)
            _remember(self._dropped_from_file, dropped)
        if self._fleet is not None:
            _remember(self._dropped_from_store, dropped)
            if dropped or (news and source is Source.FILE):
                self._owe()
        if news:
            self._recorder.purges_applied(source, len(news))

    async def _tell(self, purges: Sequence[Purge]) -> Fleet:
        """Redis, then the bus: who hears of it and looks finds it. Without the one, the other is worth a try."""
        if self._fleet is None:
            if self._workers is not None:
                self._workers.publish(TOPIC, _message(purges))
            return Fleet.SINGLE
        bus, store = self._fleet
        try:
            await store.write(purges)
            is_kept = True
        except PurgesUnavailable as error:
            self._say(_REDIS, str(error))
            is_kept = False
        bus.publish(TOPIC, _message(purges))
        if is_kept and bus.is_connected:
            return Fleet.ANNOUNCED
        self._owe()
        return Fleet.PENDING

    async def _catch_up_with_redis(self) -> bool:
        if self._fleet is None or (not self._is_owed and self._clock() < self._next_look):
            return True
        bus, store = self._fleet
        try:
            if self._is_owed or await store.has_changed():
                self._is_owed = False  # what comes while we wait is for the next time
                await self._agree(bus, store)
        except PurgesUnavailable as error:
            self._is_owed = True
            self._say(_REDIS, str(error))
            return False
        except BaseException:
            self._is_owed = True
            raise
        self._next_look = self._clock() + _LOOK_AT_REDIS_EVERY
        self._say(_REDIS, None)
        passed, self._passed_early = self._passed_early, []
        if passed:
            self._pass_on(passed)
        return True

    async def _agree(self, bus: Bus, store: RedisPurges) -> None:
        found = await store.read()
        self._apply(found, Source.STORE)
        there = {field_of(one): one.at for one in found}
        missing = [one for one in self._table if there.get(field_of(one), -1.0) < one.at]
        dropped = list(self._dropped_from_store)
        if missing or dropped:
            await store.write(missing, dropped)
            _forget(self._dropped_from_store, dropped)
            bus.publish(TOPIC, packed(()))

    async def _read_file(self) -> bool:
        if self._file is None:
            return True
        try:
            data = await self._file.read()
        except OSError as error:
            self._say(_FILE, error.strerror or type(error).__name__)
            return False
        if data:
            self._apply(await asyncio.to_thread(unpacked, data), Source.FILE)
        if not self._is_unsaved:
            self._say(_FILE, None)
        return True

    async def _save(self) -> None:
        """Bring the file up to date. Who waits for another's turn mostly finds the work done."""
        if self._file is None:
            return
        async with self._saving:
            if not self._is_unsaved:
                return
            self._is_unsaved = False
            merge = _Merge(list(self._table), list(self._dropped_from_file))
            try:
                await self._file.rewrite(merge)
            except OSError as error:
                self._is_unsaved = True
                self._say(_FILE, error.strerror or type(error).__name__)
            except BaseException:
                self._is_unsaved = True
                raise
            else:
                self._say(_FILE, None)
                _forget(self._dropped_from_file, merge.dropped)
                self._apply(merge.unknown, Source.FILE)

    def _say(self, where: str, fault: str | None) -> None:
        """Log a change between there and away, once."""
        if (fault is not None) is (where in self._away):
            return
        if fault is None:
            self._away.discard(where)
            _log.info("purges are kept in %s again", where)
        else:
            self._away.add(where)
            _log.error("purges are not kept in %s: %s", where, fault)


def _message(purges: Sequence[Purge]) -> bytes:
    message = packed(purges)
    return message if len(message) <= _LARGEST_MESSAGE else packed(())


def _purge(wanted: Wanted, now: float, name: str, number: int) -> Purge:
    try:
        value = canonical(wanted.scope, wanted.value)
    except PurgeMeaningless as error:
        raise PurgeMeaningless(f"item {number} ({wanted.scope}): {error}") from None
    return Purge(wanted.scope, value, wanted.is_soft, now, name)


def _remember(purges: dict[Purge, None], more: Iterable[Purge]) -> None:
    purges.update(dict.fromkeys(more))
    while len(purges) > _MOST_DROPPED:
        del purges[next(iter(purges))]


def _forget(purges: dict[Purge, None], those: Iterable[Purge]) -> None:
    for one in those:
        purges.pop(one, None)
