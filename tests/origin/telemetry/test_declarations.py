"""The table of metrics, and the whole gateway held against it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from auth import DIALECTS, Algorithm, Claims, Gate, KeyRing, PathScope, Realm, Reason
from cache.disk.outcome import DiskEvent
from cache.fleet.purging import Source
from cache.fleet.record import FleetEvent
from cache.outcome import BreakerState, Event, Outcome
from cache.outcome import Operation as SharedOperation
from cache.outcome import Result as SharedResult
from origin.edge.edge_identity import ProofResult
from origin.edge.manifest import MAX_MANIFEST_BYTES
from origin.keystore.file import add_key
from origin.keystore.generate import new_key
from origin.ledger.record import Decision, Rule, StoreOperation
from origin.manifests.template import REASONS
from origin.media.kinds import Kind
from origin.outbound.pushing import Outcome as Brought
from origin.runtime import open_runtime
from origin.server.process import listening
from origin.settings import Settings, parse
from origin.shield.prefetch import Event as Ahead
from origin.shield.recorder import Event as ShieldEvent
from origin.storage.observed import Operation, Result
from origin.telemetry.declarations import DECLARATIONS, PROCESS_FAMILIES, MetricType, metrics_markdown
from origin.tls.handshakes import Handshake
from origin.upstream.observed import Result as Fetch
from origin.upstream.origin_server import Trouble
from tests.redis_server import free_port
from tests.tls_parts import Authority

PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n1.ts\n#EXT-X-ENDLIST\n"
FEW = 12  # more manifests than the configured memory holds
AUTHORITY = Authority()
MOUNTS = {"/vod", "/open", "/pulled"}
UNKNOWN = {"-"}

# Metric and label → every value that the label may have; where the metric is left out, that of all others.
VALUES: dict[str, set[str]] = {
    "mount": MOUNTS | UNKNOWN,
    "kind": set(Kind),
    "code": {str(status.value) for status in HTTPStatus} | UNKNOWN,
    "outcome": set(Outcome),
    "event": set(Event),
    "state": set(BreakerState),
    "dialect": set(DIALECTS) | UNKNOWN,
    "ring": {"main"},
    "certificate": {"main"},
    "headgate_tls_handshakes_total result": set(Handshake),
    "generation": {"0", "1", "2"},
    "headgate_token_decisions_total reason": {"ok", *Reason},
    "headgate_manifests_refused_total reason": set(REASONS),
    "headgate_l2_operations_total operation": set(SharedOperation),
    "headgate_l2_operations_total result": set(SharedResult),
    "headgate_l2_operation_seconds operation": set(SharedOperation),
    "headgate_edge_proofs_total result": set(ProofResult),
    "headgate_ledger_decisions_total rule": set(Rule),
    "headgate_ledger_decisions_total decision": set(Decision),
    "headgate_ledger_failures_total operation": set(StoreOperation),
    "headgate_storage_operations_total operation": set(Operation),
    "headgate_storage_operations_total result": set(Result),
    "headgate_storage_operation_seconds operation": set(Operation),
    "headgate_upstream_requests_total result": {*Fetch, *Trouble},
    "headgate_upstream_broken_total reason": set(Trouble),
    "headgate_shield_events_total event": set(ShieldEvent),
    "headgate_prefetch_total event": set(Ahead),
    "headgate_disk_lookups_total result": {"hit", "miss"},
    "headgate_disk_bytes use": {"kept", "reserved"},
    "headgate_disk_events_total event": set(DiskEvent),
    "headgate_fleet_events_total event": set(FleetEvent),
    "headgate_purges_total source": set(Source),
    "headgate_edge_purges_total edge": {"varnish-1"},
    "headgate_edge_purges_total result": set(Brought),
}


def test_names_are_ours_unique_and_in_base_units() -> None:
    names = [metric.name for metric in DECLARATIONS]
    assert len(set(names)) == len(names)
    assert all(name.startswith(("headgate_", "python_gc_")) for name in names)
    for metric in DECLARATIONS:
        assert metric.name.endswith("_total") == (metric.type is MetricType.COUNTER)
        # Every histogram is of durations, a gauge may be of one too, such as an age, and no counter is.
        measures = {MetricType.HISTOGRAM, MetricType.GAUGE} if metric.name.endswith("_seconds") else set(MetricType)
        assert metric.type in measures
        assert metric.type is not MetricType.HISTOGRAM or metric.name.endswith("_seconds")


def test_only_histograms_have_buckets_and_they_rise() -> None:
    for metric in DECLARATIONS:
        assert bool(metric.buckets) == (metric.type is MetricType.HISTOGRAM)
        assert list(metric.buckets) == sorted(set(metric.buckets))


def test_the_document_has_a_row_for_each() -> None:
    rows = [row for row in metrics_markdown().splitlines()[2:] if row.startswith("|")]
    assert [row.split("`")[1] for row in rows] == [metric.name for metric in DECLARATIONS]
    assert all(row.count("|") == 5 for row in rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Media of every fate below `media`."""
    film = tmp_path / "media" / "film"
    film.mkdir(parents=True)
    (film / "index.m3u8").write_text(PLAYLIST)
    for number in range(FEW):
        (film / f"{number}.m3u8").write_text(PLAYLIST)
    (film / "long.m3u8").write_text(PLAYLIST + "# comment\n" * 300)
    (film / "broken.m3u8").write_text("no playlist\n")
    (film / "1.ts").write_bytes(bytes(1000))
    with (film / "huge.m3u8").open("wb") as file:
        file.truncate(MAX_MANIFEST_BYTES + 1)
    return tmp_path


@pytest.fixture
def ring(folder: Path) -> KeyRing:
    """The mounts' keys, in their file."""
    return add_key(folder / "keys.json", new_key(Algorithm.HS256))


@pytest.fixture
async def upstream() -> AsyncIterator[str]:
    """Where an upstream listens: it has a playlist, segments, something large, and something that ends early."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        fields = {"Cache-Control": "max-age=60"}
        match request.path.rpartition("/")[2]:
            case "index.m3u8":
                return web.Response(text=PLAYLIST.replace("#EXT-X-ENDLIST", "#EXTINF:4,\n2.ts"), headers=fields)
            case "large.ts":
                return web.Response(body=bytes(600 * 1024), headers=fields)
            case "short.ts":
                response = web.StreamResponse(headers=fields | {"Content-Length": "100"})
                await response.prepare(request)
                await response.write(b"short")
                assert request.transport is not None
                request.transport.close()
                return response
            case _:
                return web.Response(body=bytes(1000), headers=fields)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
def settings(folder: Path, upstream: str) -> Settings:
    """A signed and an open mount on one directory, one before an upstream, and memory for few manifests.

    Redis is away, and so is the edge that is told of purges.
    """
    mount = {"storage": "file:media", "cache": {"recheck_seconds": 0.0}}
    tables = {
        "public": {
            "port": 0,
            "purge_from": ["127.0.0.0/8"],
            "tls": {"certificates": {"main": AUTHORITY.issue("cdn.example").write(folder)}},
        },
        "admin": {"port": 0},
        "server": {"drain_seconds": 0.0},
        "edge_purge": [
            {"name": "varnish-1", "kind": "varnish", "url": f"http://127.0.0.1:{free_port()}", "attempts": 1}
        ],
        "cache": {
            "memory_bytes": "16KiB",
            "disk": {"max_bytes": "1MiB", "min_free_bytes": 1},
            "redis": f"redis://127.0.0.1:{free_port()}/0",
        },
        "keyrings": {"main": {"file": "keys.json"}},
        "mount": [
            mount
            | {"prefix": "/vod", "access": "signed", "keys": "main", "limits": {"max_streams": 2}}
            | {"edge": {"trust": "asks", "secrets": ["an-edge-secret-of-length"]}},
            mount | {"prefix": "/open", "access": "open"},
            {"prefix": "/pulled", "access": "open", "storage": upstream, "shield": {"prefetch": 1}}
            | {"upstream": {"private_networks": ["127.0.0.0/8"], "retries": 0}},
        ],
    }
    return parse(tables, folder)


def signed(path: str, ring: KeyRing) -> str:
    """`path` with a token for its directory."""
    claims = Claims(expires=time.time() + 600, scope=PathScope.prefix("/vod/film/"))
    return Gate(Realm("/vod")).sign(path, claims, ring, time.time())


def families_in(exposition: str) -> dict[str, Metric]:
    """Families by their declared name."""
    families = text_string_to_metric_families(exposition)
    return {family.name + "_total" * (family.type == "counter"): family for family in families}


async def story(session: aiohttp.ClientSession, public: str, ring: KeyRing, media: Path) -> list[tuple[str, int]]:
    """What viewers may meet, one thing after the other: what was asked, and the status of the answer."""
    met = []
    trust = AUTHORITY.client()

    async def ask(what: str, target: str, method: str = "GET", **headers: str) -> None:
        url = public + target
        async with session.request(method, url, headers=headers, ssl=trust, server_hostname="cdn.example") as answer:
            await answer.read()
            met.append((what, answer.status))

    index, stranger = "/vod/film/index.m3u8", KeyRing([new_key(Algorithm.HS256)])
    await ask("a playlist", signed(index, ring))
    await ask("again", signed(index, ring))
    await ask("open", "/open/film/index.m3u8")
    await ask("one too large to be kept", signed("/vod/film/long.m3u8", ring))
    await ask("a segment", signed("/vod/film/1.ts", ring))
    await ask("a range", signed("/vod/film/1.ts", ring), Range="bytes=0-9")
    await ask("no range of it", "/open/film/1.ts", Range="bytes=5000-")
    await ask("no token", index)
    await ask("nobody's token", signed(index, stranger))
    await ask("no manifest", signed("/vod/film/broken.m3u8", ring))
    await ask("too much of one", signed("/vod/film/huge.m3u8", ring))
    await ask("nothing there", signed("/vod/film/2.ts", ring))
    await ask("no mount", "/elsewhere/1.ts")
    await ask("a preflight", index, "OPTIONS", Origin="https://a.example")
    await ask("a wish", index, "DELETE")
    await ask("the time", "/time")
    await ask("one from upstream", "/pulled/film/index.m3u8")
    await ask("a segment from there", "/pulled/film/1.ts")
    await ask("again", "/pulled/film/1.ts")
    await ask("one too large for the disk", "/pulled/film/large.ts")
    with pytest.raises(aiohttp.ClientError):
        await ask("one that breaks", "/pulled/film/short.ts")
    await ask("a purge", "/pulled/film/1.ts", "PURGE")
    for number in range(FEW):
        await ask("one that pushes others out", f"/open/film/{number}.m3u8")
    await ask("what will be stale", "/open/film/index.m3u8")
    media.rename(media.with_name("away"))
    await ask("stale", "/open/film/index.m3u8")
    await ask("storage is away", "/open/film/other.m3u8")
    return met


async def test_the_whole_gateway_emits_what_is_declared(folder: Path, ring: KeyRing, settings: Settings) -> None:
    async with (
        open_runtime(settings) as runtime,
        listening(settings, runtime) as where,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20)) as session,
    ):
        met = await story(session, f"https://127.0.0.1:{where.public_port}", ring, folder / "media")
        families: dict[str, Metric] = {}
        while not families or not families["headgate_edge_purges_total"].samples:  # edges are told a moment later
            await asyncio.sleep(0.1)
            async with session.get(f"http://127.0.0.1:{where.admin_port}/metrics") as answer:
                families = families_in(await answer.text())
    assert [status for _, status in met] == [
        *(200, 200, 200, 200, 200, 206, 416),
        *(401, 403, 502, 502, 404, 404, 204, 405, 200),
        *(200, 200, 200, 200, 200),
        *[200] * FEW,
        *(200, 200, 503),
    ]
    ours = {name: family for name, family in families.items() if not name.startswith(PROCESS_FAMILIES)}
    assert {(name, family.type, family.documentation) for name, family in ours.items()} == {
        (metric.name, metric.type.value, metric.help) for metric in DECLARATIONS
    }
    assert [name for name, family in families.items() if not family.samples] == []
    for metric in DECLARATIONS:
        for sample in families[metric.name].samples:
            assert set(sample.labels) - {"le"} == set(metric.labels)
            for label in set(metric.labels) - {"version", "python"}:
                assert sample.labels[label] in VALUES.get(f"{metric.name} {label}", VALUES.get(label, set()))
    for name, labels in TOLD:
        samples = [sample for family in families.values() for sample in family.samples if sample.name == name]
        assert sum(one.value for one in samples if labels.items() <= one.labels.items()) > 0, (name, labels)


# What the story must leave behind, beside the families themselves.
TOLD: list[tuple[str, dict[str, str]]] = [
    ("headgate_requests_total", {"mount": "/vod", "kind": "media_playlist", "code": "200"}),
    ("headgate_requests_total", {"mount": "/vod", "kind": "segment", "code": "206"}),
    ("headgate_requests_total", {"mount": "-", "kind": "other", "code": "404"}),
    ("headgate_sent_bytes_total", {"mount": "/vod", "kind": "segment"}),
    ("headgate_token_decisions_total", {"mount": "/vod", "dialect": "jwt", "reason": "ok"}),
    ("headgate_token_decisions_total", {"mount": "/vod", "reason": "token_absent"}),
    ("headgate_token_decisions_total", {"mount": "/vod", "reason": "key_unknown"}),
    ("headgate_edge_proofs_total", {"mount": "/vod", "result": "absent"}),
    ("headgate_ledger_decisions_total", {"mount": "/vod", "rule": "streams", "decision": "unnamed"}),
    ("headgate_ledger_failures_total", {"operation": "load"}),
    ("headgate_revocations_age_seconds", {}),
    ("headgate_key_ring_age_seconds", {"ring": "main"}),
    ("headgate_manifests_refused_total", {"mount": "/vod", "reason": "not_a_playlist"}),
    ("headgate_manifests_refused_total", {"mount": "/vod", "reason": "manifest_too_large"}),
    ("headgate_cache_outcomes_total", {"outcome": "miss"}),
    ("headgate_cache_outcomes_total", {"outcome": "revalidated"}),
    ("headgate_cache_outcomes_total", {"outcome": "stale_error"}),
    ("headgate_cache_events_total", {"event": "source_failed"}),
    ("headgate_cache_events_total", {"event": "shared_skipped"}),
    ("headgate_cache_events_total", {"event": "not_kept"}),
    ("headgate_cache_evicted_total", {}),
    ("headgate_cache_bytes", {}),
    ("headgate_l2_operations_total", {"operation": "get", "result": "failed"}),
    ("headgate_l2_breaker_state", {"state": "open"}),
    ("headgate_storage_operations_total", {"mount": "/vod", "operation": "open", "result": "absent"}),
    ("headgate_storage_operations_total", {"mount": "/open", "operation": "open", "result": "failed"}),
    ("headgate_storage_operation_seconds_count", {"mount": "/vod", "operation": "read"}),
    ("process_open_fds", {}),
    ("python_gc_collections_total", {}),
]
