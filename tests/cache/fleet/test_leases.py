from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import pytest

from cache.fleet.bus import LocalBus
from cache.fleet.leases import Lease, NoLeases, RedisLeases, Wake, digest_of, kept
from cache.fleet.record import FleetEvent
from tests.cache.fleet.nodes import Node, asked, connected, link_to, node_at
from tests.redis_server import RedisServer

REDIS = pytest.mark.needs("redis-server")
KEY = "manifest:/vod/ü.m3u8"
LONG = 3600.0  # a wait that only an event ends


async def taken(node: Node, key: str = KEY) -> Lease:
    """A lease that was to be had."""
    lease = await node.leases.acquire(key)
    assert lease is not None
    assert not lease.is_local
    return lease


async def begun(node: Node, seconds: float = LONG, key: str = KEY) -> asyncio.Task[Wake]:
    """A wait that has looked at the lease."""
    before = await asked(node)
    waiting = asyncio.ensure_future(node.leases.wait(key, seconds))
    while await asked(node) == before:
        await asyncio.sleep(0.001)
    return waiting


@REDIS
async def test_one_holds_it_and_the_fence_grows(redis_server: RedisServer) -> None:
    async with node_at(redis_server.url) as one, node_at(redis_server.url) as two:
        first = await taken(one)
        assert await two.leases.acquire(KEY) is None
        assert await one.leases.acquire(KEY) is None
        assert not (await taken(two, "another")).is_local
        await first.release(is_done=True)
        second = await taken(two)
        assert second.fence > first.fence > 0
        assert one.tally.events[FleetEvent.LEASE_ACQUIRED] == 1
        assert one.tally.events[FleetEvent.LEASE_HELD] == 1


@REDIS
@pytest.mark.parametrize("is_done", [True, False])
async def test_all_who_wait_are_woken_by_the_holder(redis_server: RedisServer, is_done: bool) -> None:
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(node_at(redis_server.url)) for _ in range(3)]
        lease = await taken(nodes[0])
        waiting = [await begun(node) for node in nodes]
        other = await begun(nodes[1], key="another")  # nobody holds that one
        assert await other is Wake.EXPIRED
        looks = await asked(nodes[0])
        await lease.release(is_done)
        await lease.release(not is_done)
        assert await asyncio.gather(*waiting) == [Wake.DONE if is_done else Wake.FAILED] * 3
        assert await asked(nodes[0]) == looks, "a waiter polled"


@REDIS
async def test_a_lease_that_is_gone_is_not_waited_for(redis_server: RedisServer) -> None:
    async with node_at(redis_server.url) as node:
        lease = await taken(node)
        await lease.release(is_done=True)
        await asyncio.sleep(0)  # the message is heard before anybody waits
        assert await node.leases.wait(KEY, LONG) is Wake.EXPIRED


@REDIS
async def test_a_holder_that_falls_silent_is_followed_by_the_next(redis_server: RedisServer) -> None:
    async with node_at(redis_server.url, seconds=0.2) as one, node_at(redis_server.url, seconds=0.2) as two:
        first = await taken(one)
        assert await two.leases.wait(KEY, LONG) is Wake.EXPIRED
        second = await taken(two)
        assert second.fence > first.fence
        assert await first.renew() is False
        await first.release(is_done=True)
        assert await one.leases.acquire(KEY) is None, "a zombie has ended the next holder's lease"
        assert one.tally.events[FleetEvent.LEASE_LOST] == 1


@REDIS
async def test_a_holder_that_lives_keeps_it(redis_server: RedisServer) -> None:
    async with node_at(redis_server.url, seconds=0.3) as one, node_at(redis_server.url) as two:
        lease = await taken(one)
        async with kept(lease):
            assert await two.leases.wait(KEY, 1.0) is Wake.EXPIRED  # its own time is over, not the holder's
            assert await two.leases.acquire(KEY) is None
        assert await two.leases.wait(KEY, LONG) is Wake.EXPIRED


@REDIS
async def test_keeping_ends_when_the_lease_is_lost(redis_server: RedisServer) -> None:
    async with node_at(redis_server.url, seconds=0.2) as node:
        lease = await taken(node)
        await asyncio.to_thread(redis_server.flush)
        await lease.keep()
        await lease.release(is_done=True)
        assert node.tally.events[FleetEvent.LEASE_LOST] == 1


@REDIS
async def test_fences_grow_over_a_flush(redis_server: RedisServer) -> None:
    async with node_at(redis_server.url) as node:
        first = await taken(node)
        await asyncio.to_thread(redis_server.flush)
        second = await taken(node)
        assert second.fence > first.fence
        name = f"headgate:v1:lease:{{{digest_of(KEY).hex()}}}:fence"
        await node.link.ask("SET", name, second.fence + 10**12)  # Redis's clock was set back since
        await second.release(is_done=True)
        third = await taken(node)
        assert third.fence == second.fence + 10**12 + 1


@REDIS
async def test_everything_in_redis_ends_by_itself_and_a_key_has_one_slot(redis_server: RedisServer) -> None:
    async with node_at(redis_server.url) as node:
        await taken(node)
        _, names = await node.link.ask("KEYS", "*")
        assert isinstance(names, list)
        assert len(names) == 2
        for name in names:
            left = (await node.link.ask("PTTL", name))[1]
            assert isinstance(left, int)
            assert left > 0
        tags = {name.split(b"{")[1].split(b"}")[0] for name in names}
        assert tags == {digest_of(KEY).hex().encode()}


@REDIS
@pytest.mark.parametrize("fault", ["kill", "pause"])
async def test_when_redis_goes_nobody_waits_and_everybody_loads(redis_server: RedisServer, fault: str) -> None:
    async with node_at(redis_server.url, budget_seconds=1) as one, node_at(redis_server.url, budget_seconds=1) as two:
        first = await taken(one)
        waiting = await begun(two)
        getattr(redis_server, fault)()
        assert await waiting is Wake.EXPIRED
        local = await two.leases.acquire(KEY)
        assert local is not None
        assert local.is_local
        assert await local.renew() is True
        await local.release(is_done=True)
        assert await first.renew() is True, "nobody can say that it is lost"
        await first.release(is_done=True)
        assert await one.leases.wait(KEY, LONG) is Wake.EXPIRED
        assert two.tally.events[FleetEvent.LEASE_LOCAL] == 1
        back = asyncio.Event()
        two.bus.on_reconnected(back.set)
        await asyncio.to_thread(redis_server.start)
        await back.wait()


@REDIS
async def test_a_message_that_is_lost_costs_the_rest_of_the_lease_at_most(redis_server: RedisServer) -> None:
    async with node_at(redis_server.url, seconds=0.5) as one, node_at(redis_server.url) as two:
        await taken(one)
        waiting = await begun(two)
        name = f"headgate:v1:lease:{{{digest_of(KEY).hex()}}}"
        assert (await one.link.ask("DEL", name))[1] == 1
        assert await waiting is Wake.EXPIRED


@REDIS
async def test_a_flush_and_a_new_line_make_the_waiters_look_again(redis_server: RedisServer) -> None:
    async with node_at(redis_server.url) as one, node_at(redis_server.url) as two, link_to(redis_server.url) as link:
        await taken(one)
        waiting = await begun(two)
        await asyncio.to_thread(redis_server.flush)
        await link.ask("CLIENT", "KILL", "TYPE", "pubsub")
        assert await waiting is Wake.EXPIRED


@REDIS
async def test_a_line_that_was_mended_unseen_makes_the_waiters_look_again(redis_server: RedisServer) -> None:
    async with node_at(redis_server.url, seconds=LONG) as node:
        bus = LocalBus()
        leases = RedisLeases(node.guard, bus, "headgate", lambda: "mine", clock=time.monotonic)
        await taken(node)
        before = await asked(node)
        waiting = asyncio.ensure_future(leases.wait(KEY, LONG))
        while await asked(node) == before:
            await asyncio.sleep(0.001)
        await asyncio.to_thread(redis_server.flush)
        async with connected(bus):
            assert await waiting is Wake.EXPIRED


@REDIS
async def test_a_redis_that_takes_no_more_costs_no_load(redis_server: RedisServer) -> None:
    async with node_at(redis_server.url) as node:
        await node.link.ask("CONFIG", "SET", "maxmemory", "1")
        try:
            lease = await node.leases.acquire(KEY)
        finally:
            await node.link.ask("CONFIG", "SET", "maxmemory", "0")
        assert lease is not None
        assert lease.is_local


@REDIS
async def test_a_foreign_lease_is_no_obstacle_for_long(redis_server: RedisServer) -> None:
    async with node_at(redis_server.url) as node:
        name = f"headgate:v1:lease:{{{digest_of(KEY).hex()}}}"
        await node.link.ask("SET", name, "foreign")
        assert await node.leases.wait(KEY, LONG) is Wake.EXPIRED
        assert await node.leases.acquire(KEY) is None  # it has an end from now on
        left = (await node.link.ask("PTTL", name))[1]
        assert isinstance(left, int)
        assert 0 < left <= 5000
        await node.link.ask("DEL", name)
        await node.link.ask("RPUSH", name, "of another kind")
        lease = await node.leases.acquire(KEY)
        assert lease is not None
        assert lease.is_local


@REDIS
async def test_a_cancelled_wait_leaves_nothing_behind(redis_server: RedisServer) -> None:
    async with node_at(redis_server.url) as node:
        lease = await taken(node)
        waiting, staying = await begun(node), await begun(node)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await lease.release(is_done=True)
        assert await staying is Wake.DONE
        assert node.leases._waiters == {}


async def test_without_a_fleet_everybody_holds_it() -> None:
    leases = NoLeases()
    for _ in range(2):
        lease = await leases.acquire(KEY)
        assert lease is not None
        assert (lease.is_local, lease.fence) == (True, 0)
        assert await lease.renew()
        async with kept(lease):
            await lease.release(is_done=True)
    assert await leases.wait(KEY, LONG) is Wake.EXPIRED
