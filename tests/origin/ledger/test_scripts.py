"""What only Redis itself sees of the scripts; tests/contracts/ledger has the rest."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from origin.ledger import scripts
from tests.redis_server import RedisServer

pytestmark = pytest.mark.needs("redis-server")


async def test_asking_again_after_a_broken_connection_is_no_second_use(redis_server: RedisServer) -> None:
    async with Redis.from_url(redis_server.url) as client:

        async def use(mark: str) -> object:
            return await client.execute_command("EVAL", scripts.FIRST_USE, 1, "use", mark, 60_000)  # type: ignore[no-untyped-call]

        assert [await use("a"), await use("a"), await use("b"), await use("a")] == [1, 1, 0, 1]
        assert 0 < await client.pttl("use") <= 60_000


async def test_the_evicted_are_forgotten_with_the_streams(redis_server: RedisServer) -> None:
    async with Redis.from_url(redis_server.url) as client:
        for session in ("one", "two", "three"):
            words = ("live", "began", "gone", session, 1, 60_000, 1)
            assert await client.execute_command("EVAL", scripts.LEASE, 3, *words) == 1  # type: ignore[no-untyped-call]
        assert [await client.zcard(key) for key in ("live", "began", "gone")] == [1, 1, 2]
        assert all([0 < await client.pttl(key) <= 120_000 for key in ("live", "began", "gone")])
