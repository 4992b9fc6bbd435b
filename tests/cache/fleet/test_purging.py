"""Purges reach every node, whatever is away when they are issued."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from cache.fleet.purge_store import RedisPurges
from cache.fleet.purging import Fleet, PurgeDesk, PurgeFile, Source, Wanted
from cache.purges import Purge, PurgeMeaningless, PurgeTable, PurgeVerdict, Scope
from cache.redis_link import RedisLink
from origin.storage.purge_file import PurgeFileOnDisk
from tests.clock import Clock
from tests.redis_server import RedisServer

NONE, SOFT, HARD = PurgeVerdict.NONE, PurgeVerdict.SOFT, PurgeVerdict.HARD
A = Wanted(Scope.URL, "/vod/a.ts", is_soft=False)
LIFETIME = 86400.0
_names = count()


class Hall:
    """Where all buses of a test hear each other, unless a wall is up."""

    def __init__(self) -> None:
        self.buses: list[HallBus] = []
        self.is_open = True
        self.published = 0

    def bus(self) -> HallBus:
        made = HallBus(self)
        self.buses.append(made)
        return made

    def reopen(self) -> None:
        self.is_open = True
        for bus in self.buses:
            for handler in bus.reconnected:
                handler()


class HallBus:
    """One node's bus."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self.handlers: list[Callable[[bytes], None]] = []
        self.reconnected: list[Callable[[], None]] = []

    @property
    def is_connected(self) -> bool:
        return self._hall.is_open

    def publish(self, topic: str, payload: bytes) -> None:
        assert topic == "purges"
        self._hall.published += 1
        for bus in self._hall.buses if self._hall.is_open else ():
            for handler in bus.handlers:
                handler(payload)

    def subscribe(self, topic: str, handler: Callable[[bytes], None]) -> None:
        assert topic == "purges"
        self.handlers.append(handler)

    def on_reconnected(self, handler: Callable[[], None]) -> None:
        self.reconnected.append(handler)


class Tally:
    """Counts what happens."""

    def __init__(self) -> None:
        self.applied: Counter[Source] = Counter()
        self.held = (0, False)

    def purges_applied(self, source: Source, count: int) -> None:
        self.applied[source] += count

    def purges_held(self, count: int, *, is_pending: bool) -> None:
        self.held = (count, is_pending)


class Node:
    """A desk, its table and what it tells."""

    def __init__(
        self,
        clock: Clock,
        bus: HallBus | None = None,
        link: RedisLink | None = None,
        file: PurgeFile | None = None,
        most: int = 1000,
        namespace: str = "headgate",
    ) -> None:
        self.table = PurgeTable(mounts=("/vod",), longest_lifetime=LIFETIME, most=most)
        self.tally = Tally()
        fleet = None
        workers = bus if link is None else None
        if bus is not None and link is not None:
            fleet = (bus, RedisPurges(link, namespace=namespace, longest_lifetime=LIFETIME, new_id=_id))
        self.namespace = namespace
        self.passed: list[Purge] = []
        self.desk = PurgeDesk(
            self.table,
            self.tally,
            clock=clock,
            new_id=_id,
            fleet=fleet,
            workers=workers,
            file=file,
            pass_on=self.passed.extend,
        )

    def verdict(self, url: str = "/vod/a.ts", stored_at: float = 0.0) -> PurgeVerdict:
        return self.table.verdict(url, ("t",), stored_at)

    def owes(self) -> bool:
        return self.desk.is_pending


def _id() -> str:
    return f"p{next(_names)}"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@asynccontextmanager
async def fleet_of(
    server: RedisServer, clock: Clock, hall: Hall, size: int = 2, most: int = 1000
) -> AsyncIterator[list[Node]]:
    namespace = f"purging{next(_names)}"
    links = [RedisLink(server.url, budget_seconds=5) for _ in range(size)]
    nodes = [Node(clock, hall.bus(), link, most=most, namespace=namespace) for link in links]
    try:
        yield nodes
    finally:
        for link in links:
            await link.close()


async def test_alone_it_is_in_force_at_once(clock: Clock) -> None:
    node = Node(clock)
    receipt = await node.desk.purge([A, Wanted(Scope.TAG, "t")])
    assert receipt.fleet is Fleet.SINGLE
    assert [(one.scope, one.value, one.is_soft) for one in receipt.purges] == [
        (Scope.URL, "/vod/a.ts", False),
        (Scope.TAG, "t", True),
    ]
    assert (node.verdict(stored_at=clock.now), node.verdict("/b", clock.now)) == (HARD, SOFT)
    assert node.verdict(stored_at=clock.now + 1) is NONE
    assert node.tally.applied == {Source.HERE: 2}
    assert await node.desk.catch_up()
    assert node.tally.held == (2, False)
    assert not node.desk.is_pending


async def test_one_that_means_nothing_keeps_the_others_from_being_in_force(clock: Clock) -> None:
    node = Node(clock)
    with pytest.raises(PurgeMeaningless, match=r"^item 1 \(url\): "):
        await node.desk.purge([A, Wanted(Scope.URL, "secret token")])
    assert len(node.table) == 0


@pytest.mark.needs("redis-server")
class TestFleet:
    async def test_others_hear_of_it(self, redis_server: RedisServer, clock: Clock) -> None:
        async with fleet_of(redis_server, clock, Hall()) as (here, there):
            assert await here.desk.catch_up()
            receipt = await here.desk.purge([A])
            assert receipt.fleet is Fleet.ANNOUNCED
            assert there.verdict() is HARD
            assert tuple(here.passed) == receipt.purges
            assert await here.desk.catch_up()
            assert (len(here.passed), there.passed) == (1, []), "by one node, once"
            assert there.tally.applied == {Source.BUS: 1}
            assert here.tally.applied == {Source.HERE: 1}, "its own message is no news"

    async def test_who_comes_later_reads_of_it(self, redis_server: RedisServer, clock: Clock) -> None:
        hall = Hall()
        async with fleet_of(redis_server, clock, hall) as (here, there):
            hall.is_open = False
            assert (await here.desk.purge([A])).fleet is Fleet.PENDING
            assert there.verdict() is NONE
            assert there.owes(), "it has not read anything yet"
            assert await there.desk.catch_up()
            assert there.verdict() is HARD
            assert there.tally.applied == {Source.STORE: 1}
            assert not there.owes()

    async def test_a_message_that_got_lost_is_made_up_for(self, redis_server: RedisServer, clock: Clock) -> None:
        hall = Hall()
        async with fleet_of(redis_server, clock, hall) as (here, there):
            assert await there.desk.catch_up()
            hall.is_open = False
            await here.desk.purge([A])
            assert await there.desk.catch_up()
            assert there.verdict() is NONE, "Redis is not asked each time"
            clock.advance(16)
            assert await there.desk.catch_up()
            assert there.verdict() is HARD

    async def test_who_hears_again_reads_what_it_missed(self, redis_server: RedisServer, clock: Clock) -> None:
        hall = Hall()
        async with fleet_of(redis_server, clock, hall) as (here, there):
            assert await there.desk.catch_up()
            hall.is_open = False
            await here.desk.purge([A])
            hall.reopen()
            assert there.owes()
            assert await there.desk.catch_up()
            assert there.verdict() is HARD

    async def test_it_is_told_when_redis_is_back(self, redis_server: RedisServer, clock: Clock) -> None:
        hall = Hall()
        async with fleet_of(redis_server, clock, hall) as (here, there):
            assert await here.desk.catch_up()
            assert await there.desk.catch_up()
            await there.desk.purge([Wanted(Scope.URL, "/vod/before.ts")])
            redis_server.kill()
            hall.is_open = False
            assert (await here.desk.purge([A])).fleet is Fleet.PENDING
            assert here.verdict() is HARD
            assert not await here.desk.catch_up()
            assert here.owes()
            assert [one.value for one in here.passed] == ["/vod/a.ts"]
            await asyncio.to_thread(redis_server.start)
            clock.advance(1000)
            hall.reopen()
            await _until(here.desk.catch_up)
            assert [one.value for one in here.passed] == ["/vod/a.ts"] * 2, "for the others did not know at first"
            await _until(there.desk.catch_up)
            assert (here.verdict(), there.verdict()) == (HARD, HARD)
            assert there.verdict(stored_at=clock.now - 1000 + 61) is NONE, "it is as old as it is"
            assert await here.desk.catch_up(), "the other one has said that there is more to read"
            assert not here.owes()
            newcomer = Node(clock, hall.bus(), here_link := RedisLink(redis_server.url), namespace=here.namespace)
            assert await newcomer.desk.catch_up()
            assert newcomer.verdict() is HARD
            assert newcomer.verdict("/vod/before.ts") is SOFT, "what Redis forgot it has been told again"
            await here_link.close()

    async def test_many_at_once_are_read_and_not_heard(self, redis_server: RedisServer, clock: Clock) -> None:
        async with fleet_of(redis_server, clock, Hall()) as (here, there):
            await here.desk.catch_up()
            await there.desk.catch_up()
            wanted = [Wanted(Scope.URL, f"/vod/{'x' * 50}/{number}") for number in range(900)]
            assert (await here.desk.purge(wanted)).fleet is Fleet.ANNOUNCED
            assert len(there.table) == 0
            assert there.owes()
            assert await there.desk.catch_up()
            assert len(there.table) == 900

    async def test_tables_that_fold_agree_in_the_end(self, redis_server: RedisServer, clock: Clock) -> None:
        hall = Hall()
        async with fleet_of(redis_server, clock, hall, most=16) as nodes:
            for number in range(60):
                clock.advance(1)
                await nodes[number % 2].desk.purge([Wanted(Scope.URL, f"/vod/{number}")])
            for _ in range(3):
                for node in nodes:
                    assert await node.desk.catch_up()
            first, second = ({one.id for one in node.table} for node in nodes)
            assert first == second
            assert not any(node.desk.is_pending for node in nodes)
            published = hall.published
            clock.advance(16)
            for node in nodes:
                assert await node.desk.catch_up()
            assert hall.published == published, "there is nothing more to say"

    async def test_who_does_not_wait_leaves_nothing_undone(self, redis_server: RedisServer, clock: Clock) -> None:
        async with fleet_of(redis_server, clock, Hall()) as (here, there):
            await here.desk.catch_up()
            redis_server.pause()
            asking = asyncio.create_task(here.desk.purge([A]))
            await asyncio.sleep(0.05)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            redis_server.resume()
            assert here.owes()
            await _until(here.desk.catch_up)
            await _until(there.desk.catch_up)
            assert there.verdict() is HARD

    async def test_following_is_enough(self, redis_server: RedisServer) -> None:
        clock = Clock(time.time())
        hall = Hall()
        async with fleet_of(redis_server, clock, hall) as nodes:
            following = [asyncio.create_task(node.desk.follow()) for node in nodes]
            redis_server.kill()
            hall.is_open = False
            await nodes[0].desk.purge([A])
            await asyncio.to_thread(redis_server.start)
            hall.reopen()
            while nodes[1].verdict() is not HARD or nodes[0].desk.is_pending:
                await asyncio.sleep(0.02)
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)


async def _until(step: Callable[[], object]) -> None:
    """Repeat a step until it says that it went well; the test's own time limit ends the wait."""
    while not await step():  # type: ignore[misc]
        await asyncio.sleep(0.02)


class TestFile:
    async def test_it_keeps_them_over_a_restart(self, tmp_path: Path, clock: Clock) -> None:
        path = tmp_path / "purges.json"
        await Node(clock, file=PurgeFileOnDisk(path)).desk.purge([A])
        clock.advance(100)
        reborn = Node(clock, file=PurgeFileOnDisk(path))
        assert await reborn.desk.catch_up()
        assert reborn.verdict(stored_at=clock.now - 100) is HARD
        assert reborn.verdict(stored_at=clock.now) is NONE
        assert reborn.tally.applied == {Source.FILE: 1}

    async def test_workers_of_a_machine_hear_of_it_by_the_file(self, tmp_path: Path, clock: Clock) -> None:
        path = tmp_path / "purges.json"
        here, there = (Node(clock, file=PurgeFileOnDisk(path)) for _ in range(2))
        await here.desk.purge([A])
        await there.desk.purge([Wanted(Scope.TAG, "t")])
        assert there.verdict() is HARD, "it was there when the file was rewritten"
        assert here.verdict("/b") is NONE
        assert await here.desk.catch_up()
        assert here.verdict("/b") is SOFT
        before = path.stat()
        for node in (here, there):
            assert await node.desk.catch_up()
        assert path.stat() == before

    async def test_what_is_too_old_goes(self, tmp_path: Path, clock: Clock) -> None:
        path = tmp_path / "purges.json"
        nodes = [Node(clock, file=PurgeFileOnDisk(path)) for _ in range(2)]
        await nodes[0].desk.purge([A])
        await nodes[1].desk.catch_up()
        clock.advance(LIFETIME + 1000)
        await nodes[0].desk.purge([Wanted(Scope.TAG, "new")])
        for node in (*nodes, *nodes):
            await node.desk.catch_up()
        assert b"a.ts" not in path.read_bytes()
        assert [[one.value for one in node.table] for node in nodes] == [["new"], ["new"]]

    async def test_a_file_that_cannot_be_written_costs_no_purge(
        self, tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = tmp_path / "later" / "purges.json"
        node = Node(clock, file=PurgeFileOnDisk(path))
        await node.desk.purge([A])
        assert node.verdict() is HARD
        assert not await node.desk.catch_up()
        assert caplog.text.count("purges are not kept in the file: No such file or directory") == 1
        path.parent.mkdir()
        assert await node.desk.catch_up()
        assert b"a.ts" in path.read_bytes()

    async def test_nonsense_in_it_is_passed_over(self, tmp_path: Path, clock: Clock) -> None:
        path = tmp_path / "purges.json"
        path.write_bytes(b"\xff nonsense")
        node = Node(clock, file=PurgeFileOnDisk(path))
        assert await node.desk.catch_up()
        await node.desk.purge([A])
        assert b"a.ts" in path.read_bytes()


def test_a_purge_has_an_id_of_its_own() -> None:
    assert Purge(Scope.URL, "/a", True, 1.0, "a.0") != Purge(Scope.URL, "/a", True, 1.0, "a.1")


async def test_workers_without_redis_hear_at_once_and_find_the_rest_in_the_file(clock: Clock, tmp_path: Path) -> None:
    hall = Hall()
    files = [PurgeFileOnDisk(tmp_path / "purges") for _ in range(2)]
    here, there = (Node(clock, hall.bus(), file=file) for file in files)
    receipt = await here.desk.purge([A])
    assert receipt.fleet is Fleet.SINGLE
    assert there.tally.applied == {Source.BUS: 1}
    many = [Wanted(Scope.URL, f"/vod/{number}/{'x' * 1000}.ts") for number in range(50)]
    await here.desk.purge(many)
    assert there.tally.applied == {Source.BUS: 1}, "more than a message may hold"
    await there.desk.catch_up()
    assert there.tally.applied == {Source.BUS: 1, Source.FILE: 50}
    hall.is_open = False
    await here.desk.purge([Wanted(Scope.PREFIX, "/vod")])
    following = asyncio.create_task(there.desk.follow())
    while there.tally.applied[Source.FILE] < 51:
        await asyncio.sleep(0.01)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert not there.desk.is_pending
    for file in files:
        file.close()
