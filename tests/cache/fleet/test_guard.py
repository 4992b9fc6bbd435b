from __future__ import annotations

import asyncio

import pytest

from cache.breaker import Breaker
from cache.fleet.guard import Guard
from cache.outcome import Result
from cache.redis_link import Script
from tests.cache.fleet.nodes import link_to
from tests.clock import Clock
from tests.redis_server import RedisServer, free_port

REDIS = pytest.mark.needs("redis-server")
ONE = Script("return 1")


@REDIS
async def test_it_asks_and_runs(redis_server: RedisServer) -> None:
    async with link_to(redis_server.url) as link:
        guard = Guard(link, Clock(), lambda: 0.0)
        assert await guard.ask("GET", "absent") == (Result.DONE, None)
        assert await guard.run(ONE, []) == (Result.DONE, 1)


@REDIS
async def test_a_redis_that_failed_is_left_alone_until_the_rest_is_over(redis_server: RedisServer) -> None:
    clock = Clock()
    async with link_to(redis_server.url) as link:
        guard = Guard(link, clock, lambda: 0.0, Breaker(2, rest_seconds=10, longest_rest_seconds=10))
        redis_server.kill()
        for _ in range(2):
            assert (await guard.ask("PING"))[0] is Result.FAILED
        await asyncio.to_thread(redis_server.start)
        assert await guard.ask("PING") == (Result.FAILED, None)
        assert await guard.run(ONE, []) == (Result.FAILED, None)
        clock.advance(10)
        assert await guard.run(ONE, []) == (Result.DONE, 1)
        assert (await guard.ask("PING"))[0] is Result.DONE


@REDIS
async def test_refusals_are_answers(redis_server: RedisServer) -> None:
    async with link_to(redis_server.url) as link:
        guard = Guard(link, Clock(), lambda: 0.0, Breaker(1))
        for _ in range(3):
            assert await guard.ask("WHATEVER") == (Result.REFUSED, None)
        assert (await guard.ask("PING"))[0] is Result.DONE


@REDIS
async def test_a_question_that_is_cancelled_while_it_tries_redis_lets_the_next_one_try(
    redis_server: RedisServer,
) -> None:
    clock = Clock()
    async with link_to(redis_server.url) as link, link_to(f"redis://127.0.0.1:{free_port()}/0") as nowhere:
        breaker = Breaker(1, rest_seconds=10, longest_rest_seconds=10)
        assert (await Guard(nowhere, clock, lambda: 0.0, breaker).ask("PING"))[0] is Result.FAILED
        guard = Guard(link, clock, lambda: 0.0, breaker)
        clock.advance(10)
        redis_server.pause()
        trying = asyncio.ensure_future(guard.ask("PING"))
        await asyncio.sleep(0)
        trying.cancel()
        await asyncio.gather(trying, return_exceptions=True)
        redis_server.resume()
        assert await guard.ask("PING") == (Result.FAILED, None)
        clock.advance(10)
        assert (await guard.ask("PING"))[0] is Result.DONE
