"""What every `SecondTier` owes the cache, as a test class.

A tier's test module inherits `SecondTierContract` and gives it a `stage` fixture.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from cache.errors import SecondTierUnavailable
from cache.key import CacheKey
from cache.l2 import SecondTier

LARGEST = 2048  # bytes; a stage's tier takes values up to this size
KEY = CacheKey("manifest", "/vod/a.m3u8")


@dataclass(frozen=True, slots=True)
class Stage:
    """A tier, and a way to let its time pass."""

    tier: SecondTier
    outlast: Callable[[float], Awaitable[None]]  # until what was set for so many seconds must be gone


class SecondTierContract:
    """Inherit it and define `stage`: an empty tier that takes values of at most `LARGEST` bytes."""

    @pytest.fixture
    async def stage(self) -> Stage:
        raise NotImplementedError

    async def test_absent_is_none(self, stage: Stage) -> None:
        assert await stage.tier.get(KEY) is None

    @pytest.mark.parametrize(
        "value",
        [b"\0", bytes(range(256)), b"\r\n$-1\r\n", b"x" * LARGEST],
        ids=["nul", "all", "wire", "largest"],
    )
    async def test_gives_back_the_bytes(self, stage: Stage, value: bytes) -> None:
        await stage.tier.set(KEY, value, 60)
        assert await stage.tier.get(KEY) == value

    async def test_the_last_value_counts(self, stage: Stage) -> None:
        await stage.tier.set(KEY, b"a long first value", 60)
        await stage.tier.set(KEY, b"second", 60)
        assert await stage.tier.get(KEY) == b"second"

    async def test_keys_are_kept_apart(self, stage: Stage) -> None:
        keys = [
            KEY,
            CacheKey("manifest", "/vod/a.m3u8", "variant"),
            CacheKey("manifest", "/vod/a.m3u8;variant"),
            CacheKey("index", "/vod/a.m3u8"),
            CacheKey("manifest", "/vod/" + "ü\r\n\0 *" * 100),
            CacheKey("manifest", ""),
        ]
        for number, key in enumerate(keys):
            await stage.tier.set(key, b"%d" % number, 60)
        assert [await stage.tier.get(key) for key in keys] == [b"%d" % number for number in range(len(keys))]

    async def test_deleted_is_absent(self, stage: Stage) -> None:
        other = CacheKey("manifest", "/vod/b.m3u8")
        await stage.tier.set(KEY, b"a", 60)
        await stage.tier.set(other, b"b", 60)
        await stage.tier.delete(KEY)
        await stage.tier.delete(KEY)
        assert await stage.tier.get(KEY) is None
        assert await stage.tier.get(other) == b"b"

    async def test_expires(self, stage: Stage) -> None:
        await stage.tier.set(KEY, b"a", 0.05)
        await stage.outlast(0.05)
        assert await stage.tier.get(KEY) is None

    async def test_a_new_value_has_its_own_time(self, stage: Stage) -> None:
        await stage.tier.set(KEY, b"a", 0.05)
        await stage.tier.set(KEY, b"b", 60)
        await stage.outlast(0.05)
        assert await stage.tier.get(KEY) == b"b"

    async def test_a_holder_that_was_overtaken_replaces_nothing(self, stage: Stage) -> None:
        await stage.tier.set(KEY, b"newer", 60, 1_800_000_000_002)
        await stage.tier.set(KEY, b"older", 60, 1_800_000_000_001)
        assert await stage.tier.get(KEY) == b"newer"
        await stage.tier.set(KEY, b"its own again", 60, 1_800_000_000_002)
        assert await stage.tier.get(KEY) == b"its own again"
        await stage.tier.set(KEY, b"newest", 60, 1_800_000_000_003)
        assert await stage.tier.get(KEY) == b"newest"

    async def test_fences_are_kept_apart_by_key(self, stage: Stage) -> None:
        other = CacheKey("manifest", "/vod/b.m3u8")
        await stage.tier.set(KEY, b"a", 60, 9)
        await stage.tier.set(other, b"b", 60, 1)
        assert await stage.tier.get(other) == b"b"

    async def test_without_a_fence_anything_is_replaced_and_the_fence_stays(self, stage: Stage) -> None:
        await stage.tier.set(KEY, b"fenced", 60, 9)
        await stage.tier.set(KEY, b"free", 60)
        assert await stage.tier.get(KEY) == b"free"
        await stage.tier.set(KEY, b"older", 60, 8)
        assert await stage.tier.get(KEY) == b"free"

    async def test_what_is_gone_is_behind_no_fence(self, stage: Stage) -> None:
        await stage.tier.set(KEY, b"a", 60, 9)
        await stage.tier.delete(KEY)
        await stage.tier.set(KEY, b"b", 0.05, 8)
        assert await stage.tier.get(KEY) == b"b"
        await stage.outlast(0.05)
        await stage.tier.set(KEY, b"c", 60, 7)
        assert await stage.tier.get(KEY) == b"c"

    @pytest.mark.parametrize("value", [b"", b"x" * (LARGEST + 1)], ids=["empty", "too large"])
    async def test_what_it_does_not_take_raises_no_fence(self, stage: Stage, value: bytes) -> None:
        await stage.tier.set(KEY, b"kept", 60, 1)
        await stage.tier.set(KEY, value, 60, 3)
        await stage.tier.set(KEY, b"next", 60, 2)
        assert await stage.tier.get(KEY) == b"next"

    @pytest.mark.parametrize("ttl", [0, -1, -1e12])
    async def test_no_time_to_live_keeps_nothing(self, stage: Stage, ttl: float) -> None:
        await stage.tier.set(KEY, b"a", ttl)
        assert await stage.tier.get(KEY) is None

    async def test_a_very_long_time_to_live_is_taken(self, stage: Stage) -> None:
        await stage.tier.set(KEY, b"a", 1e300)
        assert await stage.tier.get(KEY) == b"a"

    @pytest.mark.parametrize("value", [b"", b"x" * (LARGEST + 1)], ids=["empty", "too large"])
    async def test_what_it_does_not_take_is_not_there(self, stage: Stage, value: bytes) -> None:
        await stage.tier.set(KEY, value, 60)
        assert await stage.tier.get(KEY) is None

    async def test_many_at_once(self, stage: Stage) -> None:
        keys = [CacheKey("manifest", f"/{number}") for number in range(100)]
        await asyncio.gather(*(stage.tier.set(key, key.text.encode(), 60) for key in keys))
        assert await asyncio.gather(*map(stage.tier.get, keys)) == [key.text.encode() for key in keys]

    async def test_answers_a_probe(self, stage: Stage) -> None:
        await stage.tier.probe()

    async def test_a_cancelled_look_up_disturbs_no_other(self, stage: Stage) -> None:
        await stage.tier.set(KEY, b"a", 60)
        for steps in range(8):
            task = asyncio.ensure_future(stage.tier.get(KEY))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert await stage.tier.get(CacheKey("manifest", "/absent")) is None
            assert await stage.tier.get(KEY) == b"a"

    async def test_closed_it_misses_and_says_so_when_probed(self, stage: Stage) -> None:
        await stage.tier.set(KEY, b"a", 60)
        await stage.tier.close()
        await stage.tier.close()
        await stage.tier.set(KEY, b"b", 60)
        assert await stage.tier.get(KEY) is None
        await stage.tier.delete(KEY)
        with pytest.raises(SecondTierUnavailable):
            await stage.tier.probe()
