"""Redis comes, goes, hangs and turns us away, and no viewer notices."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts import find_part
from tests.redis_server import RedisServer, free_port
from tests.system.processes import headgate, serving, wait_until
from tests.system.redis_site import Site, endless, is_left_alone, keys, load, new_site, pair, share

pytestmark = [pytest.mark.system, pytest.mark.needs("redis-server")]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site without films."""
    return new_site(tmp_path)


def test_what_one_has_loaded_is_a_shared_hit_for_the_other(site: Site, redis_server: RedisServer) -> None:
    with pair(site, redis_server.url) as (one, other):
        assert share(site, one, other)
        assert share(site, other, one)


# Bounded, because revocations are, and dropped when they end.
MAY_STAY = {"headgate:ledger:v1:{revoked}:entries", "headgate:ledger:v1:{revoked}:state"}


def test_whatever_is_kept_in_redis_ends_by_itself(site: Site, redis_server: RedisServer) -> None:
    with pair(site, redis_server.url) as (one, other):
        assert share(site, one, other)
        assert one.get(site.signed(f"/limited/{site.film()}/1.ts", viewer="ann")).status == 200
    kept = keys(redis_server)
    for kind in ("headgate:v1:manifest:", "headgate:ledger:v1:streams:"):
        assert any(key.startswith(kind) for key in kept)
    # A fence is in the same slot of a cluster as its value, whose whole name is its hash tag.
    assert all(key.startswith(("headgate:", "{headgate:")) for key in kept)
    assert endless(redis_server) <= MAY_STAY


async def test_viewers_do_not_notice_that_redis_is_killed_and_comes_back(site: Site, redis_server: RedisServer) -> None:
    def converged() -> bool:
        return share(site, *gateways) and share(site, *reversed(gateways))

    with pair(site, redis_server.url) as gateways:
        assert await asyncio.to_thread(converged)
        async with load(site, gateways) as met:
            await asyncio.to_thread(wait_until, lambda: sum(met.answers.values()) >= 100, "the load runs")
            await asyncio.to_thread(redis_server.kill)
            await asyncio.to_thread(wait_until, lambda: all(map(is_left_alone, gateways)), "the breakers open")
            during = sum(met.answers.values())
            await asyncio.to_thread(wait_until, lambda: sum(met.answers.values()) >= during + 100, "it runs on")
            await asyncio.to_thread(redis_server.start)
            await asyncio.to_thread(wait_until, converged, "manifests are shared again")
        for gateway in gateways:
            assert not is_left_alone(gateway)
            assert gateway.metric("headgate_cache_events_total", event="shared_skipped") > 0
            assert gateway.metric("headgate_l2_operations_total", result="failed") > 0
        assert met.failures == []
        assert set(met.answers) == {200}
        assert gateways[0].end() == gateways[1].end() == 0


def test_a_redis_that_hangs_is_soon_no_longer_asked(site: Site, redis_server: RedisServer) -> None:
    with serving(site.config(redis_server.url)) as gateway:

        def operations() -> float:
            counted = gateway.metric("headgate_l2_operations_total")
            return counted - gateway.metric("headgate_l2_operations_total", operation="probe")

        def ask() -> int:
            return gateway.get(site.signed(f"/vod/{site.film()}/index.m3u8")).status

        redis_server.pause()
        try:
            asked = [ask() for _ in range(5)]
            wait_until(lambda: is_left_alone(gateway), "the breaker opens")
            assert gateway.metric("headgate_l2_operations_total", result="timed_out") >= 5
            before = operations()
            asked += [ask() for _ in range(30)]
            assert operations() == before
            assert gateway.metric("headgate_cache_events_total", event="shared_skipped") >= 30
            assert set(asked) == {200}
        finally:
            redis_server.resume()
        wait_until(lambda: ask() == 200 and not is_left_alone(gateway), "the breaker closes")
        assert ask() == 200
        assert operations() > before


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that asks for the password "right"."""
    program = find_part("redis-server")
    assert program is not None
    server = RedisServer(program, tmp_path)
    server.start()
    try:
        server._ask(b"CONFIG SET requirepass right\r\n")
        yield server
    finally:
        server.stop()


def test_the_wrong_password_costs_the_shared_tier_and_nothing_else(site: Site, guarded: RedisServer) -> None:
    wrong = f"redis://:wrong-secret@127.0.0.1:{guarded.port}/0"
    with serving(site.config(wrong)) as gateway:
        for _ in range(6):
            assert gateway.get(site.signed(f"/vod/{site.film()}/index.m3u8")).status == 200
        wait_until(lambda: is_left_alone(gateway), "the breaker opens")
        assert gateway.metric("headgate_l2_operations_total", result="denied") >= 5
        assert gateway.get("/readyz", listener="admin").status == 200
    told = gateway.stdout.read_text() + gateway.stderr.read_text()
    assert "wrong-secret" not in told
    said = headgate("doctor", "--config", str(site.config(wrong)))
    assert said.returncode == 1
    assert f"Redis: 127.0.0.1:{guarded.port}: it does not accept the user and password" in said.stdout
    assert "wrong-secret" not in said.stdout + said.stderr
    right = site.config(f"redis://:right@127.0.0.1:{guarded.port}/0")
    assert headgate("doctor", "--config", str(right)).returncode == 0


def test_a_redis_that_is_not_there_at_the_start(site: Site) -> None:
    config = site.config(f"redis://127.0.0.1:{free_port()}/0")
    with serving(config) as gateway:
        assert gateway.get(site.signed(f"/vod/{site.film()}/index.m3u8")).status == 200
        assert gateway.get("/readyz", listener="admin").status == 200
    said = headgate("doctor", "--config", str(config))
    assert said.returncode == 1
    assert ": cannot connect" in said.stdout
