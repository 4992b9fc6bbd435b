"""What a process has of its fleet: the bus, leases, the relay and purges; alone, the same without Redis."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from cache.disk import DiskUnavailable
from cache.fleet.bus import Bus, LocalBus, RedisBus
from cache.fleet.guard import Guard
from cache.fleet.leases import Leases, NoLeases, RedisLeases
from cache.fleet.purge_store import RedisPurges
from cache.fleet.purging import PurgeDesk
from cache.fleet.relay import Relay, RelayLimits
from cache.purges import Purge, PurgeTable, PurgeVerdict, canonical_url
from cache.redis_link import RedisLink
from cache.redis_url import RedisTls
from origin import settings
from origin.httpcache.reuse import Purged
from origin.storage.purge_file import PurgeFileOnDisk
from origin.telemetry.upstream_metrics import UpstreamMetrics
from origin.workers.place import WorkerPlace
from origin.workers.worker_bus import WorkerBus

LONGEST_LIFETIME = 30 * 86400.0  # seconds; a purge is remembered for as long
_ID_BYTES = 9
# Nobody's first byte waits for a block of a body, and what it costs to ask the upstream for the rest is more.
_RELAY_SECONDS = 2.0
_URLS_KEPT = 4096
_URL_AT_MOST = 256  # characters; a longer one is hardly one of those


@dataclass(frozen=True, slots=True)
class FleetParts:
    """One process's part of the fleet. `jobs` are to be run."""

    bus: Bus
    leases: Leases
    relay: Relay | None
    purges: PurgeTable
    desk: PurgeDesk
    place: WorkerPlace | None  # None: the process is the only one of its configuration on this machine
    jobs: tuple[Callable[[], Coroutine[None, None, None]], ...]


def redis_tls(configured: settings.Settings) -> RedisTls | None:
    """How TLS towards Redis is done where its URL says nothing; None where it asks for none."""
    url, tls = configured.cache.redis, configured.cache.redis_tls
    if url is None or not url.get_secret_value().startswith("rediss"):
        return None
    return RedisTls(
        ca_file="" if tls.ca_file is None else str(tls.ca_file),
        cert_file="" if tls.certificate_file is None else str(tls.certificate_file),
        key_file="" if tls.key_file is None else str(tls.key_file),
        checks_hostname=tls.check_hostname,
    )


async def open_fleet(
    configured: settings.Settings,
    metrics: UpstreamMetrics,
    pass_on: Callable[[Sequence[Purge]], None],
    stack: AsyncExitStack,
    place: WorkerPlace | None = None,
) -> FleetParts:
    """The process's part of the fleet, closed with `stack`; `pass_on` is told of purges issued here.

    With a `place` the process is one of several workers, which share a file of purges, and a bus if there is no Redis.
    Raises `BadRedisUrl`, and `DiskUnavailable` where the disk cache has no directory.
    """
    table = PurgeTable(mounts=[mount.prefix for mount in configured.mount], longest_lifetime=LONGEST_LIFETIME)
    directory = configured.cache.disk.directory
    if directory is None and place is not None:
        directory = place.directory
    file = None if directory is None else await _open_purge_file(directory, stack)
    desk = partial(
        PurgeDesk,
        table,
        metrics,
        clock=time.time,
        new_id=_new_id,
        file=file,
        pass_on=pass_on,
    )
    url = configured.cache.redis
    if url is None:
        near: Bus = LocalBus() if place is None else WorkerBus(place, metrics)
        own = desk(workers=None if place is None else near)
        return FleetParts(near, NoLeases(), None, table, own, place, (near.run, own.follow))
    link = RedisLink(
        url.get_secret_value(), budget_seconds=configured.cache.redis_timeout_seconds, tls=redis_tls(configured)
    )
    stack.push_async_callback(link.close)
    namespace = configured.cache.namespace
    bus = RedisBus(link, namespace, _new_id(), random.random, metrics)
    guard = Guard(link, time.monotonic, random.random)
    leases = RedisLeases(
        guard,
        bus,
        namespace,
        _new_id,
        seconds=configured.cache.lease_seconds,
        clock=time.monotonic,
        recorder=metrics,
    )
    relay = _open_relay(configured, url.get_secret_value(), bus, metrics, stack)
    stored = RedisPurges(link, namespace=namespace, longest_lifetime=LONGEST_LIFETIME, new_id=_new_id)
    shared = desk(fleet=(bus, stored))
    return FleetParts(bus, leases, relay, table, shared, place, (bus.run, shared.follow))


async def _open_purge_file(directory: Path, stack: AsyncExitStack) -> PurgeFileOnDisk:
    try:
        await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
    except OSError as error:
        # It is wanted here first, ahead of the disk cache itself.
        raise DiskUnavailable(f"its directory cannot be made: {type(error).__name__}") from error
    file = PurgeFileOnDisk(directory / "purges")
    stack.callback(file.close)
    return file


def _open_relay(
    configured: settings.Settings, url: str, bus: Bus, metrics: UpstreamMetrics, stack: AsyncExitStack
) -> Relay:
    link = RedisLink(url, budget_seconds=_RELAY_SECONDS, tls=redis_tls(configured))
    stack.push_async_callback(link.close)
    guard = Guard(link, time.monotonic, random.random)
    # A holder that is silent for a lease's length is as dead as one that does not renew it.
    limits = RelayLimits(silence_seconds=configured.cache.lease_seconds)
    return Relay(guard, bus, configured.cache.namespace, clock=time.monotonic, limits=limits, recorder=metrics)


def judge_by(table: PurgeTable) -> Callable[[str, tuple[str, ...], float], Purged]:
    """What has befallen a response whose pull began at a time, by the purges in `table`."""

    def judge(url: str, tags: tuple[str, ...], requested_at: float) -> Purged:
        return Purged.NONE if not len(table) else _PURGED[table.verdict(_canonical(url), tags, requested_at)]

    return judge


def _canonical(url: str) -> str:
    """`canonical_url`, at once for what many viewers ask for."""
    return _short(url) if len(url) <= _URL_AT_MOST else canonical_url(url)


_short = lru_cache(_URLS_KEPT)(canonical_url)
_PURGED = {PurgeVerdict.NONE: Purged.NONE, PurgeVerdict.SOFT: Purged.SOFT, PurgeVerdict.HARD: Purged.HARD}


def _new_id() -> str:
    return secrets.token_urlsafe(_ID_BYTES)
