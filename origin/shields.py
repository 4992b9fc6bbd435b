"""Settings in hand → what lies behind a mount that has no directory: what pulls, what is kept, and by which rules."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from auth.http_signatures import Component
from auth.keys import Key
from cache import Outcome
from cache.disk.limits import DiskLimits
from cache.disk.store import DiskStore
from cache.fleet.purging import PurgeDesk
from cache.fleet.purging import Wanted as WantedPurge
from cache.purges import PurgeMeaningless, Scope
from origin import settings
from origin.edge.lifetimes import CachePolicy
from origin.edge.manifest import MAX_MANIFEST_BYTES
from origin.edge.pulled import ask_for
from origin.edge.upstream import Upstream
from origin.fleet import FleetParts, judge_by
from origin.httpcache.policy import Policy
from origin.keystore.rings import KeyRings
from origin.manifests.courses import Wanted
from origin.manifests.upcoming import Ground
from origin.media.target import MountName
from origin.shield.foresight import Horizon
from origin.shield.invalidating import Invalidations
from origin.shield.manifests import AskFor, ShieldReader
from origin.shield.places import Place
from origin.shield.prefetch import Limits, Prefetcher
from origin.shield.pulls import Pulls
from origin.shield.recorder import Event
from origin.shield.sharing import Fleet, Judge
from origin.shield.shelf import Shelf
from origin.shield.shield import Rules, Shield
from origin.shield.writing import PurgeTags
from origin.storage.bucket_client import BucketOptions
from origin.storage.mounts import BadStorageUrl, open_bucket
from origin.telemetry.upstream_metrics import UpstreamMetrics
from origin.upstream.bucket import BucketOrigin
from origin.upstream.http_config import HttpOriginConfig
from origin.upstream.http_origin import HttpOrigin
from origin.upstream.observed import Fetched, ObservedOrigin
from origin.upstream.origin_server import OriginServer, Trouble
from origin.upstream.outgoing import Additions, Forwarding, Signing
from origin.workers.place import WorkerPlace
from origin.workers.shared_folder import SharedFolder

_NODE_BYTES = 12
_PULLED = ("http", "https", "s3", "gs", "az")


def is_pulled(mount: settings.Mount) -> bool:
    """Whether the mount's objects come from an upstream or a bucket."""
    return mount.storage.partition(":")[0] in _PULLED


@dataclass(frozen=True, slots=True)
class Behind:
    """What a mount has instead of a directory."""

    upstream: Upstream
    manifests: ShieldReader


@dataclass(frozen=True, slots=True)
class _MountRecorder:
    """The shield's recorder of one mount."""

    metrics: UpstreamMetrics
    mount: str

    def answered(self, outcome: Outcome) -> None:
        self.metrics.answered(self.mount, outcome)

    def broke(self, trouble: Trouble) -> None:
        self.metrics.broke(self.mount, trouble.value)

    def happened(self, event: Event) -> None:
        self.metrics.shield_happened(self.mount, event.value)


@dataclass(frozen=True, slots=True)
class Shields:
    """What the shields of all mounts share."""

    shelf: Shelf
    judge: Judge
    fleet: Fleet
    invalidations: Invalidations
    purge_tags: PurgeTags
    metrics: UpstreamMetrics
    mounts: tuple[MountName, ...]  # all there are
    signing_key: Callable[[str], Key]  # of a key ring

    def open(self, mount: settings.Mount, policy: CachePolicy, stack: AsyncExitStack) -> Behind | None:
        """What the mount has instead of a directory, closed with `stack`; None when it has one."""
        if not is_pulled(mount):
            return None
        ring = mount.upstream.sign_keys
        upstream = upstream_of(mount, None if ring is None else self.signing_key(ring))
        observed = ObservedOrigin(upstream, partial(_observed, self.metrics, mount.prefix), clock=time.monotonic)
        return self._open_behind(mount, observed, policy, stack)

    def _open_behind(
        self, mount: settings.Mount, upstream: OriginServer, policy: CachePolicy, stack: AsyncExitStack
    ) -> Behind:
        recorder = _MountRecorder(self.metrics, mount.prefix)
        rules = rules_of(mount)
        largest = mount.upstream.max_bytes
        pulls = Pulls(upstream, self.shelf, rules.policy, time.time, recorder, largest, self.fleet)
        is_http = mount.storage.startswith("http")
        place = Place(mount.prefix, mount.storage if is_http else "bucket://bucket")
        shield = Shield(
            pulls, self.shelf, place, rules, self.judge, recorder, self.invalidations.forget, self.purge_tags
        )
        behind = Upstream(
            shield=shield,
            is_http=is_http,
            keeps_query=is_http and mount.upstream.query == "keep",
            methods=frozenset(mount.upstream.methods),
            max_body=mount.upstream.max_request_bytes,
            own_fields=frozenset(name.lower() for name in (mount.edge.header, *mount.upstream.drop_fields)),
            tags=mount.shield.tags,
            tells_viewers=is_http and mount.upstream.forwarded,
        )
        ask = partial(ask_for, mount.prefix, behind, policy)
        if mount.shield.prefetch:
            behind = replace(behind, prefetcher=self._prefetcher(mount, shield, ask, stack))
        reader = ShieldReader(shield, upstream, ask, time.time, MAX_MANIFEST_BYTES)
        if behind.keeps_query:
            behind = replace(behind, open_manifest=reader.open_as_asked)
        stack.push_async_callback(upstream.close)
        stack.push_async_callback(pulls.close)
        return Behind(behind, reader)

    def _prefetcher(self, mount: settings.Mount, shield: Shield, ask: AskFor, stack: AsyncExitStack) -> Prefetcher:
        async def warm(wanted: Wanted) -> None:
            asked = ask(wanted.name, "")
            if wanted.span is not None:
                first, last = wanted.span
                asked = replace(asked, fields=(("Range", f"bytes={first}-{'' if last is None else last}"),))
            await shield.warm(asked, time.time())

        name = MountName(mount.prefix, mount.asset_depth)
        limits = Limits(horizon=Horizon(ahead=mount.shield.prefetch))
        told = partial(self.metrics.prefetched, mount.prefix)
        prefetcher = Prefetcher(warm, Ground(name, self.mounts), limits, time.time, told)
        stack.push_async_callback(prefetcher.close)
        return prefetcher


def rules_of(mount: settings.Mount) -> Rules:
    """By what rules a mount's answers are kept."""
    shield = mount.shield
    return Rules(
        Policy(
            targets=shield.targets,
            default_negative_seconds=dict.fromkeys((404, 410), shield.negative_seconds),
            heuristic_max_seconds=shield.heuristic_seconds,
            honour_request=shield.request_directives,
            stale_if_error_default=shield.stale_if_error_seconds,
        ),
        shield.slice_bytes,
    )


async def open_shields(
    configured: settings.Settings, rings: KeyRings, fleet: FleetParts, metrics: UpstreamMetrics, stack: AsyncExitStack
) -> Shields | None:
    """None when every mount has a directory."""
    if not any(map(is_pulled, configured.mount)):
        return None
    shelf = await open_shelf(configured, fleet.place, metrics, stack)
    mounts = tuple(MountName(mount.prefix, mount.asset_depth) for mount in configured.mount)
    judge = judge_by(fleet.purges)
    coalescing = Fleet(fleet.leases, fleet.relay, judge)
    invalidations = Invalidations(shelf, fleet.bus, secrets.token_bytes(_NODE_BYTES), time.time)
    stack.push_async_callback(invalidations.close)
    return Shields(
        shelf,
        judge,
        coalescing,
        invalidations,
        partial(_purge_tags, fleet.desk),
        metrics,
        mounts,
        partial(_signing_key, rings),
    )


async def _purge_tags(desk: PurgeDesk, tags: tuple[str, ...]) -> None:
    """Hard: what a write has invalidated is not to stand in for anything (RFC 9875 §3)."""
    for tag in tags:
        with suppress(PurgeMeaningless):  # a group that no purge can name
            await desk.purge([WantedPurge(Scope.TAG, tag, is_soft=False)])


def _observed(metrics: UpstreamMetrics, mount: str, fetched: Fetched) -> None:
    metrics.asked(mount, fetched.result.value, fetched.first_byte_seconds)
    metrics.received(mount, fetched.body_bytes)
    if isinstance(fetched.result, Trouble):
        metrics.broke(mount, fetched.result.value)


async def open_shelf(
    configured: settings.Settings, place: WorkerPlace | None, metrics: UpstreamMetrics, stack: AsyncExitStack
) -> Shelf:
    """The shelf of all mounts, in the configured directory or in one that ends with the process or the last worker."""
    disk = configured.cache.disk
    directory = disk.directory
    if directory is None and place is not None:
        shared = await asyncio.to_thread(SharedFolder, place, "disk")
        stack.push_async_callback(asyncio.to_thread, shared.leave)
        directory = shared.path
    elif directory is None:
        # Making it and taking it away waits for the disk.
        temporary = await asyncio.to_thread(partial(tempfile.TemporaryDirectory[str], prefix="headgate-"))
        stack.push_async_callback(asyncio.to_thread, temporary.cleanup)
        directory = Path(temporary.name)
    limits = DiskLimits(
        max_bytes=disk.max_bytes,
        max_object_bytes=min(disk.max_object_bytes, disk.max_bytes // 2),
        min_free_bytes=disk.min_free_bytes,
    )
    store = await DiskStore.open(directory, limits, time.time, metrics)
    stack.push_async_callback(store.close)
    return Shelf(store)


def upstream_of(mount: settings.Mount, key: Key | None = None) -> OriginServer:
    """The mount's upstream or bucket, bare; `key` signs pulls. Raises `BadStorageUrl`."""
    try:
        if mount.storage.startswith("http"):
            return http_origin(mount, key)
        return BucketOrigin(open_bucket(mount.storage, bucket_options(mount)))
    except (ValueError, OSError) as error:
        raise BadStorageUrl(f"mount {mount.prefix}: {error}") from error


def bucket_options(mount: settings.Mount) -> BucketOptions:
    """How the mount's bucket is reached."""
    asked = mount.bucket
    return BucketOptions(
        endpoint=asked.endpoint or "",
        region=asked.region or "",
        account=asked.account or "",
        virtual_hosted=asked.virtual_hosted,
        anonymous=asked.anonymous,
        allow_http=asked.allow_http,
        connect_timeout=asked.connect_seconds,
        timeout=asked.timeout_seconds,
        retries=asked.retries,
    )


def _signing_key(rings: KeyRings, ring: str) -> Key:
    key = rings.ring(ring).signer(time.time())
    if key is None:
        raise BadStorageUrl(f"the key ring {ring} has no key to sign pulls with")
    return key


def http_origin(mount: settings.Mount, key: Key | None) -> HttpOrigin:
    """The HTTP upstream of a mount, whose pulls `key` signs. Raises ValueError for what cannot work."""
    asked = mount.upstream
    signing = None if key is None else Signing(key, tuple(map(Component, asked.sign_components)))
    return HttpOrigin(
        HttpOriginConfig(
            bases=(mount.storage, *asked.failover),
            connect_seconds=asked.connect_seconds,
            first_byte_seconds=asked.first_byte_seconds,
            header_seconds=max(30.0, asked.first_byte_seconds),
            idle_seconds=asked.idle_seconds,
            max_response_bytes=asked.max_bytes,
            max_connections=asked.max_connections,
            redirect_origins=asked.redirects,
            max_redirects=3 if asked.redirects else 0,
            private_networks=asked.private_networks,
            host=asked.host,
            retries=asked.retries,
            ca_file=asked.ca_file,
            additions=Additions(
                loop_id=asked.cdn_id,
                via=asked.cdn_id,
                forwarding=Forwarding.CLEAR if asked.forwarded else Forwarding.OFF,
                fields=tuple((name, value.get_secret_value()) for name, value in asked.fields.items()),
                signing=signing,
            ),
        )
    )
