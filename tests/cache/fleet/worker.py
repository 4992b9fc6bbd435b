"""A node in a process of its own: `python -m tests.cache.fleet.worker URL LEASE_SECONDS`.

It reads "get", "give VALUE" and "fail" from its input, and writes "ready", then "asked" when its source is asked, which
waits for "give" or "fail", and "got VALUE OUTCOME" or "failed" for each "get".
"""

from __future__ import annotations

import asyncio
import sys
import time

from cache.key import CacheKey
from cache.l1_memory import MemoryTier
from cache.l2_redis import RedisLimits, RedisSecondTier
from cache.tiers import Cache, Policy
from tests.cache.fleet.nodes import PATIENT, node_at
from tests.cache.sources import Source, SourceDown, TextCodec

KEY = CacheKey("manifest", "/live/a.m3u8")


def say(*words: str) -> None:
    """One line to whoever started us."""
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


async def main(url: str, seconds: float) -> None:
    """Do as told until the input ends."""
    told: asyncio.Queue[list[str]] = asyncio.Queue()
    source = Source()

    async def wait() -> None:
        say("asked")
        order, *value = await told.get()
        source.value = value[0] if value else ""
        source.failure = SourceDown() if order == "fail" else None

    async def get() -> None:
        try:
            hit = await cache.get(KEY, source.load)
        except SourceDown:
            say("failed")
        else:
            say("got", hit.entry.value, hit.outcome.value)

    source.wait = wait
    tier = RedisSecondTier(url, limits=RedisLimits(budget_seconds=PATIENT))
    async with node_at(url, seconds=seconds, name=f"worker-{id(told)}-{time.monotonic_ns()}") as node:
        policy = Policy(source_trouble=(SourceDown,))
        cache = Cache(TextCodec(), MemoryTier(2**20), tier, time.time, policy, leases=node.leases)
        getting: set[asyncio.Task[None]] = set()
        say("ready")
        while words := (await asyncio.to_thread(sys.stdin.readline)).split():
            if words == ["get"]:
                getting.add(asyncio.ensure_future(get()))
            else:
                told.put_nowait(words)
        await cache.close()
        await asyncio.gather(*getting, return_exceptions=True)
    await tier.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
