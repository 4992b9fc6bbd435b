"""What lies behind a mount that has no directory, from settings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from cache import Outcome
from origin.edge.lifetimes import CachePolicy
from origin.fleet import open_fleet
from origin.keystore.rings import KeyRings
from origin.settings import Settings, parse
from origin.shields import Behind, Shields, is_pulled, open_shields, rules_of, upstream_of
from origin.storage.mounts import BadStorageUrl
from origin.telemetry.series import Families
from origin.telemetry.upstream_metrics import UpstreamMetrics, UpstreamVocabulary
from origin.upstream.bucket import BucketOrigin
from origin.upstream.http_origin import HttpOrigin
from origin.upstream.origin_server import UpstreamError
from tests.liar import Liar, response
from tests.origin.shield.scenes import read


def configured(folder: Path, storage: str, **more: object) -> Settings:
    mount = {"prefix": "/vod", "storage": storage, "access": "open", **more}
    return parse({"mount": [mount]}, folder)


UPSTREAM = {"private_networks": ["127.0.0.0/8"], "retries": 0}


@asynccontextmanager
async def behind(folder: Path, storage: str, **more: object) -> AsyncIterator[tuple[Behind, CollectorRegistry]]:
    """What lies behind a mount, and its metrics."""
    settings = configured(folder, storage, **more)
    registry = CollectorRegistry()
    words = UpstreamVocabulary(mounts=("/vod",), results=("2xx", "4xx"), troubles=("upstream_unreachable",))
    families = Families()
    registry.register(families)
    metrics = UpstreamMetrics(families, words)
    async with AsyncExitStack() as stack:
        fleet = await open_fleet(settings, metrics, lambda _purges: None, stack)
        shields = await open_shields(settings, KeyRings({}), fleet, metrics, stack)
        assert isinstance(shields, Shields)
        opened = shields.open(settings.mount[0], CachePolicy(), stack)
        assert opened is not None
        yield opened, registry


@pytest.mark.parametrize(
    ("storage", "pulled"),
    [("http://up.example", True), ("https://up.example", True), ("s3://bucket", True), ("memory:", False)],
)
def test_what_is_pulled(tmp_path: Path, storage: str, pulled: bool) -> None:
    assert is_pulled(configured(tmp_path, storage).mount[0]) is pulled


async def test_directories_need_no_shield(tmp_path: Path) -> None:
    settings = configured(tmp_path, "memory:")
    metrics = UpstreamMetrics(Families(), UpstreamVocabulary())
    async with AsyncExitStack() as stack:
        fleet = await open_fleet(settings, metrics, lambda _purges: None, stack)
        assert await open_shields(settings, KeyRings({}), fleet, metrics, stack) is None


def test_rules_are_the_mounts(tmp_path: Path) -> None:
    shield = {"slice_bytes": 8192, "negative_seconds": 3, "stale_if_error_seconds": 7, "request_directives": False}
    rules = rules_of(configured(tmp_path, "http://up.example", shield=shield).mount[0])
    assert rules.slice_bytes == 8192
    assert dict(rules.policy.default_negative_seconds) == {404: 3, 410: 3}
    assert (rules.policy.stale_if_error_default, rules.policy.honour_request) == (7, False)


async def test_each_kind_of_storage_has_its_upstream(tmp_path: Path) -> None:
    http = upstream_of(configured(tmp_path, "http://up.example/x").mount[0])
    bucket = upstream_of(configured(tmp_path, "s3://bucket", bucket={"region": "eu", "anonymous": True}).mount[0])
    assert isinstance(http, HttpOrigin)
    assert isinstance(bucket, BucketOrigin)
    for one in (http, bucket):
        await one.close()


async def test_a_mount_pulls_keeps_and_counts(tmp_path: Path) -> None:
    async with Liar() as liar:
        liar.says(response(b"hello", "Cache-Control: max-age=60"))
        async with behind(tmp_path, f"{liar.url}/media", upstream=UPSTREAM) as (opened, registry):
            ask = opened.manifests._ask
            now = time.time()
            outcomes = []
            for _ in range(2):
                answered = await opened.upstream.shield.answer(ask("a.ts", ""), now)
                assert await read(answered.reply) == b"hello"
                outcomes.append(answered.outcome)
                while registry.get_sample_value("headgate_disk_stored_bytes_total") == 0:
                    await asyncio.sleep(0.001)
            assert outcomes == [Outcome.MISS, Outcome.HIT]
            assert b"GET /media/a.ts HTTP/1.1" in liar.requests[0]
            assert len(liar.requests) == 1
            where = {"mount": "/vod"}
            assert registry.get_sample_value("headgate_shield_outcomes_total", {**where, "outcome": "hit"}) == 1


async def test_an_upstream_that_is_away_is_counted_once(tmp_path: Path, free_port: int) -> None:
    async with behind(tmp_path, f"http://127.0.0.1:{free_port}", upstream=UPSTREAM) as (opened, registry):
        with pytest.raises(UpstreamError):
            await opened.upstream.shield.answer(opened.manifests._ask("a.ts", ""), 1_800_000_000.0)
        counted = [
            sample.value
            for family in registry.collect()
            for sample in family.samples
            if "upstream_unreachable" in sample.labels.values() and sample.name.endswith("broken_total")
        ]
        assert counted == [1]


def test_a_storage_that_cannot_work_is_told_with_its_mount(tmp_path: Path) -> None:
    with pytest.raises(BadStorageUrl, match="mount /vod"):
        upstream_of(configured(tmp_path, "https://127.0.0.1/media").mount[0])
