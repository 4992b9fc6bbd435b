from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from cache.fleet.bus import LARGEST_PAYLOAD_BYTES, Bus, LocalBus, RedisBus
from cache.fleet.record import FleetEvent
from cache.redis_link import RedisLink
from tests.cache.fleet.nodes import FleetTally, connected, link_to, running
from tests.contracts.bus import BusContract, Ear, signal
from tests.redis_server import RedisServer, free_port

REDIS = pytest.mark.needs("redis-server")


@asynccontextmanager
async def bus_at(
    url: str, node_id: str, namespace: str = "headgate", budget_seconds: float = 10
) -> AsyncIterator[tuple[RedisBus, FleetTally, RedisLink]]:
    tally = FleetTally()
    async with link_to(url, budget_seconds) as link:
        bus = RedisBus(link, namespace, node_id, lambda: 0.0, tally)
        async with running(bus):
            yield bus, tally, link


class TestLocalBus(BusContract):
    @pytest.fixture
    async def buses(self) -> AsyncIterator[tuple[Bus, Bus]]:
        bus = LocalBus()
        async with connected(bus):
            yield bus, bus


@REDIS
class TestRedisBus(BusContract):
    @pytest.fixture
    async def buses(self, redis_server: RedisServer) -> AsyncIterator[tuple[Bus, Bus]]:
        async with AsyncExitStack() as stack:
            made = [
                RedisBus(await stack.enter_async_context(link_to(redis_server.url)), "headgate", node, lambda: 0.0)
                for node in ("one", "two")
            ]
            for bus in made:
                await stack.enter_async_context(connected(bus))
            yield made[0], made[1]


@REDIS
async def test_namespaces_and_foreign_messages_are_not_heard(redis_server: RedisServer) -> None:
    async with bus_at(redis_server.url, "one") as (bus, tally, link):
        began = signal(bus.on_reconnected)
        ear = Ear.on(bus, "news")
        await began.wait()
        frame = b"HGB\x01\x03\x04twonews"
        foreign = [
            b"",
            b"\0\xff",
            b"HGB\x02\x03\x04twonews",  # another version
            frame[:-1],  # cut short
            frame[:8] + b"\xff\xff\xff\xff",  # no text
            frame + b"x" * (LARGEST_PAYLOAD_BYTES + 1),
        ]
        for each in foreign:
            await link.ask("PUBLISH", "headgate:v1:bus", each)
        await link.ask("PUBLISH", "other:v1:bus", frame + b"elsewhere")
        await link.ask("PUBLISH", "headgate:v1:bus", frame + b"ours")
        assert await ear.next() == b"ours"
        assert tally.events[FleetEvent.MESSAGE_IGNORED] == len(foreign)


@REDIS
@pytest.mark.parametrize("fault", ["kill", "pause"])
async def test_it_notices_that_redis_is_gone_and_comes_back(redis_server: RedisServer, fault: str) -> None:
    async with bus_at(redis_server.url, "one", budget_seconds=1) as (one, tally, _):
        began, lost = signal(one.on_reconnected), signal(one.on_lost)
        await began.wait()
        began.clear()
        getattr(redis_server, fault)()
        await lost.wait()
        assert [one.is_connected] == [False]
        own = Ear.on(one, "news")
        one.publish("news", b"meanwhile")
        assert await own.next() == b"meanwhile"
        await asyncio.to_thread(redis_server.start)
        await began.wait()
        assert one.is_connected
        async with bus_at(redis_server.url, "two") as (two, _, _):
            ear = Ear.on(two, "more")
            await signal(two.on_reconnected).wait()
            one.publish("more", b"again")
            assert await ear.next() == b"again"
        assert (tally.events[FleetEvent.BUS_CONNECTED], tally.events[FleetEvent.BUS_LOST]) == (2, 1)


@REDIS
async def test_what_waits_for_redis_is_bounded_and_the_newest(redis_server: RedisServer) -> None:
    async with bus_at(redis_server.url, "two") as (two, _, _), link_to(redis_server.url) as link:
        await signal(two.on_reconnected).wait()
        ear = Ear.on(two, "news")
        tally = FleetTally()
        one = RedisBus(link, "headgate", "one", lambda: 0.0, tally)
        for number in range(1034):
            one.publish("news", b"%d" % number)
        assert tally.events[FleetEvent.MESSAGE_DROPPED] == 10
        async with running(one):
            assert [await ear.next() for _ in range(1024)] == [b"%d" % number for number in range(10, 1034)]


async def test_without_redis_it_ends_when_told_to() -> None:
    async with bus_at(f"redis://127.0.0.1:{free_port()}/0", "one", budget_seconds=0.2) as (bus, tally, _):
        own = Ear.on(bus, "news")
        bus.publish("news", b"alone")
        assert await own.next() == b"alone"
        assert not bus.is_connected
    assert tally.events[FleetEvent.BUS_CONNECTED] == 0


@pytest.mark.parametrize("node_id", ["", "x" * 256])
async def test_a_node_has_a_name_of_some_length(node_id: str) -> None:
    link = RedisLink("redis://127.0.0.1/0")
    with pytest.raises(ValueError, match="id"):
        RedisBus(link, "headgate", node_id, lambda: 0.0)
    await link.close()
