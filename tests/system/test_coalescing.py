"""One pull for a thousand viewers over the workers of a machine and over nodes, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fault_proxy import FaultProxy
from tests.parts import find_part
from tests.redis_server import RedisServer
from tests.system.fleet_site import NODE_FIELD, fleet_configuration, nodes, workers
from tests.system.processes import Gateway, wait_until
from tests.system.swarm import Viewed, swarm
from tests.system.upstream import Upstream

_log = logging.getLogger(__name__)

pytestmark = [pytest.mark.system, pytest.mark.needs("redis-server")]

BODY = os.urandom(4 * 2**20)
SMALL = BODY[: 2**20]
VIEWERS = 1000
THINK_SECONDS, BODY_SECONDS = 1.0, 3.0
# How long Redis may take where a thousand viewers keep a machine so busy that its answers are read late: a node that
# does not wait for it pulls by itself, as it should.
PATIENT = 5.0


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that may be spoilt."""
    program = find_part("redis-server")
    assert program is not None
    server = RedisServer(program, tmp_path)
    server.start()
    yield server
    server.stop()


def ports(gateways: list[Gateway]) -> list[int]:
    return [gateway.ports["public"] for gateway in gateways]


def puller(upstream: Upstream, path: str) -> str:
    """The node that asked last."""
    return [one.fields[NODE_FIELD] for one in upstream.asked if one.path == path][-1]


async def alone(upstream: Upstream, gateways: list[Gateway], body: bytes) -> Viewed:
    """One viewer of a cold object that is like the others."""
    upstream.put("/alone", body, think_seconds=THINK_SECONDS, body_seconds=0.2)
    await connected(gateways)
    (viewed,) = await swarm(ports(gateways)[:1], "/alone", body, 1)
    assert viewed.has(body)
    return viewed


async def connected(gateways: list[Gateway]) -> None:
    """Until all nodes hear each other."""

    def hear() -> bool:
        return all(gateway.metric("headgate_fleet_events_total", event="bus_connected") > 0 for gateway in gateways)

    await asyncio.to_thread(wait_until, hear, "the bus is connected")


async def kept(gateways: list[Gateway], size: int) -> None:
    """Until so many bytes are in the disk cache: a body becomes visible a moment after its viewer has it."""

    def are_stored() -> bool:
        return sum(gateway.metric("headgate_disk_stored_bytes_total") for gateway in gateways) >= size

    await asyncio.to_thread(wait_until, are_stored, "the body is kept")


async def crowd(upstream: Upstream, gateways: list[Gateway], what: str, body: bytes) -> None:
    """A thousand viewers of a cold object: one pull, the right bytes for all, and the first of them early.

    The figures are for whoever reads them (--log-cli-level=INFO).
    """
    single = await alone(upstream, gateways, body)
    upstream.put("/film", body, think_seconds=THINK_SECONDS, body_seconds=BODY_SECONDS)
    upstream.ended.clear()
    viewed = await swarm(ports(gateways), "/film", body, VIEWERS)
    assert [one for one in viewed if not one.has(body)] == []
    assert upstream.count("/film") == 1
    waits = sorted(one.first_byte_at - one.asked_at for one in viewed)
    first, median, last = single.first_byte_at - single.asked_at, waits[len(waits) // 2], waits[-1]
    _log.info(
        "%s: first byte alone after %.3f s; of %d viewers median %.3f s, last %.3f s",
        what,
        first,
        VIEWERS,
        median,
        last,
    )
    _log.info("%s: %.2f and %.2f times one viewer's", what, median / first, last / first)
    in_time = [one for one in viewed if one.first_byte_at < upstream.ended[-1]]
    assert len(in_time) > VIEWERS / 2  # it is passed on while it arrives


@pytest.mark.timeout(120)  # four gigabytes on a machine that has other things to do
async def test_four_workers_of_a_machine(tmp_path: Path, upstream: Upstream, redis_server: RedisServer) -> None:
    config = fleet_configuration(tmp_path, "one", upstream.url, redis_server.url, redis_seconds=PATIENT)
    with workers(config, 4) as gateways:
        await crowd(upstream, gateways, "four workers", BODY)


async def test_two_nodes(tmp_path: Path, upstream: Upstream, redis_server: RedisServer) -> None:
    configs = [
        fleet_configuration(tmp_path, name, upstream.url, redis_server.url, redis_seconds=PATIENT)
        for name in ("a", "b")
    ]
    with nodes(*configs) as gateways:
        await crowd(upstream, gateways, "two nodes", SMALL)


async def test_what_one_worker_keeps_all_have(tmp_path: Path, upstream: Upstream) -> None:
    upstream.put("/film", SMALL)
    upstream.put("/stale", SMALL, {"Cache-Control": "max-age=0, must-revalidate"})
    with workers(fleet_configuration(tmp_path, "one", upstream.url, None), 2) as gateways:
        for gateway in (*gateways, *gateways):
            answer = await asyncio.to_thread(gateway.get, "/film")
            assert answer.body == SMALL
            await kept(gateways, len(SMALL))
        assert upstream.count("/film") == 1
        for gateway in gateways:
            assert (await asyncio.to_thread(gateway.get, "/stale")).body == SMALL
            await kept(gateways, 2 * len(SMALL))
        assert [one.fields.get("if-none-match") is None for one in upstream.asked if one.path == "/stale"] == [
            True,
            False,
        ]


async def test_nodes_coalesce_again_when_redis_is_back(
    tmp_path: Path, upstream: Upstream, own_redis: RedisServer
) -> None:
    configs = [fleet_configuration(tmp_path, name, upstream.url, own_redis.url) for name in ("a", "b")]
    with nodes(*configs) as gateways:
        await connected(gateways)
        await asyncio.to_thread(own_redis.restart)
        for number in range(60):
            path = f"/film-{number}"
            upstream.put(path, SMALL, think_seconds=0.3)
            viewed = await swarm(ports(gateways), path, SMALL, 10)
            assert [one for one in viewed if not one.has(SMALL)] == []
            if upstream.count(path) == 1:
                return
        pytest.fail("each node pulls by itself, for ever")


async def test_what_is_too_large_to_be_passed_on_is_not_waited_for(
    tmp_path: Path, upstream: Upstream, redis_server: RedisServer
) -> None:
    large = os.urandom(65 * 2**20)
    configs = [
        fleet_configuration(tmp_path, name, upstream.url, redis_server.url, lease_seconds=30.0) for name in ("a", "b")
    ]
    with nodes(*configs) as gateways:
        await connected(gateways)
        upstream.put("/large", large, think_seconds=0.5, body_seconds=4.0)
        viewed = await swarm(ports(gateways), "/large", large, 2, over_seconds=0.1)
        assert [one.has(large) for one in viewed] == [True, True]
        assert all(one.first_byte_at < upstream.ended[0] for one in viewed)
        assert upstream.count("/large") == 2


async def test_workers_without_redis_pull_once_each(tmp_path: Path, upstream: Upstream) -> None:
    upstream.put("/film", SMALL, think_seconds=THINK_SECONDS)
    with workers(fleet_configuration(tmp_path, "one", upstream.url, None), 2) as gateways:
        viewed = await swarm(ports(gateways), "/film", SMALL, 100)
    assert [one for one in viewed if not one.has(SMALL)] == []
    assert 1 <= upstream.count("/film") <= 2


@pytest.mark.parametrize("moment", ["thinking", "sending"])
async def test_the_node_that_pulls_dies(
    tmp_path: Path, upstream: Upstream, redis_server: RedisServer, moment: str
) -> None:
    """What the others have been sent so far they are sent the rest of, once the lease is over."""
    configs = [fleet_configuration(tmp_path, name, upstream.url, redis_server.url) for name in ("a", "b")]
    with nodes(*configs) as gateways:
        await connected(gateways)
        upstream.put("/film", SMALL, think_seconds=1.0, body_seconds=1.5)
        asking = asyncio.create_task(swarm(ports(gateways), "/film", SMALL, 20))
        await asyncio.to_thread(wait_until, lambda: upstream.count("/film") == 1, "the upstream is asked")
        await asyncio.sleep(0.3 if moment == "thinking" else 1.7)
        dead = "ab".index(puller(upstream, "/film"))
        gateways[dead].end(signal.SIGKILL)
        died_at = time.monotonic()
        viewed = await asking
        _log.info("it died %s: the other node was done after %.2f s", moment, time.monotonic() - died_at)
        survivors = viewed[1 - dead :: 2]
        assert [one for one in survivors if not one.has(SMALL)] == []
        assert not any(one.has(SMALL) for one in viewed[dead::2])
        assert upstream.count("/film") == 2
        answer = await asyncio.to_thread(gateways[1 - dead].get, "/film")
        assert (answer.status, answer.body == SMALL) == (200, True)
        assert upstream.count("/film") == 2  # it is kept


@pytest.mark.parametrize("how", ["frozen", "told to stop"])
async def test_the_node_that_pulls_is_slow_to_go(
    tmp_path: Path, upstream: Upstream, redis_server: RedisServer, how: str
) -> None:
    """The others go on without it, and it ends what it has begun when it can."""
    configs = [fleet_configuration(tmp_path, name, upstream.url, redis_server.url) for name in ("a", "b")]
    with nodes(*configs) as gateways:
        await connected(gateways)
        upstream.put("/film", SMALL, think_seconds=0.5, body_seconds=2.0)
        asking = asyncio.create_task(swarm(ports(gateways), "/film", SMALL, 20, over_seconds=0.2))
        await asyncio.to_thread(wait_until, lambda: upstream.count("/film") == 1, "the upstream is asked")
        await asyncio.sleep(1.3)
        slow = gateways["ab".index(puller(upstream, "/film"))]
        if how == "frozen":
            slow.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(4.0)  # twice the lease
            slow.process.send_signal(signal.SIGCONT)
        else:
            assert await asyncio.to_thread(slow.end) == 0
        assert [one for one in await asking if not one.has(SMALL)] == []
        other = gateways[1 - gateways.index(slow)]
        assert (await asyncio.to_thread(other.get, "/film")).body == SMALL
        assert upstream.count("/film") <= 2


async def test_what_is_left_of_a_changed_object_is_not_joined_to_it(
    tmp_path: Path, upstream: Upstream, redis_server: RedisServer
) -> None:
    configs = [fleet_configuration(tmp_path, name, upstream.url, redis_server.url) for name in ("a", "b")]
    with nodes(*configs) as gateways:
        await connected(gateways)
        upstream.put("/film", SMALL, think_seconds=0.5, body_seconds=2.0)
        asking = asyncio.create_task(swarm(ports(gateways), "/film", SMALL, 20))
        await asyncio.to_thread(wait_until, lambda: upstream.count("/film") == 1, "the upstream is asked")
        await asyncio.sleep(1.5)
        dead = "ab".index(puller(upstream, "/film"))
        upstream.put("/film", SMALL[::-1])
        gateways[dead].end(signal.SIGKILL)
        assert not any(one.has(SMALL) or one.size == len(SMALL) for one in await asking)
        answer = await asyncio.to_thread(gateways[1 - dead].get, "/film")
        assert (answer.status, answer.body == SMALL[::-1]) == (200, True)


FAULTS: dict[str, Callable[[RedisServer], object]] = {
    "killed": RedisServer.kill,
    "frozen": RedisServer.pause,
    "full": lambda redis: redis.ask("CONFIG", "SET", "maxmemory", "1"),
}


async def troubled(upstream: Upstream, gateways: list[Gateway], spoil: Callable[[], object]) -> None:
    """Viewers on both nodes before, while and after Redis fails in the middle of a fill: each is served well."""
    await connected(gateways)
    upstream.put("/film", SMALL, think_seconds=0.5, body_seconds=1.5)
    upstream.put("/next", SMALL, think_seconds=0.5, body_seconds=0.5)
    before = asyncio.create_task(swarm(ports(gateways), "/film", SMALL, 100, over_seconds=2.0))
    await asyncio.to_thread(wait_until, lambda: upstream.count("/film") == 1, "the upstream is asked")
    await asyncio.sleep(1.0)
    await asyncio.to_thread(spoil)
    after = await swarm(ports(gateways), "/next", SMALL, 100)
    assert [one for one in (*await before, *after) if not one.has(SMALL)] == []
    assert upstream.count("/film") <= 2  # the other node asks for the rest
    assert 1 <= upstream.count("/next") <= 2  # each process coalesces by itself


@pytest.mark.parametrize("fault", FAULTS)
async def test_redis_fails_in_the_middle_of_fills(
    tmp_path: Path, upstream: Upstream, own_redis: RedisServer, fault: str
) -> None:
    configs = [fleet_configuration(tmp_path, name, upstream.url, own_redis.url) for name in ("a", "b")]
    with nodes(*configs) as gateways:
        await troubled(upstream, gateways, lambda: FAULTS[fault](own_redis))


@pytest.mark.parametrize("fault", ["cut", "black_hole"])
async def test_the_way_to_redis_fails_in_the_middle_of_fills(
    tmp_path: Path, upstream: Upstream, redis_server: RedisServer, fault: str
) -> None:
    with FaultProxy(redis_server.port) as proxy:
        url = f"redis://127.0.0.1:{proxy.port}/0"
        configs = [fleet_configuration(tmp_path, name, upstream.url, url) for name in ("a", "b")]
        with nodes(*configs) as gateways:
            await troubled(upstream, gateways, getattr(proxy, fault))
