"""Everything happens to Redis and to the network before it, under load, and viewers get nothing but what they want."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fault_proxy import FaultProxy
from tests.redis_server import RedisServer
from tests.system.processes import Gateway, wait_until
from tests.system.redis_site import Load, Site, is_left_alone, load, new_site, pair, share

pytestmark = [pytest.mark.system, pytest.mark.needs("redis-server")]

ANSWERS = 60  # that must come while something is wrong

Step = tuple[Callable[[], object], str, Callable[[], object]]  # what goes wrong, what is counted, the end of it


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site without films."""
    return new_site(tmp_path)


def counted(gateway: Gateway, result: str) -> float:
    """How many questions have ended so."""
    return gateway.metric("headgate_l2_operations_total", result=result)


def go_through(steps: list[Step], met: Load, site: Site, gateways: tuple[Gateway, Gateway]) -> None:
    """Each fault is noticed by both gateways while viewers are served, and forgotten after its end."""
    for step in steps:
        _go_through(step, met, gateways)
    wait_until(lambda: share(site, *gateways) and share(site, *reversed(gateways)), "manifests are shared again")


def _go_through(step: Step, met: Load, gateways: tuple[Gateway, Gateway]) -> None:
    breaks, result, mends = step
    before = [counted(gateway, result) for gateway in gateways]
    served = sum(met.answers.values())

    def is_noticed() -> bool:
        return all(counted(gateway, result) > number for gateway, number in zip(gateways, before, strict=True))

    breaks()
    wait_until(is_noticed, f"{breaks} shows as {result}")
    wait_until(lambda: sum(met.answers.values()) >= served + ANSWERS, f"{breaks} lets viewers be")
    mends()
    wait_until(lambda: not any(map(is_left_alone, gateways)), f"Redis is asked again after {breaks}")


async def torture(steps: list[Step], site: Site, redis_url: str) -> None:
    """Go through all of it under load; no viewer may notice."""
    with pair(site, redis_url) as gateways:
        async with load(site, gateways) as met:
            await asyncio.to_thread(wait_until, lambda: sum(met.answers.values()) >= ANSWERS, "the load runs")
            await asyncio.to_thread(go_through, steps, met, site, gateways)
        assert met.failures == []
        assert set(met.answers) == {200}
        assert gateways[0].end() == gateways[1].end() == 0


async def test_redis_is_killed_frozen_and_filled(site: Site, redis_server: RedisServer) -> None:
    def fill() -> None:
        assert redis_server.ask("CONFIG", "SET", "maxmemory", "1") == "+OK\r\n"

    def make_room() -> None:
        assert redis_server.ask("CONFIG", "SET", "maxmemory", "0") == "+OK\r\n"

    steps: list[Step] = [
        (redis_server.kill, "failed", redis_server.start),
        (redis_server.pause, "timed_out", redis_server.resume),
        (fill, "refused", make_room),
    ]
    try:
        await torture(steps, site, redis_server.url)
    finally:
        redis_server.resume()
        redis_server.start()
        make_room()


async def test_the_network_is_cut_slow_and_broken(site: Site, redis_server: RedisServer) -> None:
    with FaultProxy(redis_server.port) as proxy:
        steps: list[Step] = [
            (proxy.cut, "failed", proxy.heal),
            (proxy.black_hole, "timed_out", proxy.heal),
            (lambda: proxy.delay(0.5), "timed_out", proxy.heal),
            (lambda: proxy.reset(300), "failed", proxy.heal),
            (lambda: proxy.truncate(20), "failed", proxy.heal),
        ]
        await torture(steps, site, f"redis://127.0.0.1:{proxy.port}/0")
        assert proxy.connections > len(steps)
