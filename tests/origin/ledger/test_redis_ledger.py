"""The ledger on a real Redis: what the contract says, and what happens when Redis goes and comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count

import pytest
from redis.asyncio import Redis

from auth.revocation import Revocation, Revocations, Revoked
from cache.errors import BadRedisUrl
from origin.ledger.redis_ledger import RedisLedger
from origin.ledger.store import LedgerUnavailable
from tests.contracts.ledger import STREAM, LedgerContract, Stage
from tests.redis_server import RedisServer, free_port

pytestmark = pytest.mark.needs("redis-server")

_prefixes = count()


@asynccontextmanager
async def ledger_at(url: str, prefix: str = "headgate", budget_seconds: float = 10) -> AsyncIterator[RedisLedger]:
    store = RedisLedger(url, prefix=prefix, budget_seconds=budget_seconds, clock=time.time)
    try:
        yield store
    finally:
        await store.close()


def entry(value: str = "t1", seconds: float = 600) -> Revocation:
    return Revocation(Revoked.TOKEN, value, time.time() + seconds)


def values(known: Revocations) -> set[str]:
    return {each.value for each in known}


async def returned(store: RedisLedger, known: Revocations) -> Revocations:
    """What is known once Redis is back; the test's own time limit ends the wait."""
    while True:
        try:
            return await store.revocations(known)
        except LedgerUnavailable:
            await asyncio.sleep(0.02)


class TestRedisLedger(LedgerContract):
    @pytest.fixture
    async def stage(self, redis_server: RedisServer) -> AsyncIterator[Stage]:
        async with ledger_at(redis_server.url, f"contract{next(_prefixes)}") as store:

            async def outlast(seconds: float) -> None:
                await asyncio.sleep(seconds + 0.01)

            yield Stage(store, outlast, time.time)


async def test_everything_in_redis_ends_except_revocations(redis_server: RedisServer) -> None:
    async with ledger_at(redis_server.url, "edge") as store, Redis.from_url(redis_server.url) as client:
        await store.first_use("/vod", "secret-id", 60)
        await store.lease(STREAM)
        await store.revoke(entry())
        keys = [key.decode() for key in await client.keys() if isinstance(key, bytes)]
        assert all(key.startswith("edge:ledger:v1:") for key in keys)
        endless = {key for key in keys if await client.pttl(key) < 0}
        assert endless == {"edge:ledger:v1:{revoked}:entries", "edge:ledger:v1:{revoked}:state"}
        assert not any("secret-id" in key or "ann" in key for key in keys)


async def test_two_deployments_on_one_redis_do_not_meet(redis_server: RedisServer) -> None:
    async with ledger_at(redis_server.url, "a") as one, ledger_at(redis_server.url, "b") as other:
        assert await one.first_use("/vod", "t1", 60)
        assert await other.first_use("/vod", "t1", 60)
        await one.revoke(entry())
        assert len(await other.revocations(Revocations())) == 0


async def test_releases_that_keep_other_things_do_not_meet(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ledger_at(redis_server.url) as old:
        monkeypatch.setattr("origin.ledger.redis_ledger._VERSION", 2)
        async with ledger_at(redis_server.url) as new:
            assert await old.first_use("/vod", "t1", 60)
            assert await new.first_use("/vod", "t1", 60)
            assert await old.lease(replace(STREAM, most=1))
            assert await new.lease(replace(STREAM, most=1, session="other"))
            await new.revoke(entry())
            assert values(await old.revocations(Revocations())) == set()


async def test_a_full_redis_takes_nothing_new(redis_server: RedisServer) -> None:
    async with ledger_at(redis_server.url) as store, Redis.from_url(redis_server.url) as client:
        assert await store.first_use("/vod", "t1", 60)
        await client.config_set("maxmemory", "1")
        try:
            for ask in (store.first_use("/vod", "t2", 60), store.revoke(entry())):
                with pytest.raises(LedgerUnavailable, match="refused"):
                    await ask
            assert await store.lease(STREAM)  # Redis lets a script that has begun by making room go on
        finally:
            await client.config_set("maxmemory", "0")
        assert await store.first_use("/vod", "t2", 60)
        assert not await store.first_use("/vod", "t1", 60)


async def test_another_hears_of_a_change_at_once(redis_server: RedisServer) -> None:
    async with ledger_at(redis_server.url) as one, ledger_at(redis_server.url) as other:
        known = await other.revocations(Revocations())
        await other.change(0.01)  # listens from here on
        await other.change(0.05)
        waiting = asyncio.ensure_future(other.change(8))
        await one.revoke(entry())
        async with asyncio.timeout(4):
            await waiting
        assert values(await other.revocations(known)) == {"t1"}


async def test_a_redis_that_comes_back_empty_is_told_again(redis_server: RedisServer) -> None:
    async with ledger_at(redis_server.url, budget_seconds=1) as one, ledger_at(redis_server.url) as other:
        await one.revoke(entry("t1"))
        known = await one.revocations(Revocations())
        await asyncio.to_thread(redis_server.restart)
        known = await returned(one, known)
        assert values(known) == {"t1"}
        assert values(await other.revocations(Revocations())) == {"t1"}
        assert await one.lift(next(iter(known)).id)
        assert values(await returned(one, known)) == set()


async def test_two_that_know_different_things_put_back_both(redis_server: RedisServer) -> None:
    async with ledger_at(redis_server.url, budget_seconds=1) as one, ledger_at(redis_server.url) as other:
        await one.revoke(entry("t1"))
        less = await one.revocations(Revocations())
        await other.revoke(entry("t2"))
        more = await other.revocations(Revocations())
        await asyncio.to_thread(redis_server.restart)
        for _ in range(3):
            less, more = await returned(one, less), await returned(other, more)
        assert values(less) == values(more) == {"t1", "t2"}
        assert await one.revocations(less) is less
        assert await other.revocations(more) is more


async def test_what_ended_is_dropped_from_redis(redis_server: RedisServer) -> None:
    async with ledger_at(redis_server.url) as store, Redis.from_url(redis_server.url) as client:
        await store.revoke(Revocation(Revoked.TOKEN, "old", int(time.time()) - 1))
        await store.revoke(entry("new"))
        assert values(await store.revocations(Revocations())) == {"new"}
        assert await client.hlen("headgate:ledger:v1:{revoked}:entries") == 1


async def test_entries_that_make_no_sense_keep_no_other_out(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with ledger_at(redis_server.url) as store, Redis.from_url(redis_server.url) as client:
        strange: list[str | bytes] = [
            "not an entry",
            b"\xff",
            '{"what":"of a later version","value":"x","ends":4e9}',
            '{"what":"token","value":"","ends":4e9}',
        ]
        for number, each in enumerate(strange):
            await client.hset("headgate:ledger:v1:{revoked}:entries", str(number), each)
        await store.revoke(entry())
        assert values(await store.revocations(Revocations())) == {"t1"}
    assert [record.getMessage()[:13] for record in caplog.records] == ["4 revocations"]


async def test_a_store_that_answers_nonsense_leaves_the_known_ones_in_force(redis_server: RedisServer) -> None:
    async with ledger_at(redis_server.url) as store, Redis.from_url(redis_server.url) as client:
        await store.revoke(entry())
        await client.hset("headgate:ledger:v1:{revoked}:state", "version", "many")
        with pytest.raises(LedgerUnavailable, match="makes no sense"):
            await store.revocations(Revocations())


async def test_without_redis_it_says_so_and_soon_asks_no_more() -> None:
    async with ledger_at(f"redis://:hunter2@127.0.0.1:{free_port()}/0", budget_seconds=0.2) as store:
        said: list[str] = []
        for _ in range(4):
            with pytest.raises(LedgerUnavailable) as caught:
                await store.first_use("/vod", "t1", 60)
            said.append(str(caught.value))
        assert "hunter2" not in "".join(said)
        assert ["left alone" in each for each in said] == [False, False, False, True]
        for ask in (store.lease(STREAM), store.revoke(entry()), store.lift("x"), store.revocations(Revocations())):
            with pytest.raises(LedgerUnavailable):
                await ask
        await store.change(0.01)


async def test_a_redis_that_hangs_costs_the_budget_and_is_asked_again(
    redis_server: RedisServer,
) -> None:
    async with ledger_at(redis_server.url, budget_seconds=0.2) as store:
        assert await store.first_use("/vod", "t1", 60)
        redis_server.pause()
        try:
            for _ in range(4):
                with pytest.raises(LedgerUnavailable):
                    await store.first_use("/vod", "t2", 60)
        finally:
            redis_server.resume()
        await returned(store, Revocations())
        assert not await store.first_use("/vod", "t1", 60)


def test_a_url_without_sense_is_refused_without_repeating_it() -> None:
    with pytest.raises(BadRedisUrl) as caught:
        RedisLedger("redis://:hunter2@h:nonsense/0", clock=time.time)
    assert "hunter2" not in str(caught.value)
