from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from cache.fleet.leases import Wake, digest_of
from cache.fleet.progress import Kind, Message
from cache.fleet.record import FleetEvent
from cache.fleet.relay import Followed, Relay, RelayBroken, RelayLimits
from tests.cache.fleet.bodies import Growth, whole
from tests.cache.fleet.nodes import Node, node_at
from tests.cache.fleet.sender import HEAD
from tests.redis_server import RedisServer

pytestmark = pytest.mark.needs("redis-server")

KEY = "body:/vod/a.mp4"

LONG = 3600.0  # a wait that only an event ends
BLOCK = 1000
LIMITS = RelayLimits(block_bytes=BLOCK, max_bytes=10 * BLOCK, linger_seconds=0.05)
HASTY = RelayLimits(block_bytes=BLOCK, silence_seconds=0.3, linger_seconds=0.05)


@dataclass(slots=True)
class Member:
    """A node that relays."""

    node: Node
    relay: Relay
    sharing: list[asyncio.Task[None]] = field(default_factory=list)

    async def holds(self, body: Growth, length: int | None = None, key: str = KEY) -> asyncio.Task[None]:
        """Take the lease and pass the body on in a task."""
        lease = await self.node.leases.acquire(key)
        assert lease is not None
        return self.shares(lease.fence, body, length, key)

    def shares(self, fence: int, body: Growth, length: int | None = None, key: str = KEY) -> asyncio.Task[None]:
        """Pass the body on in a task."""
        self.sharing.append(asyncio.ensure_future(self.relay.share(key, fence, HEAD, body, length)))
        return self.sharing[-1]


@asynccontextmanager
async def members(
    redis_server: RedisServer, count: int = 2, limits: RelayLimits = LIMITS, budget_seconds: float = 10
) -> AsyncIterator[list[Member]]:
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(count):
            node = await stack.enter_async_context(node_at(redis_server.url, budget_seconds=budget_seconds))
            relay = Relay(node.guard, node.bus, "headgate", clock=time.monotonic, limits=limits, recorder=node.tally)
            made.append(Member(node, relay))
        yield made
        for task in [task for member in made for task in member.sharing]:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def followed(member: Member, seconds: float = LONG) -> Followed:
    """What was to be had."""
    found = await member.relay.follow(KEY, seconds)
    assert found is not None
    assert found.head == HEAD
    return found


async def everything(found: Followed) -> bytes:
    return b"".join([data async for data in found.chunks()])


async def until_counted(member: Member, event: FleetEvent, times: int = 1) -> None:
    """The test's own time limit ends the wait."""
    while member.node.tally.events[event] < times:
        await asyncio.sleep(0.001)


async def names(member: Member) -> list[str]:
    _, found = await member.node.link.ask("KEYS", "*:relay:*")
    assert isinstance(found, list)
    return [name.decode() for name in found]


async def test_a_body_of_some_size_arrives_while_it_grows(redis_server: RedisServer) -> None:
    data = bytes(index * index % 251 for index in range(4 * 2**20))
    async with members(redis_server, 3, RelayLimits(linger_seconds=0.05)) as (one, *others):
        body = Growth(len(data))
        await one.holds(body)
        body.add(data[:10])
        found = [await followed(member) for member in others]
        assert [each.length for each in found] == [len(data)] * 2
        readers = [each.chunks() for each in found]
        firsts = [await anext(reader) for reader in readers]  # long before there is more
        assert firsts == [data[:10]] * 2
        rests = [asyncio.ensure_future(everything_of(reader)) for reader in readers]
        for start in range(10, len(data), 300_000):
            body.add(data[start : start + 300_000])
            await asyncio.sleep(0)
        body.end()
        assert [first + rest for first, rest in zip(firsts, await asyncio.gather(*rests), strict=True)] == [data] * 2
        assert one.node.tally.events[FleetEvent.BYTES_SHARED] == len(data)
        assert others[0].node.tally.events[FleetEvent.BYTES_FOLLOWED] == len(data)


async def everything_of(reader: AsyncIterator[bytes]) -> bytes:
    return b"".join([data async for data in reader])


@pytest.mark.parametrize("is_told", [True, False], ids=["length", "no length"])
@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 10 * BLOCK])
async def test_every_size_arrives(redis_server: RedisServer, size: int, is_told: bool) -> None:
    data = bytes(index % 251 for index in range(size))
    async with members(redis_server) as (one, two):
        await one.holds(whole(data, size if is_told else None))
        found = await followed(two)
        assert found.length == (size if is_told else None)
        assert await everything(found) == data


async def test_a_body_that_is_read_in_pieces(redis_server: RedisServer) -> None:
    body = Growth(most=7)
    body.add(b"0123456789" * 10)
    body.end()
    async with members(redis_server) as (one, two):
        await one.holds(body)
        assert await everything(await followed(two)) == b"0123456789" * 10


async def test_what_nobody_asks_for_is_not_sent(redis_server: RedisServer) -> None:
    async with members(redis_server) as (one, two):
        await (await one.holds(whole(b"data")))
        await one.relay.share(KEY, 0, HEAD, whole(b"data"))  # of a local lease
        assert await names(one) == []
        assert await two.relay.follow(KEY, 0.05) is None
        assert one.node.tally.events[FleetEvent.RELAY_STARTED] == 0


async def test_who_asks_before_the_holder_begins_is_heard(redis_server: RedisServer) -> None:
    async with members(redis_server) as (one, two):
        lease = await one.node.leases.acquire(KEY)
        assert lease is not None
        following = asyncio.ensure_future(followed(two))
        while not one.relay._wanted:
            await asyncio.sleep(0.001)
        one.shares(lease.fence, whole(b"data"))
        assert await everything(await following) == b"data"
        assert one.relay._wanted == {}
        assert two.relay._wanted == {}


async def test_who_asks_after_the_end_has_a_moment_left(redis_server: RedisServer) -> None:
    async with members(redis_server, limits=RelayLimits(linger_seconds=LONG)) as (one, two):
        await one.holds(body := whole(b"data"))
        while not body.waits:
            await asyncio.sleep(0.001)
        assert await everything(await followed(two)) == b"data"
        assert await everything(await followed(two)) == b"data"


@pytest.mark.parametrize("is_early", [True, False])
async def test_what_is_too_large_is_declined_at_once(redis_server: RedisServer, is_early: bool) -> None:
    async with members(redis_server) as (one, two):
        following = asyncio.ensure_future(two.relay.follow(KEY, LONG)) if is_early else None
        while is_early and not one.relay._wanted:
            await asyncio.sleep(0.001)
        await one.holds(Growth(LIMITS.max_bytes + 1))
        assert await (following or two.relay.follow(KEY, LONG)) is None
        assert await names(one) == []
        assert one.node.tally.events[FleetEvent.RELAY_DECLINED] == 1


async def test_what_turns_out_too_large_is_broken(redis_server: RedisServer) -> None:
    async with members(redis_server) as (one, two):
        await one.holds(whole(b"x" * (LIMITS.max_bytes + 1)))
        found = await followed(two)
        with pytest.raises(RelayBroken):
            await everything(found)


@pytest.mark.parametrize("how", ["body breaks", "holder gives up", "too short"])
async def test_what_ends_early_is_broken(redis_server: RedisServer, how: str) -> None:
    async with members(redis_server) as (one, two):
        sharing = await one.holds(body := Growth(), 100)
        body.add(b"some")
        reader = (await followed(two)).chunks()
        assert await anext(reader) == b"some"
        if how == "body breaks":
            body.fail()
        elif how == "too short":
            body.end()
        else:
            sharing.cancel()
        with pytest.raises(RelayBroken):
            await anext(reader)
        assert two.node.tally.events[FleetEvent.RELAY_BROKEN] == 1
        assert two.relay._views == {}


async def test_an_end_that_does_not_fit_is_broken(redis_server: RedisServer) -> None:
    async with members(redis_server, limits=RelayLimits(linger_seconds=LONG)) as (one, two):
        await one.holds(body := Growth())
        body.add(b"some")
        found = await followed(two)
        reader = found.chunks()
        assert await anext(reader) == b"some"
        one.node.bus.publish("relay", Message(Kind.WHOLE, digest_of(KEY), found.fence, 1, 5).pack())
        with pytest.raises(RelayBroken):
            await anext(reader)


async def test_a_holder_that_is_killed_is_noticed(redis_server: RedisServer) -> None:
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "tests.cache.fleet.sender", redis_server.url, KEY, "2500")
    async with members(redis_server, 1, RelayLimits(silence_seconds=2)) as (two,):
        process = await asyncio.create_subprocess_exec(*command, stdout=pipe)
        try:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
            reader = (await followed(two)).chunks()
            assert await anext(reader) == b"x" * 2500
        finally:
            process.kill()
            await process.wait()
        with pytest.raises(RelayBroken):
            await anext(reader)
        assert await two.node.leases.wait(KEY, LONG) is Wake.EXPIRED


async def test_a_holder_that_waits_for_its_source_gives_signs_of_life(redis_server: RedisServer) -> None:
    async with members(redis_server, limits=HASTY) as (one, two):
        await one.holds(body := Growth())
        body.add(b"some")
        reader = (await followed(two)).chunks()
        assert await anext(reader) == b"some"
        rest = asyncio.ensure_future(everything_of(reader))
        done, _ = await asyncio.wait((rest,), timeout=3 * HASTY.silence_seconds)
        assert not done
        body.add(b" more")
        body.end()
        assert await rest == b" more"


async def test_two_holders_bodies_are_never_mixed(redis_server: RedisServer) -> None:
    async with members(redis_server, 4) as (zombie, holder, early, late):
        lease = await zombie.node.leases.acquire(KEY)
        assert lease is not None
        zombie.shares(lease.fence, old := Growth())
        old.add(b"old")
        before = (await followed(early)).chunks()
        assert await anext(before) == b"old"
        await asyncio.to_thread(redis_server_forgets, redis_server, zombie)
        await holder.holds(new := Growth())
        new.add(b"new")
        found = await followed(late)
        assert found.fence > lease.fence
        after = found.chunks()
        assert await anext(after) == b"new"
        old.add(b"-and-old")
        new.add(b"-and-new")
        old.end()
        new.end()
        assert await everything_of(before) == b"-and-old"
        assert await everything_of(after) == b"-and-new"


def redis_server_forgets(redis_server: RedisServer, member: Member) -> None:
    """The lease runs out, as it does while its holder is frozen."""
    del member
    redis_server._ask(f"DEL headgate:v1:lease:{{{digest_of(KEY).hex()}}}\r\n".encode())


async def test_a_holder_before_the_last_is_not_followed(redis_server: RedisServer) -> None:
    async with members(redis_server, 3) as (zombie, holder, late):
        zombie.shares(5, whole(b"old"))
        assert (await holder.node.leases.acquire(KEY)) is not None
        assert await late.relay.follow(KEY, 0.3) is None
        await until_counted(zombie, FleetEvent.RELAY_STARTED)


async def test_what_redis_lost_or_changed_is_broken(redis_server: RedisServer) -> None:
    async with members(redis_server, limits=RelayLimits(block_bytes=BLOCK, linger_seconds=LONG)) as (one, two):
        await one.holds(whole(b"x" * 5 * BLOCK))
        found = [await followed(two) for _ in range(4)]
        await until_counted(one, FleetEvent.BYTES_SHARED, 5 * BLOCK)
        name = next(name for name in await names(one) if name.endswith(":3"))
        for command in (("SETRANGE", name, BLOCK, "y"), ("APPEND", name, "z"), ("RPUSH", name, "z")):
            if command[0] == "RPUSH":
                await one.node.link.ask("DEL", name)
            await one.node.link.ask(*command)
            with pytest.raises(RelayBroken):
                await everything(found.pop())
        await asyncio.to_thread(redis_server.flush)
        with pytest.raises(RelayBroken):
            await everything(found.pop())


async def test_blocks_cannot_take_each_others_place(redis_server: RedisServer) -> None:
    async with members(redis_server, limits=RelayLimits(block_bytes=BLOCK, linger_seconds=LONG)) as (one, two):
        await one.holds(whole(b"x" * BLOCK + b"y" * BLOCK))
        found = await followed(two)
        await until_counted(one, FleetEvent.BYTES_SHARED, 2 * BLOCK)
        first = next(name for name in await names(one) if name.endswith(":0"))
        assert (await one.node.link.ask("COPY", first, first[:-1] + "1", "REPLACE"))[1] == 1
        with pytest.raises(RelayBroken):
            await everything(found)


async def test_everything_in_redis_ends_by_itself(redis_server: RedisServer) -> None:
    async with members(redis_server) as (one, two):
        await one.holds(whole(b"x" * 3 * BLOCK))
        await everything(await followed(two))
        found = await names(one)
        assert len(found) == 4
        for name in found:
            left = (await one.node.link.ask("PTTL", name))[1]
            assert isinstance(left, int)
            assert 0 < left <= 30_000


async def test_what_was_said_while_the_line_was_lost_is_asked_for_again(redis_server: RedisServer) -> None:
    async with members(redis_server, limits=RelayLimits(linger_seconds=LONG, silence_seconds=LONG)) as (one, two):
        await one.holds(body := Growth())
        body.add(b"some")
        reader = (await followed(two)).chunks()
        assert await anext(reader) == b"some"
        rest = asyncio.ensure_future(everything_of(reader))
        two.node.bus._jitter = lambda: 10.0  # it comes back when all is said
        await one.node.link.ask("CLIENT", "KILL", "TYPE", "pubsub")
        body.add(b" more")
        body.end()
        assert await rest == b" more"


@pytest.mark.parametrize("fault", ["kill", "pause"])
async def test_when_redis_goes_in_the_middle_nobody_hangs(redis_server: RedisServer, fault: str) -> None:
    async with members(redis_server, limits=HASTY, budget_seconds=0.5) as (one, two):
        sharing = await one.holds(body := Growth())
        body.add(b"some")
        reader = (await followed(two)).chunks()
        assert await anext(reader) == b"some"
        getattr(redis_server, fault)()
        body.add(b"x" * 10 * BLOCK)
        body.end()
        with pytest.raises(RelayBroken):
            await everything_of(reader)
        await sharing
        assert await two.relay.follow(KEY, LONG) is None
        await asyncio.to_thread(redis_server.start)


async def test_nonsense_on_the_bus_is_not_heard(redis_server: RedisServer) -> None:
    async with members(redis_server) as (one, two):
        for payload in (b"", b"x", b"\x09" + bytes(36), b"\x02" + bytes(36), b"\x01" + b"\xff" * 36):
            two.node.bus.publish("relay", payload)
        await one.holds(whole(b"data"))
        assert await everything(await followed(two)) == b"data"


async def test_what_is_remembered_of_wishes_is_bounded(redis_server: RedisServer) -> None:
    async with members(redis_server, 1) as (one,):
        for number in range(5000):
            one.relay._heard(b"\x01" + number.to_bytes(16, "big") + bytes(12) + (1000).to_bytes(8, "big"))
        assert len(one.relay._wanted) == 4096
