"""A mount's settings, opened."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from origin.edge.lifetimes import CachePolicy
from origin.edge.mount import Mount
from origin.mounting import Fittings, open_mount, policy_of
from origin.settings import parse
from origin.settings.mount import Mount as MountSettings
from origin.storage.mounts import BadStorageUrl
from origin.telemetry.metrics import Metrics, Vocabulary


def table(folder: Path, **more: object) -> MountSettings:
    return parse({"mount": [{"prefix": "/vod", "storage": "file:media", "access": "open", **more}]}, folder).mount[0]


async def opened(settings: MountSettings, stack: AsyncExitStack) -> Mount:
    return open_mount(settings, None, Fittings({}, Metrics(Vocabulary(), "0"), None), stack)


async def test_a_directory(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.ts").write_bytes(b"hello")
    async with AsyncExitStack() as stack:
        mount = await opened(table(tmp_path, hosts=["cdn.example"], compress=False), stack)
        assert (mount.label, mount.upstream, mount.protection) == ("/vod", None, None)
        assert (mount.own_hosts, mount.compress, mount.content_keys) == (frozenset({"cdn.example"}), False, None)
        found = await mount.source.open("a.ts")
        assert found is not None
        assert found.size == 5
        found.release()
        assert not mount.is_transparent


@pytest.mark.parametrize(("origins", "admitted"), [(["*"], None), (["https://x.example"], {"https://x.example"})])
async def test_who_may_read(tmp_path: Path, origins: list[str], admitted: set[str] | None) -> None:
    (tmp_path / "media").mkdir()
    async with AsyncExitStack() as stack:
        mount = await opened(table(tmp_path, cors={"origins": origins, "max_age_seconds": 5}), stack)
        assert (mount.cors.origins, mount.cors.max_age) == (admitted, 5)


def test_lifetimes(tmp_path: Path) -> None:
    assert policy_of(table(tmp_path)).segments is None
    cache = {"recheck_seconds": 3, "segments": 60, "manifest_seconds": 2, "edge_manifest_seconds": 4}
    policy = policy_of(table(tmp_path, cache={**cache, "edge_stale_seconds": 5}))
    assert policy == CachePolicy(recheck=3, segments=60, manifest=2, edge_manifest=4, edge_stale=5)


async def test_a_store_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    settings = table(tmp_path).model_copy(update={"storage": "ftp:x"})
    async with AsyncExitStack() as stack:
        with pytest.raises(BadStorageUrl):
            await opened(settings, stack)
