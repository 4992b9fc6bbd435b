"""The object graph: built here from settings, torn down here, and decided nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import msgspec
from aiohttp import web

from auth import Accepted, Carriage, Gate, KeyRing, Realm, Transport, public_jwks
from auth import Policy as TokenPolicy
from cache import Cache, MemoryTier
from cache import Policy as TierPolicy
from cache.fleet.leases import Leases
from cache.fleet.purging import PurgeDesk
from cache.l2_redis import RedisLimits, RedisSecondTier
from origin import settings
from origin.control.api_keys import ApiKey, ApiKeys, Permission
from origin.control.purges import Purging
from origin.control.revocations import RevocationDesk
from origin.control.routes import add_control
from origin.control.signing import Signer, Signers
from origin.edge.handler import Doors, PublicHandler
from origin.edge.manifest import Manifest, ManifestCodec
from origin.edge.manifests import Manifests
from origin.edge.mount import Mount
from origin.edge.pages import MakePage, Pages, keys_page, time_page
from origin.edge.playback import Playback
from origin.edge.purge_door import PurgeDoor
from origin.edge.rate_limit import RateLimit
from origin.edges import open_edges
from origin.fleet import open_fleet, redis_tls
from origin.keyrings import source_of
from origin.keystore.content_keys import ContentKeyFile
from origin.keystore.fault import KeystoreError
from origin.keystore.rings import KeyRings, Refreshed
from origin.lane.lane import Lane
from origin.lanes import open_lane
from origin.ledger.ledger import Ledger
from origin.ledger.memory_ledger import MemoryLedger
from origin.ledger.redis_ledger import RedisLedger
from origin.ledger.store import LedgerStore
from origin.ledger.workers_ledger import WorkersLedger
from origin.metering import open_metrics
from origin.mounting import Fittings, open_mount
from origin.ops.health import Health
from origin.ops.routes import admin_application
from origin.protections import askable, protection_of
from origin.realms import realm_of
from origin.serving.edge_facts import EdgeFacts, FieldNames
from origin.serving.forwarded import TrustedProxies
from origin.serving.geo import GeoDatabase
from origin.serving.inbound import read_request
from origin.serving.observe import Observer
from origin.shields import open_shields
from origin.storage.store import StoreError
from origin.telemetry.access_log import AccessLog
from origin.telemetry.metrics import Metrics
from origin.telemetry.redaction import Redactor, redactor
from origin.telemetry.whole_lines import standard_output
from origin.workers.place import WorkerPlace

_log = logging.getLogger(__name__)

# How often the loop's lateness is measured, in seconds.
_LAG_EVERY = 0.5
_AGE_EVERY = 1.0  # and the age of key rings


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a process serves with."""

    public_handler: PublicHandler
    lane: Lane | None  # None: it is turned off
    admin_application: web.Application
    health: Health
    metrics: Metrics
    ledger: Ledger


@contextlib.asynccontextmanager
async def open_runtime(
    configured: settings.Settings, pages: Pages | None = None, place: WorkerPlace | None = None
) -> AsyncIterator[Runtime]:
    """Everything from settings, opened in order and closed in reverse. `pages` go on the public listener.

    With a `place` the process is one of several workers and shares what they share.
    Raises `KeystoreError` and `BadStorageUrl` for what cannot work at all; a store or a Redis that is merely away is a
    finding of `/readyz` or a metric.
    """
    async with contextlib.AsyncExitStack() as stack:
        metrics = await open_metrics(configured, place, stack)
        rings = await _open_rings(configured, stack)
        edges = open_edges(configured, os.environ, metrics.upstream, stack)
        fleet = await open_fleet(configured, metrics.upstream, edges.push, stack, place)
        cache = await _open_cache(configured, metrics, fleet.leases, stack)
        content_keys = await _open_content_keys(configured)
        shields = await open_shields(configured, rings, fleet, metrics.upstream, stack)
        fittings = Fittings(content_keys, metrics, shields)
        mounts = [open_mount(one, protection_of(one, configured, rings), fittings, stack) for one in configured.mount]
        manifests = Manifests(cache, metrics.manifest_refused)
        ledger = await _open_ledger(configured, metrics, stack, place)
        redacts = _redactor(configured)
        observer = Observer(metrics, _open_access_log(configured, metrics, redacts, place, stack))
        proxies, facts = TrustedProxies(configured.public.trusted_proxies), await _open_edge_facts(configured, stack)
        read = partial(read_request, proxies=proxies, edge_facts=facts)
        handler = PublicHandler(
            mounts=mounts,
            manifests=manifests,
            pages=_pages(configured, rings) | dict(pages or {}),
            read=read,
            observer=observer,
            decided=metrics.token_decision,
            ledger=ledger,
            doors=Doors(_playback(configured, mounts, rings), _purging(configured, fleet.desk)),
        )
        watch = (read, observer, metrics.token_decision)
        lane = open_lane(configured, mounts, handler.has_door, cache, ledger, redacts, watch, stack)
        health = _health(configured, mounts, rings)
        jobs = (
            *rings.keep_fresh(),
            *(file.keep_fresh() for file in content_keys.values()),
            _measure_lag(metrics),
            _measure_key_rings(rings, configured, metrics),
            ledger.follow(),
            *(job() for job in fleet.jobs),
            edges.run(),
        )
        await fleet.desk.catch_up()
        await stack.enter_async_context(_running(*jobs))
        admin = admin_application(metrics, health)
        desk = RevocationDesk(ledger, [mount.prefix for mount in configured.mount])
        add_control(admin, _signers(configured, mounts), desk, _api_keys(configured), Purging(fleet.desk))
        yield Runtime(handler, lane, admin, health, metrics, ledger)


def _health(configured: settings.Settings, mounts: list[Mount], rings: KeyRings) -> Health:
    return Health(
        {f"mount {mount.label}": mount.source.probe for mount in mounts}
        | {f"key ring {name}": partial(rings.probe, name) for name in askable(configured, configured.keyrings)}
    )


async def _open_edge_facts(configured: settings.Settings, stack: contextlib.AsyncExitStack) -> EdgeFacts:
    names = FieldNames(**configured.public.edge_facts.model_dump())
    if configured.public.geo_database is None:
        return EdgeFacts(names)
    database = await asyncio.to_thread(GeoDatabase, configured.public.geo_database)
    stack.callback(database.close)
    return EdgeFacts(names, database.place)


async def _open_cache(
    configured: settings.Settings, metrics: Metrics, leases: Leases, stack: contextlib.AsyncExitStack
) -> Cache[Manifest]:
    url = configured.cache.redis
    second: RedisSecondTier | None = None
    if url is not None:
        second = RedisSecondTier(
            url.get_secret_value(),
            prefix=configured.cache.namespace,
            limits=RedisLimits(budget_seconds=configured.cache.redis_timeout_seconds),
            recorder=metrics,
            tls=redis_tls(configured),
        )
        stack.push_async_callback(second.close)
    cache = Cache(
        ManifestCodec(),
        MemoryTier[Manifest](configured.cache.memory_bytes),
        second,
        time.time,
        TierPolicy(source_trouble=(StoreError,)),
        metrics,
        leases,
    )
    stack.push_async_callback(cache.close)
    return cache


async def _open_ledger(
    configured: settings.Settings, metrics: Metrics, stack: contextlib.AsyncExitStack, place: WorkerPlace | None
) -> Ledger:
    url = configured.cache.redis
    store: LedgerStore = MemoryLedger(time.time)
    if place is not None:
        store = WorkersLedger(place.directory / "ledger", time.time)
    if url is not None:
        store = RedisLedger(
            url.get_secret_value(),
            prefix=configured.cache.namespace,
            budget_seconds=configured.cache.redis_timeout_seconds,
            clock=time.time,
            tls=redis_tls(configured),
        )
    ledger = Ledger(store, metrics, clock=time.time, monotonic=time.monotonic)
    stack.push_async_callback(ledger.close)
    await ledger.refresh()  # before anybody is let in
    return ledger


async def _open_content_keys(configured: settings.Settings) -> Mapping[Path, ContentKeyFile]:
    """Each file once, however many mounts name it."""
    paths = {mount.content_keys for mount in configured.mount} - {None}
    files = {path: ContentKeyFile(path, _tell_of_content_keys) for path in paths if path is not None}
    for file in files.values():
        await file.open()
    return files


def _tell_of_content_keys(path: Path, fault: KeystoreError | None) -> None:
    if fault is None:
        _log.info("content keys %s were read again", path)
    else:
        _log.error("content keys stay as they were: %s", fault)


def _playback(configured: settings.Settings, mounts: list[Mount], rings: KeyRings) -> Playback | None:
    asked = configured.playback
    if asked.keys is None:
        return None
    bearer = Carriage(transports=frozenset({Transport.HEADER}))
    policy = TokenPolicy(frozenset(asked.issuers), frozenset(asked.audience), leeway=5, scope_required=False)
    return Playback(
        gate=Gate(Realm("/", (Accepted("jwt", bearer, keys=asked.keys),), policy)),
        rings=rings.snapshot,
        mounts={mount.name.prefix: mount for mount in mounts},
        names=tuple(mount.name for mount in mounts),
        customs={one.prefix: (next(iter(one.issuers), None), one.audience[:1]) for one in configured.mount},
        ttl=asked.ttl_seconds,
        limit=RateLimit(asked.per_minute),
    )


def _purging(configured: settings.Settings, desk: PurgeDesk) -> PurgeDoor | None:
    purgers = configured.public.purge_from
    return PurgeDoor(TrustedProxies(purgers), desk) if purgers else None


def _signers(configured: settings.Settings, mounts: list[Mount]) -> Signers:
    protections = {mount.name.prefix: mount.protection for mount in mounts}
    signers = {
        one.prefix: Signer(protection.gate, protection.rings, next(iter(one.issuers), None), one.audience[:1])
        for one in configured.mount
        if (protection := protections[one.prefix]) is not None
    }
    return Signers(tuple(mount.name for mount in mounts), signers)


def _api_keys(configured: settings.Settings) -> ApiKeys:
    return ApiKeys(
        {
            name: ApiKey(name, key.sha256, frozenset(map(Permission, key.permissions)))
            for name, key in configured.admin.api_keys.items()
        }
    )


def _redactor(configured: settings.Settings) -> Redactor:
    names = {mount.token_name for mount in configured.mount}
    for mount in configured.mount:
        if mount.access == "signed":
            names |= {accepted.carriage.name for accepted in realm_of(mount).accepts}
    return redactor(frozenset(names))


def _open_access_log(
    configured: settings.Settings,
    metrics: Metrics,
    redacts: Redactor,
    place: WorkerPlace | None,
    stack: contextlib.AsyncExitStack,
) -> AccessLog | None:
    if not configured.log.access:
        return None
    log = AccessLog(standard_output(is_shared=place is not None), redacts, metrics.access_log_dropped)
    stack.push_async_callback(asyncio.to_thread, log.close)
    return log


def _pages(configured: settings.Settings, rings: KeyRings) -> dict[str, MakePage]:
    return {
        "/time": time_page,
        "/.well-known/jwks.json": keys_page(lambda: _public_keys(configured, rings)),
    }


def _public_keys(configured: settings.Settings, rings: KeyRings) -> bytes:
    """The public keys of all rings of our own as one JWK Set."""
    own = [name for name, ring in configured.keyrings.items() if ring.jwks is None]
    keys = [key for name in own for key in rings.ring(name).keys]
    return msgspec.json.encode(public_jwks(KeyRing({key.id: key for key in keys}.values())))


@contextlib.asynccontextmanager
async def _running(*jobs: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Background jobs that end with the runtime."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _open_rings(configured: settings.Settings, stack: contextlib.AsyncExitStack) -> KeyRings:
    known: Mapping[str, str] = {}

    def told(done: Refreshed) -> None:
        nonlocal known
        known = _tell(done, known)

    rings = KeyRings({name: source_of(configured, name) for name in configured.keyrings}, told)
    stack.push_async_callback(rings.close)
    known = _tell(replace(await rings.open(time.time()), changed=()), known)
    return rings


def _tell(done: Refreshed, known: Mapping[str, str]) -> Mapping[str, str]:
    """Log what a refresh did, each fault once for as long as it lasts; the faults that are known now."""
    for name in done.changed:
        _log.info("key ring %s was read again", name)
    faults = {name: str(fault) for name, fault in done.faults.items()}
    for name, fault in faults.items():
        if known.get(name) != fault:
            _log.error("key ring %s stays as it was: %s", name, fault)
    return {name: fault for name, fault in known.items() if name not in done.asked} | faults


async def _measure_key_rings(rings: KeyRings, configured: settings.Settings, metrics: Metrics) -> None:
    while True:
        now = time.time()
        for name in configured.keyrings:
            confirmed_at = rings.confirmed_at(name)
            # A wall clock that was set back makes nothing younger than new.
            metrics.key_ring_age(name, None if confirmed_at is None else max(0.0, now - confirmed_at))
        await asyncio.sleep(_AGE_EVERY)


async def _measure_lag(metrics: Metrics) -> None:
    while True:
        due = time.perf_counter() + _LAG_EVERY
        await asyncio.sleep(_LAG_EVERY)
        metrics.loop_lag(max(0.0, time.perf_counter() - due))
        metrics.collected_garbage()
