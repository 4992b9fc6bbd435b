"""What the ledger decides, with a store and without."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest

from auth.claims import Claims
from auth.errors import Denied, Misuse, Reason
from auth.revocation import Revocation, Revocations, Revoked, token_hash
from auth.secret import Token
from origin.ledger.ledger import Asked, Ledger
from origin.ledger.limits import Limits
from origin.ledger.memory_ledger import MemoryLedger
from origin.ledger.record import Decision, Rule, StoreOperation
from origin.ledger.store import LedgerUnavailable, Stream
from tests.clock import Clock


@dataclass
class Tally:
    """A `Recorder` that counts."""

    decisions: Counter[tuple[str, Rule, Decision]] = field(default_factory=Counter)
    failures: Counter[StoreOperation] = field(default_factory=Counter)
    seen: tuple[int, float] = (0, 0.0)

    def ledger_decided(self, mount: str, rule: Rule, decision: Decision) -> None:
        self.decisions[mount, rule, decision] += 1

    def ledger_failed(self, operation: StoreOperation) -> None:
        self.failures[operation] += 1

    def revocations(self, entries: int, age_seconds: float) -> None:
        self.seen = (entries, age_seconds)


class Flaky(MemoryLedger):
    """A store that can go away, and counts how often it is asked about streams."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.is_away = False
        self.leases = 0

    def _answer(self) -> None:
        if self.is_away:
            raise LedgerUnavailable("away")

    async def first_use(self, mount: str, token_id: str, seconds: float) -> bool:
        self._answer()
        return await super().first_use(mount, token_id, seconds)

    async def lease(self, stream: Stream) -> bool:
        self._answer()
        self.leases += 1
        return await super().lease(stream)

    async def revoke(self, revocation: Revocation) -> None:
        self._answer()
        await super().revoke(revocation)

    async def lift(self, revocation_id: str) -> bool:
        self._answer()
        return await super().lift(revocation_id)

    async def revocations(self, known: Revocations) -> Revocations:
        self._answer()
        return await super().revocations(known)


@dataclass(frozen=True, slots=True)
class Bench:
    """A ledger and everything around it."""

    clock: Clock
    store: Flaky
    tally: Tally
    ledger: Ledger

    async def refusal(self, asked: Asked) -> Reason | None:
        """Why the request is refused, or None when it is let in."""
        try:
            await self.ledger.check(asked)
        except Denied as denied:
            return denied.reason
        return None


@pytest.fixture
def bench(clock: Clock) -> Bench:
    store, tally = Flaky(clock), Tally()
    return Bench(clock, store, tally, Ledger(store, tally, clock=clock, monotonic=clock))


CLAIMS = Claims(subject="ann", token_id="t1", expires=1_800_000_600.0, issued_at=1_800_000_000.0)
ASKED = Asked("/vod", "clock", CLAIMS, Token("a.b.c"))
ONCE = replace(ASKED, claims=replace(CLAIMS, one_time=True))
TWO = Limits(max_streams=2)


def playing(session: str | None, limits: Limits = TWO, subject: str | None = "ann") -> Asked:
    return replace(ASKED, claims=replace(CLAIMS, session_id=session, subject=subject), limits=limits)


async def test_without_limits_nothing_is_asked(bench: Bench) -> None:
    bench.store.is_away = True
    assert await bench.refusal(ASKED) is None
    assert bench.tally.decisions == {}


async def test_a_one_time_token_is_good_once(bench: Bench) -> None:
    assert [await bench.refusal(ONCE) for _ in range(3)] == [None, Reason.REPLAYED, Reason.REPLAYED]
    decided = bench.tally.decisions
    assert decided == {("/vod", Rule.ONE_TIME, Decision.KEPT): 1, ("/vod", Rule.ONE_TIME, Decision.BROKEN): 2}


async def test_a_use_is_remembered_longer_than_clocks_may_disagree(bench: Bench) -> None:
    assert await bench.refusal(ONCE) is None
    bench.clock.advance(600 + 300)
    assert await bench.refusal(ONCE) is Reason.REPLAYED


@pytest.mark.parametrize("claims", [replace(CLAIMS, token_id=None), replace(CLAIMS, expires=None)])
async def test_a_one_time_token_needs_an_id_and_an_end(bench: Bench, claims: Claims) -> None:
    asked = replace(ONCE, claims=replace(claims, one_time=True))
    assert await bench.refusal(asked) is Reason.UNSUPPORTED


@pytest.mark.parametrize(("unchecked", "expected"), [(False, Reason.STORE_UNAVAILABLE), (True, None)])
async def test_one_time_without_a_store_is_the_mounts_choice(
    bench: Bench, unchecked: bool, expected: Reason | None
) -> None:
    bench.store.is_away = True
    assert await bench.refusal(replace(ONCE, limits=Limits(one_time_unchecked=unchecked))) is expected
    decision = Decision.UNCHECKED if unchecked else Decision.UNAVAILABLE
    assert bench.tally.decisions == {("/vod", Rule.ONE_TIME, decision): 1}
    assert bench.tally.failures == {StoreOperation.FIRST_USE: 1}


@pytest.mark.parametrize(("unchecked", "expected"), [(False, Reason.STORE_UNAVAILABLE), (True, None)])
async def test_streams_without_a_store_are_the_mounts_choice(
    bench: Bench, unchecked: bool, expected: Reason | None
) -> None:
    bench.store.is_away = True
    assert await bench.refusal(playing("s1", Limits(1, streams_unchecked=unchecked))) is expected
    assert bench.tally.failures == {StoreOperation.LEASE: 1}


def test_by_default_one_time_is_refused_and_streams_go_on_without_a_store() -> None:
    assert (Limits().one_time_unchecked, Limits().streams_unchecked) == (False, True)


async def test_so_many_streams_and_no_more(bench: Bench) -> None:
    asked = [await bench.refusal(playing(session)) for session in ("s1", "s2", "s3", "s1")]
    assert asked == [None, None, Reason.TOO_MANY_STREAMS, None]


async def test_a_stream_that_falls_silent_makes_room(bench: Bench) -> None:
    only = Limits(max_streams=1)
    assert await bench.refusal(playing("s1", only)) is None
    bench.clock.advance(30)
    assert await bench.refusal(playing("s2", only)) is None
    assert await bench.refusal(playing("s1", only)) is Reason.TOO_MANY_STREAMS


async def test_the_newest_takes_the_place_of_the_oldest(bench: Bench) -> None:
    only = Limits(max_streams=1, evicts=True)
    assert await bench.refusal(playing("s1", only)) is None
    assert await bench.refusal(playing("s2", only)) is None
    bench.clock.advance(5)
    assert await bench.refusal(playing("s1", only)) is Reason.TOO_MANY_STREAMS
    assert await bench.refusal(playing("s2", only)) is None


async def test_a_session_asks_the_store_every_few_seconds_only(bench: Bench) -> None:
    for _ in range(100):
        bench.clock.advance(0.3)
        assert await bench.refusal(playing("s1")) is None
    assert bench.store.leases <= 7


async def test_without_a_session_each_token_is_a_stream(bench: Bench) -> None:
    first = playing(None)
    second = replace(first, claims=replace(CLAIMS, token_id="t2"))
    unnamed = replace(first, claims=replace(CLAIMS, token_id=None))
    other = replace(unnamed, token=Token("a.b.d"))
    asked = [await bench.refusal(each) for each in (first, unnamed, unnamed, second, other, first)]
    assert asked == [None, None, None, Reason.TOO_MANY_STREAMS, Reason.TOO_MANY_STREAMS, None]


async def test_streams_of_nobody_are_counted_as_such(bench: Bench) -> None:
    for session in ("s1", "s2", "s3"):
        assert await bench.refusal(playing(session, subject=None)) is None
    assert bench.tally.decisions == {("/vod", Rule.STREAMS, Decision.UNNAMED): 3}


async def test_what_is_revoked_is_refused_at_once_and_until_it_is_lifted(bench: Bench) -> None:
    entry = await bench.ledger.revoke(Revoked.TOKEN_HASH, token_hash(Token("a.b.c")), seconds=60)
    assert bench.ledger.list() == (entry,)
    assert await bench.refusal(ONCE) is Reason.REVOKED
    assert bench.tally.decisions == {("/vod", Rule.REVOCATION, Decision.BROKEN): 1}
    assert await bench.ledger.lift(entry.id)
    assert not await bench.ledger.lift(entry.id)
    assert await bench.refusal(ONCE) is None, "a refusal has not used it up"


async def test_a_revocation_is_never_shortened(bench: Bench) -> None:
    longer = await bench.ledger.revoke(Revoked.SUBJECT, "ann", seconds=60)
    assert await bench.ledger.revoke(Revoked.SUBJECT, "ann", seconds=30) == longer
    extended = await bench.ledger.revoke(Revoked.SUBJECT, "ann", seconds=90)
    assert bench.ledger.list() == (extended,)
    bench.clock.advance(90)
    assert bench.ledger.list() == ()


async def test_nothing_cannot_be_revoked(bench: Bench) -> None:
    with pytest.raises(Misuse):
        await bench.ledger.revoke(Revoked.SUBJECT, seconds=60)


async def test_without_a_store_what_is_known_stays_in_force(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    await bench.ledger.revoke(Revoked.SUBJECT, "ann", seconds=60)
    bench.store.is_away = True
    assert not await bench.ledger.refresh()
    assert not await bench.ledger.refresh()
    assert await bench.refusal(ASKED) is Reason.REVOKED
    with pytest.raises(LedgerUnavailable):
        await bench.ledger.revoke(Revoked.SUBJECT, "bob", seconds=60)
    with pytest.raises(LedgerUnavailable):
        await bench.ledger.lift(bench.ledger.list()[0].id)
    assert len(bench.ledger.list()) == 1
    bench.store.is_away = False
    assert await bench.ledger.refresh()
    assert bench.tally.failures == {StoreOperation.LOAD: 2, StoreOperation.REVOKE: 1, StoreOperation.LIFT: 1}
    assert [record.levelno for record in caplog.records if record.levelno >= logging.WARNING] == [logging.ERROR]


async def test_it_follows_the_store_and_tells_how_old_its_knowledge_is(bench: Bench) -> None:
    following = asyncio.ensure_future(bench.ledger.follow())
    await bench.store.revoke(Revocation(Revoked.SUBJECT, "ann", bench.clock() + 60))
    while await bench.refusal(ASKED) is None:
        await asyncio.sleep(0.01)
    while bench.tally.seen != (1, 0.0):
        await asyncio.sleep(0.01)
    bench.store.is_away = True
    bench.clock.advance(7)
    while bench.tally.seen != (1, 7.0):
        await asyncio.sleep(0.01)
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following
    await bench.ledger.close()


async def test_what_an_edge_shows_is_told_apart_from_tokens_and_by_mount(bench: Bench) -> None:
    assert await bench.ledger.first_use("/vod", "t1", 60)
    assert not await bench.ledger.first_use("/vod", "t1", 60)
    assert await bench.ledger.first_use("/live", "t1", 60)
    assert await bench.refusal(ONCE) is None
    bench.clock.now += 60
    assert await bench.ledger.first_use("/vod", "t1", 60)


async def test_without_a_store_nothing_that_an_edge_shows_is_new(bench: Bench) -> None:
    bench.store.is_away = True
    with pytest.raises(Denied) as denied:
        await bench.ledger.first_use("/vod", "t1", 60)
    assert denied.value.reason is Reason.STORE_UNAVAILABLE
    assert bench.tally.failures[StoreOperation.FIRST_USE] == 1
