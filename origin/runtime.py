"""The object graph: built here from settings, torn down here, and decided nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import msgspec
from aiohttp import web

from auth import DIALECTS, Gate, KeyRing, Realm, public_jwks
from cache import Cache, MemoryTier
from cache import Policy as TierPolicy
from cache.l2_redis import RedisLimits, RedisSecondTier
from origin import __version__, settings
from origin.edge.edge_proof import EdgeProof, Trust
from origin.edge.handler import PublicHandler
from origin.edge.lifetimes import CachePolicy
from origin.edge.manifest import Manifest, ManifestCodec
from origin.edge.manifests import Manifests
from origin.edge.mount import Mount, Propagation, Protection
from origin.edge.pages import Pages, keys_page, time_page
from origin.http.cors import CorsPolicy
from origin.keyrings import source_of
from origin.keystore.rings import KeyRings, Refreshed
from origin.manifests.template import REASONS
from origin.media.target import MountName
from origin.ops.health import Health
from origin.ops.routes import admin_application
from origin.realms import realm_of
from origin.serving.forwarded import TrustedProxies
from origin.serving.observe import Observer
from origin.settings.tree import Cors
from origin.storage.descriptors import DescriptorCache
from origin.storage.mounts import open_store
from origin.storage.observed import ObservedReader, Operation, Result
from origin.storage.store import StoreError
from origin.telemetry.access_log import AccessLog
from origin.telemetry.metrics import Metrics, Vocabulary
from origin.telemetry.redaction import redactor

_log = logging.getLogger(__name__)

# How often the loop's lateness is measured, in seconds.
_LAG_EVERY = 0.5


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a process serves with."""

    public_handler: PublicHandler
    admin_application: web.Application
    health: Health
    metrics: Metrics


@contextlib.asynccontextmanager
async def open_runtime(configured: settings.Settings, pages: Pages | None = None) -> AsyncIterator[Runtime]:
    """Everything from settings, opened in order and closed in reverse. `pages` go on the public listener.

    Raises `KeystoreError` and `BadStorageUrl` for what cannot work at all; a store or a Redis that is merely away is a
    finding of `/readyz` or a metric.
    """
    async with contextlib.AsyncExitStack() as stack:
        metrics = Metrics(_vocabulary(configured), __version__)
        rings = await _open_rings(configured, stack)
        cache = await _open_cache(configured, metrics, stack)
        mounts = [
            await _open_mount(one, _protection(one, configured, rings), metrics, stack) for one in configured.mount
        ]
        manifests = Manifests(cache, metrics.manifest_refused)
        handler = PublicHandler(
            mounts=mounts,
            manifests=manifests,
            pages={
                "/time": time_page,
                "/.well-known/jwks.json": keys_page(lambda: _public_keys(configured, rings)),
                **(pages or {}),
            },
            proxies=TrustedProxies(configured.public.trusted_proxies),
            observer=Observer(metrics, await _open_access_log(configured, metrics, stack)),
            decided=metrics.token_decision,
        )
        health = Health(
            {f"mount {mount.label}": mount.source.probe for mount in mounts}
            | {f"key ring {name}": partial(rings.probe, name) for name in _askable(configured, configured.keyrings)}
        )
        await stack.enter_async_context(_running(*rings.keep_fresh(), _measure_lag(metrics)))
        yield Runtime(handler, admin_application(metrics, health), health, metrics)


def _vocabulary(configured: settings.Settings) -> Vocabulary:
    return Vocabulary(
        mounts=frozenset(mount.prefix for mount in configured.mount),
        dialects=frozenset(DIALECTS),
        manifest_reasons=REASONS,
        storage_operations=frozenset(Operation),
        storage_results=frozenset(Result),
    )


async def _open_cache(
    configured: settings.Settings, metrics: Metrics, stack: contextlib.AsyncExitStack
) -> Cache[Manifest]:
    url = configured.cache.redis
    second: RedisSecondTier | None = None
    if url is not None:
        second = RedisSecondTier(
            url.get_secret_value(),
            prefix=configured.cache.namespace,
            limits=RedisLimits(budget_seconds=configured.cache.redis_timeout_seconds),
            recorder=metrics,
        )
        stack.push_async_callback(second.close)
    cache = Cache(
        ManifestCodec(),
        MemoryTier[Manifest](configured.cache.memory_bytes),
        second,
        time.time,
        TierPolicy(source_trouble=(StoreError,)),
        metrics,
    )
    stack.push_async_callback(cache.close)
    return cache


async def _open_mount(
    mount: settings.Mount, protection: Protection | None, metrics: Metrics, stack: contextlib.AsyncExitStack
) -> Mount:
    store = open_store(mount.storage, base=Path("/"))  # settings hold absolute URLs
    source = ObservedReader(store, partial(metrics.storage, mount.prefix), clock=time.monotonic)
    objects = DescriptorCache(source, clock=time.monotonic, valid_seconds=mount.cache.recheck_seconds)
    stack.push_async_callback(source.close)
    stack.push_async_callback(objects.close)
    return Mount(
        name=MountName(mount.prefix, mount.asset_depth),
        source=source,
        objects=objects,
        protection=protection,
        cors=_cors(mount.cors),
        policy=CachePolicy(
            recheck=mount.cache.recheck_seconds,
            segments=None if mount.cache.segments == "immutable" else mount.cache.segments,
            manifest=mount.cache.manifest_seconds,
            edge_manifest=mount.cache.edge_manifest_seconds,
            edge_stale=mount.cache.edge_stale_seconds,
        ),
        own_hosts=frozenset(mount.hosts),
        compress=mount.compress,
    )


def _protection(mount: settings.Mount, configured: settings.Settings, rings: KeyRings) -> Protection | None:
    if mount.access == "open" or mount.keys is None:
        return None
    proof: EdgeProof | None = None
    if mount.edge.trust != "none":
        secrets = tuple(secret.get_secret_value().encode() for secret in mount.edge.secrets)
        proof = EdgeProof(Trust(mount.edge.trust), mount.edge.header.lower(), secrets)
    realm = realm_of(mount)
    return Protection(
        gate=Gate(realm),
        rings=rings.snapshot,
        propagation=Propagation(mount.propagate),
        token_name=mount.token_name,
        annex_i=mount.dash_define == "annex-i",
        proof=proof,
        missed=_missed(configured, rings, realm),
    )


def _cors(configured: Cors) -> CorsPolicy:
    origins = None if configured.origins == ("*",) else frozenset(configured.origins)
    return CorsPolicy(origins, credentials=configured.credentials, max_age=configured.max_age_seconds)


async def _open_access_log(
    configured: settings.Settings, metrics: Metrics, stack: contextlib.AsyncExitStack
) -> AccessLog | None:
    if not configured.log.access:
        return None
    names = frozenset(mount.token_name for mount in configured.mount)
    log = AccessLog(sys.stdout.buffer, redactor(names), metrics.access_log_dropped)
    stack.push_async_callback(asyncio.to_thread, log.close)
    return log


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


def _missed(configured: settings.Settings, rings: KeyRings, realm: Realm) -> Callable[[], Awaitable[bool]] | None:
    """Asks again for a key that is not in the realm's rings; None when there is nobody to ask."""
    names = _askable(configured, {accepted.keys for accepted in realm.accepts})
    return partial(rings.missed, names) if names else None


def _askable(configured: settings.Settings, names: Iterable[str]) -> tuple[str, ...]:
    """Of rings, those whose source is another machine: it may be away, and it may have news before it is due."""
    return tuple(name for name in sorted(names) if (ring := configured.keyrings[name]).jwks or ring.redis)


async def _measure_lag(metrics: Metrics) -> None:
    while True:
        due = time.perf_counter() + _LAG_EVERY
        await asyncio.sleep(_LAG_EVERY)
        metrics.loop_lag(max(0.0, time.perf_counter() - due))
