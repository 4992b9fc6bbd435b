from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count

import pytest
from redis.asyncio import Redis

from cache.entry import PACKED_VERSION
from cache.errors import BadRedisUrl, SecondTierUnavailable
from cache.key import CacheKey
from cache.l2_redis import RedisLimits, RedisSecondTier
from cache.outcome import BreakerState, Event, Operation, Result
from tests.cache.sources import Tally
from tests.clock import Clock
from tests.contracts.second_tier import KEY, LARGEST, SecondTierContract, Stage
from tests.redis_server import RedisServer, free_port

REDIS = pytest.mark.needs("redis-server")
# Long enough that a busy machine does not cut short what works; short where a test waits for the end of it.
PATIENT = RedisLimits(budget_seconds=10, largest_value_bytes=LARGEST)
HASTY = RedisLimits(budget_seconds=0.1, failures=3, rest_seconds=1, longest_rest_seconds=4)
PASSWORD = "open-sesame"

_prefixes = count()


@asynccontextmanager
async def tier_at(
    url: str,
    limits: RedisLimits = PATIENT,
    clock: Callable[[], float] | None = None,
    prefix: str = "headgate",
) -> AsyncIterator[tuple[RedisSecondTier, Tally]]:
    """A tier and what it recorded; its breaker's clock stands still."""
    tally = Tally()
    tier = RedisSecondTier(
        url, prefix=prefix, limits=limits, recorder=tally, clock=clock or Clock(), jitter=lambda: 0.0
    )
    try:
        yield tier, tally
    finally:
        await tier.close()


@asynccontextmanager
async def client_of(server: RedisServer) -> AsyncIterator[Redis]:
    client = Redis.from_url(server.url)
    try:
        yield client
    finally:
        await client.aclose()


@asynccontextmanager
async def listener(greeting: bytes | None) -> AsyncIterator[str]:
    """Something that is no Redis: it accepts, and says `greeting` to whatever it hears, or nothing ever."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            if greeting is not None:
                writer.write(greeting)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    finally:
        server.close()
        await server.wait_closed()


async def settled(tier: RedisSecondTier, tally: Tally, state: BreakerState) -> None:
    """Ask until the breaker is in `state`; the test's own time limit ends the wait."""
    while not tally.states or tally.states[-1] is not state:
        await tier.get(KEY)
        await asyncio.sleep(0.01)


@REDIS
class TestRedisSecondTier(SecondTierContract):
    @pytest.fixture
    async def stage(self, redis_server: RedisServer) -> AsyncIterator[Stage]:
        prefix = f"contract{next(_prefixes)}"
        async with tier_at(redis_server.url, prefix=prefix) as (tier, _), client_of(redis_server) as client:

            async def outlast(seconds: float) -> None:
                assert seconds < 1, "this one waits in real time"
                name = f"{prefix}:v1:{KEY.text}"
                while 0 <= await client.pttl(name) <= seconds * 1000:
                    await asyncio.sleep(0.005)

            yield Stage(tier, outlast)


@REDIS
async def test_keys_carry_prefix_version_and_namespace(redis_server: RedisServer) -> None:
    async with tier_at(redis_server.url, prefix="edge") as (tier, _), client_of(redis_server) as client:
        await tier.set(KEY, b"value", 60)
        assert await client.keys() == [b"edge:v1:manifest:/vod/a.m3u8"]
        assert 59_000 < await client.pttl("edge:v1:manifest:/vod/a.m3u8") <= 60_000


@REDIS
async def test_releases_with_other_packings_share_a_redis_and_no_entries(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with tier_at(redis_server.url) as (old, _):
        with monkeypatch.context() as newer:
            newer.setattr("cache.l2_redis.PACKED_VERSION", PACKED_VERSION + 1)
            async with tier_at(redis_server.url) as (new, _):
                await new.set(KEY, b"newer", 60)
                assert await old.get(KEY) is None
                await old.set(KEY, b"older", 60)
                assert (await new.get(KEY), await old.get(KEY)) == (b"newer", b"older")
                await old.delete(KEY)
                assert (await new.get(KEY), await old.get(KEY)) == (b"newer", None)


@REDIS
async def test_records_what_it_did(redis_server: RedisServer) -> None:
    async with tier_at(redis_server.url) as (tier, tally):
        await tier.get(KEY)
        await tier.set(KEY, b"value", 60)
        await tier.get(KEY)
        await tier.delete(KEY)
        await tier.probe()
        await tier.set(KEY, b"x" * (LARGEST + 1), 60)
    assert tally.operations == {
        (Operation.GET, Result.ABSENT): 1,
        (Operation.SET, Result.DONE): 1,
        (Operation.GET, Result.FOUND): 1,
        (Operation.DELETE, Result.DONE): 1,
        (Operation.PROBE, Result.DONE): 1,
    }
    assert tally.events == {Event.SHARED_TOO_LARGE: 1}
    assert tally.states == []


@REDIS
async def test_foreign_values_are_bounded_or_missed_and_open_no_breaker(redis_server: RedisServer) -> None:
    async with tier_at(redis_server.url) as (tier, tally), client_of(redis_server) as client:
        name = f"headgate:v1:{KEY.text}"
        await client.set(name, b"x" * 1_000_000)
        assert await tier.get(KEY) is None
        await client.delete(name)
        await client.rpush(name, b"a list")
        for _ in range(PATIENT.failures + 1):
            assert await tier.get(KEY) is None
        await tier.set(KEY, b"ours", 60)
        assert await tier.get(KEY) == b"ours"
    assert tally.operations[Operation.GET, Result.REFUSED] == PATIENT.failures + 1
    assert tally.events == {Event.SHARED_TOO_LARGE: 1}
    assert tally.states == []


@REDIS
async def test_a_full_redis_is_still_read(redis_server: RedisServer) -> None:
    async with tier_at(redis_server.url) as (tier, tally), client_of(redis_server) as client:
        await tier.set(KEY, b"before", 60)
        await client.config_set("maxmemory-policy", "noeviction")
        await client.config_set("maxmemory", "1")
        try:
            for number in range(PATIENT.failures + 1):
                await tier.set(CacheKey("n", str(number)), b"more", 60)
            assert await tier.get(KEY) == b"before"
            assert await tier.get(CacheKey("n", "0")) is None
        finally:
            await client.config_set("maxmemory", "0")
        await tier.set(KEY, b"after", 60)
        assert await tier.get(KEY) == b"after"
    assert tally.operations[Operation.SET, Result.REFUSED] == PATIENT.failures + 1
    assert tally.states == []


@REDIS
async def test_a_redis_that_evicts_is_used_as_ever(redis_server: RedisServer) -> None:
    async with (
        tier_at(redis_server.url, RedisLimits(budget_seconds=10)) as (tier, tally),
        client_of(redis_server) as client,
    ):
        value = b"x" * 100_000
        room = int((await client.info("memory"))["used_memory"]) + 2 * 2**20
        await client.config_set("maxmemory-policy", "allkeys-lru")
        await client.config_set("maxmemory", str(room))
        try:
            for number in range(200):
                await tier.set(CacheKey("n", str(number)), value, 60)
            assert await tier.get(CacheKey("n", "199")) == value
            assert 0 < await client.dbsize() < 200
        finally:
            await client.config_set("maxmemory", "0")
            await client.config_set("maxmemory-policy", "noeviction")
    assert tally.operations[Operation.SET, Result.DONE] == 200
    assert tally.states == []


@REDIS
async def test_a_redis_that_lets_nobody_in_is_left_alone(redis_server: RedisServer) -> None:
    url = redis_server.url.replace("://", f"://stranger:{PASSWORD}@")
    async with tier_at(url) as (tier, tally):
        for _ in range(PATIENT.failures + 3):
            assert await tier.get(KEY) is None
        with pytest.raises(SecondTierUnavailable, match="denied"):
            await tier.probe()
    assert tally.operations[Operation.GET, Result.DENIED] == PATIENT.failures
    assert tally.states == [BreakerState.OPEN]


@REDIS
async def test_a_restarted_redis_is_used_again_at_once(redis_server: RedisServer) -> None:
    async with tier_at(redis_server.url) as (tier, tally):
        await asyncio.gather(*(tier.set(CacheKey("n", str(number)), b"old", 60) for number in range(10)))
        await asyncio.to_thread(redis_server.restart)
        await tier.set(KEY, b"new", 60)
        assert await tier.get(KEY) == b"new"
    assert tally.states == [], "connections that died while idle are noticed before they are used"


@REDIS
async def test_a_killed_redis_is_left_alone_and_found_again(redis_server: RedisServer, clock: Clock) -> None:
    async with tier_at(redis_server.url, clock=clock) as (tier, tally):
        await tier.set(KEY, b"before", 60)
        await asyncio.to_thread(redis_server.kill)
        for _ in range(PATIENT.failures + 3):
            await tier.set(KEY, b"lost", 60)
            assert await tier.get(KEY) is None
        assert sum(tally.operations[operation, Result.FAILED] for operation in Operation) == PATIENT.failures
        assert tally.states == [BreakerState.OPEN]
        await asyncio.to_thread(redis_server.start)
        clock.advance(PATIENT.rest_seconds)
        await settled(tier, tally, BreakerState.CLOSED)
        await tier.set(KEY, b"after", 60)
        assert await tier.get(KEY) == b"after"
    assert tally.states == [BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED]


@REDIS
async def test_a_hanging_redis_costs_nothing_after_a_few_failures(redis_server: RedisServer, clock: Clock) -> None:
    async with tier_at(redis_server.url, HASTY, clock) as (tier, tally):
        while not tally.operations[Operation.PROBE, Result.DONE]:  # a busy machine may need several
            with suppress(SecondTierUnavailable):
                await tier.probe()
        tally.operations.clear()
        redis_server.pause()
        try:
            for _ in range(HASTY.failures):
                assert await tier.get(KEY) is None
            assert tally.states == [BreakerState.OPEN]
            for _ in range(100):
                assert await tier.get(KEY) is None
            clock.advance(HASTY.rest_seconds)
            for _ in range(100):  # the first of these starts a probe and does not wait for it
                assert await tier.get(KEY) is None
            assert tally.states == [BreakerState.OPEN, BreakerState.HALF_OPEN]
            await settled(tier, tally, BreakerState.OPEN)
        finally:
            redis_server.resume()
        while tally.states[-1] is not BreakerState.CLOSED:
            clock.advance(HASTY.longest_rest_seconds)
            await tier.get(KEY)
            await asyncio.sleep(0.01)
        assert tally.operations[Operation.GET, Result.TIMED_OUT] == HASTY.failures
        assert tally.events[Event.SHARED_SKIPPED] >= 200


@REDIS
async def test_close_ends_a_probe_under_way(redis_server: RedisServer, clock: Clock) -> None:
    limits = RedisLimits(budget_seconds=1000, failures=1)
    async with tier_at(redis_server.url, limits, clock) as (tier, tally):
        redis_server.kill()
        await tier.get(KEY)
        redis_server.start()
        redis_server.pause()
        try:
            clock.advance(limits.rest_seconds)
            await tier.get(KEY)
            assert tally.states[-1] is BreakerState.HALF_OPEN
            await asyncio.sleep(0.01)
            await tier.close()
        finally:
            redis_server.resume()
    assert {task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()}} == set()


@REDIS
async def test_a_wrong_password_is_a_miss_and_is_never_told(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with client_of(redis_server) as client:
        await client.config_set("requirepass", "another")
        try:
            url = redis_server.url.replace("//", f"//:{PASSWORD}@")
            async with tier_at(url) as (tier, tally):
                for _ in range(PATIENT.failures):
                    assert await tier.get(KEY) is None
                assert tally.states == [BreakerState.OPEN]
                with pytest.raises(SecondTierUnavailable) as raised:
                    await tier.probe()
                assert PASSWORD not in repr(tier)
                assert raised.value.__cause__ is raised.value.__context__ is None
                assert PASSWORD not in f"{raised.value!r} {raised.value}"
            assert PASSWORD not in caplog.text
            async with tier_at(redis_server.url.replace("//", "//:another@")) as (tier, _):
                await tier.set(KEY, b"value", 60)
                assert await tier.get(KEY) == b"value"
        finally:
            await client.config_set("requirepass", "")


@pytest.mark.parametrize("operation", ["get", "set", "delete"])
async def test_a_server_that_never_answers(operation: str) -> None:
    async with listener(None) as url, tier_at(url, HASTY) as (tier, tally):
        work: dict[str, Callable[[], Awaitable[object]]] = {
            "get": lambda: tier.get(KEY),
            "set": lambda: tier.set(KEY, b"value", 60),
            "delete": lambda: tier.delete(KEY),
        }
        for _ in range(HASTY.failures + 1):
            assert await work[operation]() is None
        assert tally.operations == {(Operation(operation), Result.TIMED_OUT): HASTY.failures}
        assert tally.states == [BreakerState.OPEN]


@pytest.mark.parametrize(
    "greeting",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\0\xff" * 100,
        b"$-5\r\n",
        b"*100000000\r\n",
        b"+OK\r\n+OK\r\n+OK\r\n",
        b">0\r\n",
    ],
    ids=["http", "noise", "bad length", "endless", "too many answers", "empty push"],
)
async def test_a_server_that_is_no_redis(greeting: bytes) -> None:
    async with listener(greeting) as url, tier_at(url, HASTY) as (tier, _):
        for _ in range(HASTY.failures + 1):
            await tier.set(KEY, b"value", 60)
            assert await tier.get(KEY) in {None, b"OK"}
            await tier.delete(KEY)


async def test_nobody_listens() -> None:
    async with tier_at(f"redis://127.0.0.1:{free_port()}/0") as (tier, tally):
        assert await tier.get(KEY) is None
        with pytest.raises(SecondTierUnavailable, match="failed"):
            await tier.probe()
    assert tally.operations == {(Operation.GET, Result.FAILED): 1, (Operation.PROBE, Result.FAILED): 1}


@pytest.mark.parametrize(
    "url",
    [
        f"redis://user:{PASSWORD}#x@127.0.0.1:6379/0",  # unescaped: half of it would count as the port
        f"redis://user:{PASSWORD}@127.0.0.1:port/0",
        f"http://user:{PASSWORD}@127.0.0.1/0",
        f"redis://user:{PASSWORD}@[127.0.0.1/0",
        f"redis://127.0.0.1/0?socket_timeout={PASSWORD}",
        f"redis://127.0.0.1/0?no_such_option={PASSWORD}",
        PASSWORD,
        "",
    ],
)
def test_a_bad_url_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(BadRedisUrl, match="Redis URL") as raised:
        RedisSecondTier(url)
    assert PASSWORD not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_repr_says_where_and_nothing_more() -> None:
    assert (
        repr(RedisSecondTier(f"redis://user:{PASSWORD}@cache.example:6380/3")) == "RedisSecondTier(cache.example:6380)"
    )
    assert repr(RedisSecondTier(f"unix:///run/redis.sock?password={PASSWORD}")) == "RedisSecondTier(/run/redis.sock)"


@REDIS
async def test_a_fence_ends_with_its_value_shares_its_slot_and_is_counted(redis_server: RedisServer) -> None:
    async with tier_at(redis_server.url, prefix="edge") as (tier, tally), client_of(redis_server) as client:
        await tier.set(KEY, b"newer", 60, 2)
        await tier.set(KEY, b"older", 60, 1)
        name, fence = "edge:v1:manifest:/vod/a.m3u8", "{edge:v1:manifest:/vod/a.m3u8}:fence"
        assert sorted(await client.keys()) == sorted([name.encode(), fence.encode()])
        assert 59_000 < await client.pttl(fence) <= 60_000
    assert tally.events == {Event.SHARED_WRITE_FENCED: 1}
    assert tally.operations == {(Operation.SET, Result.DONE): 2}
