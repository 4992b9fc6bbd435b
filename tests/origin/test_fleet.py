"""A process's part of the fleet, from settings."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from cache.disk import DiskUnavailable
from cache.fleet.leases import NoLeases, RedisLeases
from cache.fleet.purging import Fleet, Wanted
from cache.purges import Scope
from cache.redis_url import RedisTls
from origin.fleet import FleetParts, judge_by, open_fleet, redis_tls
from origin.httpcache.reuse import Purged
from origin.settings import Settings, parse
from origin.telemetry.series import Families
from origin.telemetry.upstream_metrics import UpstreamMetrics, UpstreamVocabulary
from origin.workers.place import WorkerPlace
from origin.workers.worker_bus import WorkerBus
from tests.redis_server import RedisServer


def configured(folder: Path, **cache: object) -> Settings:
    mount = {"prefix": "/vod", "storage": "memory:", "access": "open"}
    return parse({"mount": [mount], "cache": cache}, folder)


async def opened(settings: Settings, stack: AsyncExitStack, place: WorkerPlace | None = None) -> FleetParts:
    metrics = UpstreamMetrics(Families(), UpstreamVocabulary())
    return await open_fleet(settings, metrics, lambda _purges: None, stack, place)


async def test_alone_every_lease_is_granted_and_purges_are_in_force_here(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        parts = await opened(configured(tmp_path), stack)
        assert isinstance(parts.leases, NoLeases)
        assert parts.relay is None
        judge, before = judge_by(parts.purges), time.time()
        assert judge("/vod/a.ts", (), before) is Purged.NONE
        receipt = await parts.desk.purge([Wanted(Scope.PREFIX, "/vod"), Wanted(Scope.TAG, "film", is_soft=False)])
        assert receipt.fleet is Fleet.SINGLE
        assert judge("/vod/a.ts", (), before) is Purged.SOFT
        assert judge("/vod/a.ts", ("film",), before) is Purged.HARD
        assert judge("/live/a.ts", (), before) is Purged.NONE
        assert judge("/vod/a.ts", ("film",), time.time() + 1) is Purged.NONE


async def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    async with AsyncExitStack() as stack:
        with pytest.raises(DiskUnavailable, match="its directory cannot be made"):
            await opened(configured(tmp_path, disk={"directory": "file/disk"}), stack)


async def test_purges_outlive_the_process_beside_the_disk_cache(tmp_path: Path) -> None:
    settings, before = configured(tmp_path, disk={"directory": "disk"}), time.time()
    async with AsyncExitStack() as stack:
        await (await opened(settings, stack)).desk.purge([Wanted(Scope.URL, "/vod/a.ts")])
    async with AsyncExitStack() as stack:
        parts = await opened(settings, stack)
        await parts.desk.catch_up()
        assert judge_by(parts.purges)("/vod/a.ts", (), before) is Purged.SOFT


async def test_workers_without_redis_share_a_bus_and_purges(tmp_path: Path) -> None:
    (tmp_path / "workers").mkdir()
    before = time.time()
    async with AsyncExitStack() as stack:
        one, other = [
            await opened(configured(tmp_path), stack, WorkerPlace(tmp_path / "workers", slot)) for slot in range(2)
        ]
        jobs = [asyncio.create_task(job()) for parts in (one, other) for job in parts.jobs]
        for parts in (one, other):
            assert isinstance(parts.bus, WorkerBus)
            while not parts.bus.others:
                await asyncio.sleep(0.01)
        heard = asyncio.Event()
        other.bus.subscribe("news", lambda _payload: heard.set())
        one.bus.publish("news", b"")
        await heard.wait()
        await one.desk.purge([Wanted(Scope.PREFIX, "/vod")])
        while judge_by(other.purges)("/vod/a.ts", (), before) is Purged.NONE:
            await asyncio.sleep(0.01)
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        late = await opened(configured(tmp_path), stack, WorkerPlace(tmp_path / "workers", 0))
        await late.desk.catch_up()
        assert judge_by(late.purges)("/vod/a.ts", (), before) is Purged.SOFT


@pytest.mark.needs("redis-server")
async def test_with_redis_two_processes_share_leases(tmp_path: Path, redis_server: RedisServer) -> None:
    settings = configured(tmp_path, redis=redis_server.url)
    async with AsyncExitStack() as stack:
        one, other = await opened(settings, stack), await opened(settings, stack)
        jobs = [asyncio.create_task(job()) for parts in (one, other) for job in parts.jobs]
        while not (one.bus.is_connected and other.bus.is_connected):
            await asyncio.sleep(0.01)
        assert isinstance(one.leases, RedisLeases)
        lease = await one.leases.acquire("key")
        assert lease is not None
        assert not lease.is_local
        assert await other.leases.acquire("key") is None
        await lease.release(is_done=True)
        assert await other.leases.acquire("key") is not None
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)


def test_tls_is_only_for_urls_that_ask_for_it(tmp_path: Path) -> None:
    tls = {"ca_file": "ca.pem", "check_hostname": False}
    assert redis_tls(configured(tmp_path)) is None
    assert redis_tls(configured(tmp_path, redis="redis://h", redis_tls=tls)) is None
    expected = RedisTls(ca_file=str(tmp_path / "ca.pem"), checks_hostname=False)
    assert redis_tls(configured(tmp_path, redis="rediss://h", redis_tls=tls)) == expected
