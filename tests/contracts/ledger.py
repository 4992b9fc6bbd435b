"""What every `LedgerStore` owes the ledger, as a test class.

A store's test module inherits `LedgerContract` and gives it a `stage` fixture.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import pytest

from auth.revocation import Revocation, Revocations, Revoked
from origin.ledger.store import LedgerStore, Stream

BRIEF = 0.3  # seconds that a stage outlasts
STREAM = Stream("/vod", "ann", "one", most=2, lease_seconds=60)
BRIEFLY = replace(STREAM, lease_seconds=BRIEF)


@dataclass(frozen=True, slots=True)
class Stage:
    """A store, and a way to let its time pass."""

    store: LedgerStore
    outlast: Callable[[float], Awaitable[None]]
    now: Callable[[], float]  # Unix seconds, as the store sees them

    def entry(self, value: str = "t1", seconds: float = 60) -> Revocation:
        """A revocation in force for `seconds`."""
        return Revocation(Revoked.TOKEN, value, self.now() + seconds)


class LedgerContract:
    """Inherit it and define `stage`: an empty store."""

    @pytest.fixture
    async def stage(self) -> Stage:
        raise NotImplementedError

    async def test_a_token_is_used_once(self, stage: Stage) -> None:
        assert await stage.store.first_use("/vod", "t1", 60)
        assert not await stage.store.first_use("/vod", "t1", 60)
        assert not await stage.store.first_use("/vod", "t1", 60)

    async def test_uses_are_kept_apart_by_token_and_mount(self, stage: Stage) -> None:
        uses = [
            ("/vod", "t1"),
            ("/vod", "t2"),
            ("/live", "t1"),
            ("/", "vod:t1"),
            ("/vod", "ü\r\n *" * 50),
            ("/a:b", ""),
        ]
        assert all([await stage.store.first_use(mount, token, 60) for mount, token in uses])

    async def test_of_many_uses_at_once_one_is_the_first(self, stage: Stage) -> None:
        uses = await asyncio.gather(*(stage.store.first_use("/vod", "t1", 60) for _ in range(50)))
        assert sum(uses) == 1

    async def test_a_use_is_forgotten_after_its_time(self, stage: Stage) -> None:
        assert await stage.store.first_use("/vod", "t1", BRIEF)
        await stage.outlast(BRIEF)
        assert await stage.store.first_use("/vod", "t1", 60)

    async def test_so_many_streams_and_no_more(self, stage: Stage) -> None:
        asked = [await stage.store.lease(replace(STREAM, session=name)) for name in ("one", "two", "three", "one")]
        assert asked == [True, True, False, True]

    async def test_of_many_streams_at_once_only_so_many_begin(self, stage: Stage) -> None:
        asked = (stage.store.lease(replace(STREAM, session=str(number))) for number in range(50))
        assert sum(await asyncio.gather(*asked)) == STREAM.most

    async def test_subjects_and_mounts_have_streams_of_their_own(self, stage: Stage) -> None:
        only = replace(STREAM, most=1)
        others = [
            replace(only, subject="bob"),
            replace(only, mount="/live"),
            replace(only, subject="ann:", session="x"),
        ]
        assert all([await stage.store.lease(each) for each in (only, *others)])

    async def test_silence_frees_a_place(self, stage: Stage) -> None:
        only = replace(BRIEFLY, most=1)
        assert await stage.store.lease(only)
        assert not await stage.store.lease(replace(only, session="two"))
        await stage.outlast(BRIEF)
        assert await stage.store.lease(replace(only, session="two"))
        assert not await stage.store.lease(only)

    async def test_a_renewal_keeps_the_place(self, stage: Stage) -> None:
        only = replace(BRIEFLY, most=1)
        for _ in range(3):
            assert await stage.store.lease(only)
            await stage.outlast(BRIEF * 0.6)
        assert not await stage.store.lease(replace(only, session="two"))

    async def test_a_refusal_takes_no_place(self, stage: Stage) -> None:
        only = replace(BRIEFLY, most=1)
        assert await stage.store.lease(only)
        await stage.outlast(BRIEF * 0.6)
        assert not await stage.store.lease(replace(only, session="two"))
        await stage.outlast(BRIEF * 0.6)
        assert await stage.store.lease(replace(only, session="three"))

    async def test_the_newest_may_take_the_place_of_the_oldest(self, stage: Stage) -> None:
        first, second, third = (replace(STREAM, session=name, evicts=True) for name in ("c", "b", "a"))
        for each in (first, second):
            assert await stage.store.lease(each)
            await stage.outlast(0.01)
        assert await stage.store.lease(first)  # a renewal makes nothing younger
        assert await stage.store.lease(third)
        assert [await stage.store.lease(each) for each in (first, second, third)] == [False, True, True]

    async def test_the_evicted_stays_out_until_it_falls_silent(self, stage: Stage) -> None:
        old, new = (replace(BRIEFLY, session=name, most=1, evicts=True) for name in ("old", "new"))
        assert await stage.store.lease(old)
        assert await stage.store.lease(new)
        for _ in range(3):
            await stage.outlast(BRIEF * 0.6)
            assert not await stage.store.lease(old)
            assert await stage.store.lease(new)
        await stage.outlast(BRIEF)
        assert await stage.store.lease(old)

    async def test_a_lower_limit_lets_those_go_on_who_play(self, stage: Stage) -> None:
        assert await stage.store.lease(STREAM)
        assert await stage.store.lease(replace(STREAM, session="two"))
        assert await stage.store.lease(replace(STREAM, most=1))
        assert not await stage.store.lease(replace(STREAM, session="three", most=1))

    async def test_revocations_are_added_and_lifted(self, stage: Stage) -> None:
        first, second = stage.entry("t1"), stage.entry("ü\r\n *")
        moment = Revocation(Revoked.ISSUED_BEFORE, "", stage.now() + 60, "/vod", stage.now())
        for each in (first, second, moment):
            await stage.store.revoke(each)
        known = await stage.store.revocations(Revocations())
        assert {*known} == {first, second, moment}
        assert await stage.store.revocations(known) is known
        assert await stage.store.lift(first.id)
        assert not await stage.store.lift(first.id)
        assert {*await stage.store.revocations(known)} == {second, moment}

    async def test_the_last_word_about_an_entry_counts(self, stage: Stage) -> None:
        longer = stage.entry()
        shorter = replace(longer, ends=longer.ends - 30)
        for each in (longer, shorter):
            await stage.store.revoke(each)
            assert [*await stage.store.revocations(Revocations())] == [each]

    async def test_a_revocation_ends(self, stage: Stage) -> None:
        await stage.store.revoke(stage.entry("brief", BRIEF))
        await stage.store.revoke(stage.entry("long"))
        known = await stage.store.revocations(Revocations())
        await stage.outlast(BRIEF)
        assert [each.value for each in await stage.store.revocations(known)] == ["long"]

    async def test_a_change_is_waited_for_a_bounded_time(self, stage: Stage) -> None:
        async with asyncio.timeout(5):
            await stage.store.change(0.05)

    async def test_it_closes_twice(self, stage: Stage) -> None:
        await stage.store.close()
        await stage.store.close()
