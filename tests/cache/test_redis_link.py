"""The line to a real Redis: answers, faults as values, and what is published."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from cache.errors import BadRedisUrl
from cache.outcome import Result
from cache.redis_link import RedisLink, Script
from tests.fault_proxy import FaultProxy
from tests.redis_server import RedisServer, free_port

REDIS = pytest.mark.needs("redis-server")
PATIENT = 10.0


@asynccontextmanager
async def link_to(url: str, budget_seconds: float = PATIENT, connections: int = 4) -> AsyncIterator[RedisLink]:
    link = RedisLink(url, connections=connections, budget_seconds=budget_seconds)
    try:
        yield link
    finally:
        await link.close()


@REDIS
async def test_it_gives_answers_and_takes_refusals_as_values(redis_server: RedisServer) -> None:
    async with link_to(redis_server.url) as link:
        assert (await link.ask("SET", "a", b"\0b"))[0] is Result.DONE
        assert await link.ask("GET", "a") == (Result.DONE, b"\0b")
        assert await link.ask("GET", "absent") == (Result.DONE, None)
        assert await link.ask("LPUSH", "a", 1) == (Result.REFUSED, None)
        assert await link.ask("WHATEVER") == (Result.REFUSED, None)


@REDIS
async def test_more_questions_than_connections_wait_for_one(redis_server: RedisServer) -> None:
    def clients() -> int:
        return redis_server.ask("CLIENT", "LIST").count(" addr=127")

    others = clients()
    async with link_to(redis_server.url, connections=2) as link:
        answers = await asyncio.gather(*(link.ask("INCR", "n") for _ in range(50)))
        assert clients() <= others + 2
    assert sorted(answers, key=str) == sorted(((Result.DONE, number) for number in range(1, 51)), key=str)


async def test_nobody_there_is_a_failure_without_a_word_of_the_url() -> None:
    port = free_port()
    async with link_to(f"redis://:hunter2@127.0.0.1:{port}/0") as link:
        assert (await link.ask("PING"))[0] is Result.FAILED
        assert repr(link) == f"RedisLink(127.0.0.1:{port})"


@REDIS
async def test_silence_costs_the_budget(redis_server: RedisServer) -> None:
    async with link_to(redis_server.url, budget_seconds=0.1) as link:
        redis_server.pause()
        try:
            async with asyncio.timeout(PATIENT):
                assert (await link.ask("PING"))[0] is Result.TIMED_OUT
        finally:
            redis_server.resume()


@REDIS
async def test_it_hears_what_is_published_and_listens_again_after_a_crash(redis_server: RedisServer) -> None:
    async with link_to(redis_server.url) as link, link_to(redis_server.url) as other:

        async def heard() -> None:
            """Until a publication has a listener, which then wakes up long before its time is over."""
            while (await other.ask("PUBLISH", "news", "x"))[1] != 1:
                await link.listen("news", 0.02)
            async with asyncio.timeout(PATIENT):
                await link.listen("news", 3600)

        await heard()
        await asyncio.to_thread(redis_server.restart)
        await heard()


@REDIS
async def test_a_script_runs_whether_redis_knows_it_or_not(redis_server: RedisServer) -> None:
    adding = Script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    async with link_to(redis_server.url) as link:
        assert await link.run(adding, ["n"], 2) == (Result.DONE, 2)
        assert (await link.ask("SCRIPT", "EXISTS", adding.digest))[1] == [1]
        assert await link.run(adding, ["n"], 3) == (Result.DONE, 5)
        await link.ask("SCRIPT", "FLUSH")
        assert await link.run(adding, ["n"], 4) == (Result.DONE, 9)
        assert await link.run(adding, ["n"], "x") == (Result.REFUSED, None)
        assert await link.run(Script("no Lua"), []) == (Result.REFUSED, None)


@REDIS
async def test_it_passes_on_what_is_published_and_notices_each_loss(redis_server: RedisServer) -> None:
    heard: list[bytes] = []
    came, began = asyncio.Event(), asyncio.Event()

    def hears(data: bytes) -> None:
        heard.append(data)
        came.set()

    async with link_to(redis_server.url, budget_seconds=1) as link, link_to(redis_server.url) as other:
        for fault, undo in ((redis_server.kill, redis_server.start), (redis_server.pause, redis_server.resume)):
            began.clear()
            came.clear()
            hearing = asyncio.ensure_future(link.hear("news", hears, began.set, 0.05))
            await began.wait()
            await other.ask("PUBLISH", "others", b"x")
            assert await other.ask("PUBLISH", "news", b"\0\xff") == (Result.DONE, 1)
            await came.wait()
            fault()
            try:
                await hearing
            finally:
                await asyncio.to_thread(undo)
    assert heard == [b"\0\xff"] * 2


@REDIS
async def test_a_silent_line_is_kept_while_redis_answers(redis_server: RedisServer) -> None:
    began = asyncio.Event()
    async with link_to(redis_server.url) as link, link_to(redis_server.url) as other:
        hearing = asyncio.ensure_future(link.hear("news", lambda _: None, began.set, 0.001))
        await began.wait()
        while b"cmd=ping" not in str((await other.ask("CLIENT", "LIST", "TYPE", "PUBSUB"))[1]).encode():
            await asyncio.sleep(0.001)
        assert not hearing.done()
        hearing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hearing
        assert (await other.ask("PUBSUB", "NUMSUB", "news"))[1] in ([b"news", 0], {b"news": 0}, [b"news", 1])


async def test_where_nobody_is_there_is_nothing_to_hear() -> None:
    began: list[None] = []
    async with link_to(f"redis://127.0.0.1:{free_port()}/0", budget_seconds=0.2) as link:
        await link.hear("news", lambda _: None, lambda: began.append(None), 60)
    assert began == []


@REDIS
async def test_a_line_that_has_died_in_silence_is_not_listened_to_for_ever(redis_server: RedisServer) -> None:
    with FaultProxy(redis_server.port) as proxy:
        async with link_to(f"redis://127.0.0.1:{proxy.port}/0", budget_seconds=0.2) as link:
            await link.listen("news", 0.01)
            await link.listen("news", 0.01)
            opened = proxy.connections
            proxy.black_hole()
            await link.listen("news", 0.01)
            proxy.heal()
            await link.listen("news", 0.01)
            assert proxy.connections > opened


@REDIS
@pytest.mark.parametrize(
    ("fault", "results"),
    [
        (FaultProxy.cut, {Result.FAILED}),
        (FaultProxy.black_hole, {Result.TIMED_OUT}),
        (lambda proxy: proxy.delay(PATIENT), {Result.TIMED_OUT}),
        (FaultProxy.reset, {Result.FAILED}),
        (lambda proxy: proxy.truncate(3), {Result.FAILED}),
    ],
)
async def test_what_the_network_does_is_a_value_and_passes(
    redis_server: RedisServer, fault: Callable[[FaultProxy], None], results: set[Result]
) -> None:
    with FaultProxy(redis_server.port) as proxy:
        async with link_to(f"redis://127.0.0.1:{proxy.port}/0", budget_seconds=0.5) as link:
            assert (await link.ask("SET", "a", "b"))[0] is Result.DONE
            fault(proxy)
            assert {(await link.ask("GET", "a"))[0] for _ in range(3)} == results
            proxy.heal()
            async with asyncio.timeout(PATIENT):
                while await link.ask("GET", "a") != (Result.DONE, b"b"):
                    pass


async def test_without_redis_listening_takes_its_time() -> None:
    async with link_to(f"redis://127.0.0.1:{free_port()}/0", budget_seconds=0.2) as link:
        started = asyncio.get_running_loop().time()
        await link.listen("news", 0.05)
        # The loop's clock counts milliseconds, and their differences are not exact.
        assert round(asyncio.get_running_loop().time() - started, 3) >= 0.05


@pytest.mark.parametrize("url", ["http://h", "redis://h:port/0", "redis://:hunter2@h/0?socket_timeout=x", ""])
def test_a_bad_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(BadRedisUrl) as caught:
        RedisLink(url)
    assert "hunter2" not in str(caught.value)


@REDIS
async def test_it_closes_twice(redis_server: RedisServer) -> None:
    async with link_to(redis_server.url) as link:
        await link.listen("news", 0.01)
        await link.close()
