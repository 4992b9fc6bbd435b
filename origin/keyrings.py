"""From settings to the sources of key rings."""

from __future__ import annotations

import os
from collections.abc import Collection

from auth import KeyRing
from origin.keystore.redis_source import RedisSource
from origin.keystore.remote import RemoteSource
from origin.keystore.source import EnvironmentSource, FileSource, Source
from origin.settings import Settings


def source_of(settings: Settings, name: str) -> Source:
    """The source of the ring of that name; nothing is read yet."""
    ring = settings.keyrings[name]
    if ring.file is not None:
        return FileSource(ring.file)
    if ring.env is not None:
        return EnvironmentSource(ring.env, os.environ)
    if ring.jwks is not None:
        return RemoteSource(ring.jwks, every=ring.refresh_seconds, on_miss=ring.min_refresh_seconds)
    if ring.redis is not None and settings.cache.redis is not None:
        return RedisSource(
            settings.cache.redis.get_secret_value(),
            ring.redis,
            every=ring.refresh_seconds,
            on_miss=ring.min_refresh_seconds,
        )
    raise AssertionError("settings say where every ring is")


async def read_rings(settings: Settings, names: Collection[str]) -> dict[str, KeyRing]:
    """The rings of those names, read once. KeystoreError when one cannot be."""
    rings: dict[str, KeyRing] = {}
    for name in names:
        source = source_of(settings, name)
        try:
            rings[name] = await source.read() or KeyRing()
        finally:
            await source.close()
    return rings
