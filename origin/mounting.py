"""A mount's settings → the mount that the public listener sees, opened."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from origin import settings
from origin.edge.lifetimes import CachePolicy
from origin.edge.mount import Mount, Protection
from origin.http.cors import CorsPolicy
from origin.keystore.content_keys import ContentKeyFile
from origin.media.target import MountName
from origin.settings.mount import Cors
from origin.shields import Behind, Shields
from origin.storage.descriptors import DescriptorCache
from origin.storage.mounts import open_store
from origin.storage.observed import ObservedReader
from origin.storage.store import Reader
from origin.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Fittings:
    """What mounts share."""

    content_keys: Mapping[Path, ContentKeyFile]
    metrics: Metrics
    shields: Shields | None  # None: no mount needs one


def open_mount(
    mount: settings.Mount, protection: Protection | None, fittings: Fittings, stack: AsyncExitStack
) -> Mount:
    """The mount; what it opens is closed with `stack`. Raises `BadStorageUrl` and ValueError for what cannot work."""
    policy = policy_of(mount)
    behind = None if fittings.shields is None else fittings.shields.open(mount, policy, stack)
    source = ObservedReader(
        _reader(mount, behind), partial(fittings.metrics.storage, mount.prefix), clock=time.monotonic
    )
    objects = DescriptorCache(source, clock=time.monotonic, valid_seconds=mount.cache.recheck_seconds)
    stack.push_async_callback(source.close)
    stack.push_async_callback(objects.close)
    return Mount(
        name=MountName(mount.prefix, mount.asset_depth),
        source=source,
        objects=objects,
        protection=protection,
        cors=_cors(mount.cors),
        policy=policy,
        own_hosts=frozenset(mount.hosts),
        compress=mount.compress,
        content_keys=None if mount.content_keys is None else fittings.content_keys[mount.content_keys].keys,
        upstream=None if behind is None else behind.upstream,
    )


def policy_of(mount: settings.Mount) -> CachePolicy:
    """How long answers may be kept by others."""
    return CachePolicy(
        recheck=mount.cache.recheck_seconds,
        segments=None if mount.cache.segments == "immutable" else mount.cache.segments,
        manifest=mount.cache.manifest_seconds,
        edge_manifest=mount.cache.edge_manifest_seconds,
        edge_stale=mount.cache.edge_stale_seconds,
    )


def _reader(mount: settings.Mount, behind: Behind | None) -> Reader:
    # Settings hold absolute URLs.
    return open_store(mount.storage, base=Path("/")) if behind is None else behind.manifests


def _cors(configured: Cors) -> CorsPolicy:
    origins = None if configured.origins == ("*",) else frozenset(configured.origins)
    return CorsPolicy(origins, credentials=configured.credentials, max_age=configured.max_age_seconds)
