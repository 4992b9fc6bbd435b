from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from cache.fleet.leases import Lease, Wake
from cache.fleet.relay import Followed, Relay, RelayLimits
from cache.fleet.waiting import follow_or_wake
from tests.cache.fleet.bodies import Growth, whole
from tests.cache.fleet.nodes import Node, asked, node_at
from tests.redis_server import RedisServer

pytestmark = pytest.mark.needs("redis-server")

KEY = "body:/vod/a.mp4"
LONG = 3600.0  # a wait that only an event ends


@pytest.fixture
async def nodes(redis_server: RedisServer) -> AsyncIterator[tuple[Node, Node]]:
    async with node_at(redis_server.url) as one, node_at(redis_server.url) as two:
        yield one, two


def relay_of(node: Node, linger_seconds: float = LONG) -> Relay:
    limits = RelayLimits(max_bytes=1000, linger_seconds=linger_seconds)
    return Relay(node.guard, node.bus, "headgate", clock=time.monotonic, limits=limits)


async def held(node: Node) -> Lease:
    lease = await node.leases.acquire(KEY)
    assert lease is not None
    return lease


async def begun(node: Node, relay: Relay) -> asyncio.Task[Followed | Wake]:
    """A wait that has looked at the lease."""
    before = await asked(node)
    waiting = asyncio.ensure_future(follow_or_wake(node.leases, relay, KEY, LONG))
    while await asked(node) == before:
        await asyncio.sleep(0.001)
    return waiting


async def test_what_is_passed_on_comes_first(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    lease = await held(one)
    sharing = asyncio.ensure_future(relay_of(one).share(KEY, lease.fence, b"head", body := Growth()))
    waiting = asyncio.ensure_future(follow_or_wake(two.leases, relay_of(two), KEY, LONG))
    body.add(b"data")
    body.end()
    found = await waiting
    assert isinstance(found, Followed)
    assert two.leases._waiters == {}
    assert [data async for data in found.chunks()] == [b"data"]
    sharing.cancel()
    await asyncio.gather(sharing, return_exceptions=True)


@pytest.mark.parametrize(("is_done", "wake"), [(True, Wake.DONE), (False, Wake.FAILED), (None, Wake.EXPIRED)])
async def test_without_a_body_the_holders_word_counts(
    nodes: tuple[Node, Node], is_done: bool | None, wake: Wake
) -> None:
    one, two = nodes
    lease = await held(one)
    watching = relay_of(two)
    waiting = await begun(two, watching)
    await lease.release(is_done)
    assert await waiting is wake
    assert watching._views == {}


async def test_a_holder_that_declines_is_not_waited_for(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    lease = await held(one)
    sharing = asyncio.ensure_future(relay_of(one).share(KEY, lease.fence, b"", Growth(2000)))
    watching = relay_of(two)
    assert await (await begun(two, watching)) is Wake.EXPIRED
    assert await lease.renew()
    assert watching._views == {}
    sharing.cancel()
    await asyncio.gather(sharing, return_exceptions=True)


async def test_a_holder_that_has_just_finished_still_passes_it_on(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    lease = await held(one)
    sharing = asyncio.ensure_future(relay_of(one).share(KEY, lease.fence, b"head", whole(b"data")))
    assert await two.leases.acquire(KEY) is None
    await lease.release(is_done=True)
    found = await follow_or_wake(two.leases, relay_of(two), KEY, LONG)
    assert isinstance(found, Followed)
    assert [data async for data in found.chunks()] == [b"data"]
    sharing.cancel()
    await asyncio.gather(sharing, return_exceptions=True)


async def test_its_own_time_ends_it(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    await held(one)
    assert await follow_or_wake(two.leases, relay_of(two), KEY, 0.05) is Wake.EXPIRED


async def test_it_may_be_cancelled(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    await held(one)
    watching = relay_of(two)
    waiting = await begun(two, watching)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert (two.leases._waiters, watching._views) == ({}, {})
