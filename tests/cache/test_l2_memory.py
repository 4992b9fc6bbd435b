from __future__ import annotations

import pytest

from cache.key import CacheKey
from cache.l2_memory import MemorySecondTier
from tests.clock import Clock
from tests.contracts.second_tier import LARGEST, SecondTierContract, Stage


class TestMemorySecondTier(SecondTierContract):
    @pytest.fixture
    async def stage(self, clock: Clock) -> Stage:
        async def outlast(seconds: float) -> None:
            clock.advance(seconds)

        return Stage(MemorySecondTier(clock, largest_value_bytes=LARGEST), outlast)


async def test_what_was_set_first_leaves_first(clock: Clock) -> None:
    tier = MemorySecondTier(clock, capacity_bytes=10)
    keys = [CacheKey("n", str(number)) for number in range(4)]
    for key in keys:
        await tier.set(key, b"1234", 60)
    assert [await tier.get(key) for key in keys] == [None, None, b"1234", b"1234"]
    await tier.set(keys[2], b"1", 60)
    await tier.set(keys[0], b"12345", 60)
    assert [await tier.get(key) for key in keys] == [b"12345", None, b"1", b"1234"]


async def test_what_expired_takes_no_room(clock: Clock) -> None:
    tier = MemorySecondTier(clock, capacity_bytes=10)
    keep, gone, new = (CacheKey("n", name) for name in ("keep", "gone", "new"))
    await tier.set(keep, b"1234", 60)
    await tier.set(gone, b"1234", 1)
    clock.advance(1)
    assert await tier.get(gone) is None
    await tier.set(new, b"123456", 60)
    assert await tier.get(keep) == b"1234"


async def test_nothing_is_larger_than_the_whole(clock: Clock) -> None:
    tier = MemorySecondTier(clock, capacity_bytes=3)
    await tier.set(CacheKey("n", "a"), b"1234", 60)
    assert await tier.get(CacheKey("n", "a")) is None
