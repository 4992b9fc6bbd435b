"""The ledger in memory."""

from __future__ import annotations

import pytest

from auth.revocation import MAX_REVOCATIONS
from origin.ledger.memory_ledger import MemoryLedger
from origin.ledger.store import LedgerFull, LedgerUnavailable
from tests.clock import Clock
from tests.contracts.ledger import STREAM, LedgerContract, Stage


class TestMemoryLedger(LedgerContract):
    @pytest.fixture
    async def stage(self, clock: Clock) -> Stage:
        async def outlast(seconds: float) -> None:
            clock.advance(seconds)

        return Stage(MemoryLedger(clock), outlast, clock)


async def test_it_remembers_so_much_and_refuses_the_rest(clock: Clock) -> None:
    store = MemoryLedger(clock, most=1)
    assert await store.first_use("/vod", "t1", 60)
    assert await store.lease(STREAM)
    other = type(STREAM)("/vod", "bob", "one", 1, 60)
    with pytest.raises(LedgerUnavailable):
        await store.first_use("/vod", "t2", 60)
    with pytest.raises(LedgerUnavailable):
        await store.lease(other)
    assert not await store.first_use("/vod", "t1", 60)
    clock.advance(60)
    assert await store.first_use("/vod", "t2", 60)
    assert await store.lease(other)


async def test_a_full_store_looks_for_room_once_a_second(clock: Clock) -> None:
    store = MemoryLedger(clock, most=1)
    assert await store.first_use("/vod", "t1", 60)
    for later in (59.5, 0.5):
        clock.advance(later)
        with pytest.raises(LedgerUnavailable):
            await store.first_use("/vod", "t2", 60)
    clock.advance(0.5)
    assert await store.first_use("/vod", "t2", 60)


async def test_it_takes_so_many_revocations(clock: Clock) -> None:
    store = MemoryLedger(clock)
    stage = Stage(store, lambda _: store.close(), clock)
    store._revoked = type(store._revoked)(stage.entry(str(number)) for number in range(MAX_REVOCATIONS))
    with pytest.raises(LedgerFull):
        await store.revoke(stage.entry("one more"))
