"""A disk store beside a plain dictionary that says what each key must have."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from cache.disk.fill import Fill
from cache.disk.limits import DiskLimits
from cache.disk.store import DiskStore
from cache.extents import Extents
from tests.cache.disk.stores import KIB, DiskTally, Run, files_in
from tests.clock import Clock

LENGTH = 24 * KIB
LIMITS = DiskLimits(max_bytes=56 * KIB, max_object_bytes=20 * KIB, block_bytes=4 * KIB, memory_fill_bytes=1 << 30)

keys = st.sampled_from(["a", "b", "c", "d"])
heads = st.binary(max_size=5)
runs = st.tuples(st.integers(0, LENGTH - 1), st.integers(1, 9 * KIB)).map(
    lambda run: (run[0], min(LENGTH, run[0] + run[1]))
)

puts = st.lists(st.tuples(keys, st.integers(1, LIMITS.max_object_bytes)), min_size=1, max_size=4)


def right_bytes(serial: int, start: int, stop: int) -> bytes:
    """What every body that was begun as this one has there."""
    return random.Random(serial).randbytes(LENGTH)[start:stop]


@dataclass(frozen=True)
class Body:
    """What the model knows of a body."""

    serial: int  # what it was begun as
    head: bytes
    extents: Extents


@dataclass
class Filled:
    """What the model knows of a fill."""

    fill: Fill
    key: str
    head: bytes | None
    serial: int
    extents: Extents
    extends: bool


class StoreAgainstModel(RuleBasedStateMachine):
    """Whatever is done in whatever order: what is found is right, and only eviction and removal take it away."""

    fills = Bundle("fills")

    def __init__(self) -> None:
        """An empty store."""
        super().__init__()
        self.runner = asyncio.Runner()
        self.directory = Path(tempfile.mkdtemp())
        self.clock = Clock()
        self.model: dict[str, Body] = {}
        self.serials = 0
        self.open_fills: list[Filled] = []
        self.tally = DiskTally()
        self.evicted = 0
        self.store = self.runner.run(DiskStore.open(self.directory, LIMITS, self.clock, self.tally))

    @rule(target=fills, key=keys, head=heads, expects=st.none() | runs)
    def begin(self, key: str, head: bytes, expects: tuple[int, int] | None) -> Filled:
        self.serials += 1
        length = LENGTH if expects is not None else None
        fill = self.runner.run(self.store.begin(key, head, length=length, expects=expects))
        return self._opened(Filled(fill, key, head, self.serials, Extents(), extends=False))

    @initialize(puts=puts)
    def begin_with(self, puts: list[tuple[str, int]]) -> None:
        self.put(puts)

    @rule(puts=puts)
    def put(self, puts: list[tuple[str, int]]) -> None:
        for key, size in puts:
            self.serials += 1
            fill = self.runner.run(self.store.begin(key, b"put", length=LENGTH, expects=(0, size)))
            self.only_the_evicted_are_gone()
            self.runner.run(fill.write(0, right_bytes(self.serials, 0, size)))
            if self.runner.run(fill.commit()):
                self.model[key] = Body(self.serials, b"put", Extents(((0, size),)))
            assert fill.is_saved == (key in self.model and self.model[key].serial == self.serials)

    @rule(target=fills, key=keys, expects=st.none() | runs)
    def extend(self, key: str, expects: tuple[int, int] | None) -> Filled | None:
        held = self.runner.run(self.store.get(key))
        if held is None:
            return None
        body = self.model[key]
        if expects is not None and body.extents.with_run(*expects).size > LIMITS.max_object_bytes:
            expects = None
        fill = self.runner.run(self.store.extend(held, expects=expects))
        held.release()
        return self._opened(Filled(fill, key, None, body.serial, body.extents, extends=True))

    @rule(filled=fills, run=runs)
    def write(self, filled: Filled | None, run: tuple[int, int]) -> None:
        if filled is None or filled not in self.open_fills:
            return
        self.runner.run(filled.fill.write(run[0], right_bytes(filled.serial, *run)))
        filled.extents = filled.extents.with_run(*run)

    @rule(filled=fills, start=st.integers(0, LENGTH - 1))
    def read_what_is_there(self, filled: Filled | None, start: int) -> None:
        if filled is None or filled not in self.open_fills:
            return
        reach = filled.fill.reach(start)
        assert reach == filled.extents.reach(start)
        read = b""
        while start + len(read) < reach:
            read += self.runner.run(filled.fill.read(start + len(read), reach))
        assert read == right_bytes(filled.serial, start, reach)

    @rule(filled=consumes(fills), head=st.none() | heads)
    def commit(self, filled: Filled | None, head: bytes | None) -> None:
        if filled is None or filled not in self.open_fills:
            return
        self.open_fills.remove(filled)
        old = self.model.get(filled.key)
        is_current = not filled.extends or (old is not None and old.serial == filled.serial)
        fits = filled.extents.size <= LIMITS.max_object_bytes and filled.fill.is_saved
        assert self.runner.run(filled.fill.commit(head=head)) == (is_current and fits)
        if not (is_current and fits):
            return
        extents = filled.extents
        if filled.extends and old is not None:
            for run in old.extents.runs:
                extents = extents.with_run(*run)
        kept_head = old.head if old is not None and filled.extends else filled.head or b""
        self.model[filled.key] = Body(filled.serial, kept_head if head is None else head, extents)

    @rule(filled=consumes(fills))
    def abandon(self, filled: Filled | None) -> None:
        if filled is not None and filled in self.open_fills:
            self.open_fills.remove(filled)
            self.runner.run(filled.fill.abandon())

    @rule(key=keys)
    def get(self, key: str) -> None:
        self.runner.run(self._check(key))

    @rule(key=keys, head=heads)
    def rewrite(self, key: str, head: bytes) -> None:
        held = self.store.peek(key) or self.runner.run(self.store.get(key))
        if held is not None:
            assert self.runner.run(self.store.rewrite_head(key, held, head))
            held.release()
            self.model[key] = replace(self.model[key], head=head)

    @rule(key=keys)
    def remove(self, key: str) -> None:
        assert self.runner.run(self.store.remove(key)) == (self.model.pop(key, None) is not None)

    @rule(seconds=st.sampled_from([0.5, 2]))
    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.runner.run(self.store._looking.tick())

    @rule()
    def reopen(self) -> None:
        self.runner.run(self.store.close())
        self.open_fills.clear()
        self.store = self.runner.run(DiskStore.open(self.directory, LIMITS, self.clock, self.tally))

    @invariant()
    def only_the_evicted_are_gone(self) -> None:
        found = set(self.runner.run(self.store.find("")))
        gone = set(self.model) - found
        assert found <= set(self.model)
        assert len(gone) == self.tally.evicted_bodies - self.evicted
        self.evicted = self.tally.evicted_bodies
        for key in gone:
            del self.model[key]
            assert self.store.peek(key) is None

    @invariant()
    def there_is_no_more_than_may_be(self) -> None:
        stats = self.runner.run(self.store.stats())
        assert stats.size_bytes + stats.filling.size_bytes <= LIMITS.max_bytes
        assert stats.objects == len(self.model)
        new = sum(not filled.extends and filled.fill._saving is not None for filled in self.open_fills)
        assert len(files_in(self.directory)) == len(self.model) + new

    def teardown(self) -> None:
        """Everything that is there is right; then nothing is."""
        for key in self.model:
            self.runner.run(self._check(key))
        assert self.runner.run(self.store.verify()) == []
        self.runner.run(self.store.close())
        self.runner.close()
        shutil.rmtree(self.directory)

    def _opened(self, filled: Filled) -> Filled:
        self.open_fills.append(filled)
        return filled

    async def _check(self, key: str) -> None:
        held, body = await self.store.get(key), self.model.get(key)
        assert (held is None) == (body is None)
        if held is not None and body is not None:
            assert (held.head, held.extents) == (body.head, body.extents)
            for start, stop in held.extents.runs:
                assert await held.read(Run(start, stop - start)) == right_bytes(body.serial, start, stop)
            held.release()
