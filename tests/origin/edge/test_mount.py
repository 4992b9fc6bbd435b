from __future__ import annotations

from origin.edge.lifetimes import CachePolicy
from origin.edge.mount import Mount
from origin.http.cors import CorsPolicy
from origin.media.target import MountName
from origin.storage.descriptors import DescriptorCache
from origin.storage.memory import MemoryStore


def test_a_mount_is_known_by_its_prefix() -> None:
    store = MemoryStore()
    objects = DescriptorCache(store, clock=lambda: 0.0)
    mount = Mount(MountName("/vod"), store, objects, None, CorsPolicy(), CachePolicy(), frozenset())
    assert mount.label == "/vod"
