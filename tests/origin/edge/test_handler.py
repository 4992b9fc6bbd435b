"""The public handler's own decisions; tests/stories has the rest."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import RawTestServer

from cache import Cache, MemoryTier
from origin.edge.handler import PublicHandler
from origin.edge.manifest import Manifest, ManifestCodec
from origin.edge.manifests import Manifests
from origin.edge.pages import Page, fixed
from origin.http.spans import ByteSpan
from origin.serving.forwarded import TrustedProxies
from origin.serving.inbound import read_request
from origin.serving.observe import Observer
from origin.storage.descriptors import DescriptorCache
from origin.storage.memory import MemoryStore
from origin.storage.store import ObjectInfo, StoreUnavailable
from origin.telemetry.metrics import Metrics, Vocabulary
from tests.edge_parts import memory_ledger, open_mount
from tests.stories.gateway import running


class Unreadable:
    """An object that opens and then cannot be read, as on a disk that has just failed."""

    info = ObjectInfo(3, 0.0, "1", "1")
    size = 3

    def fileno(self) -> None:
        return None

    async def read(self, span: ByteSpan) -> bytes:
        raise StoreUnavailable("Input/output error")

    def is_unchanged(self) -> bool:
        return True

    def release(self) -> None:
        pass


class FailingStore:
    """Opens what cannot be read."""

    async def open(self, path: str) -> Unreadable:
        return Unreadable()

    async def probe(self) -> None:
        pass

    async def close(self) -> None:
        pass


def broken(_now: float) -> Page:
    raise ValueError("a defect")


async def test_a_defect_is_a_500_with_an_id_that_the_log_has_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, pages={"/broken": broken}) as gateway, gateway.wire() as wire:
        answer = await wire.ask("/broken?token=secret")
        assert (await wire.ask("/time")).status == 200
    assert (answer.status, msgspec.json.decode(answer.body)["reason"]) == (500, "internal_error")
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert answer["x-request-id"] in record.getMessage()
    assert "secret" not in caplog.text
    assert b"defect" not in answer.body


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_every_answer_is_closed_the_same_way(method: str, tmp_path: Path) -> None:
    async with running(tmp_path, pages={"/page": fixed(Page("text/html", b"<p>"))}) as gateway, gateway.wire() as wire:
        gateway.put("a/1.ts", b"abc")
        for path, status in (("/page", 200), ("/open/a/1.ts", 200), ("/open/none", 404), ("/", 404), ("/vod/a", 401)):
            answer = await wire.ask(path, method=method)
            assert answer.status == status
            assert answer["x-content-type-options"] == "nosniff"
            assert answer["server-timing"].startswith("origin;dur=")
            assert len(answer["x-request-id"]) == 16
            assert (answer.body == b"") == (method == "HEAD")
            assert int(answer["content-length"]) > 0


async def test_decisions_are_counted(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        gateway.put("a/1.ts", b"abc")
        await gateway.ask("/vod/a/1.ts")
        await gateway.ask(f"/vod/a/1.ts?token={gateway.token()}")
        name = 'headgate_token_decisions_total{dialect="%s",mount="/vod",reason="%s"}'
        assert await gateway.metric(name % ("-", "token_absent")) == 1
        assert await gateway.metric(name % ("jwt", "ok")) == 1


async def test_a_store_that_fails_under_the_sender_is_a_503_that_pages_may_read() -> None:
    store = DescriptorCache(FailingStore(), clock=time.monotonic)
    cache = Cache[Manifest](ManifestCodec(), MemoryTier[Manifest](1024), None, time.time)
    handler = PublicHandler(
        mounts=[replace(open_mount(MemoryStore()), objects=store)],
        manifests=Manifests(cache, lambda _mount, _reason: None),
        pages={},
        read=partial(read_request, proxies=TrustedProxies(())),
        observer=Observer(Metrics(Vocabulary(), "0"), None),
        decided=lambda _mount, _dialect, _reason: None,
        ledger=memory_ledger(),
    )
    mount = next(iter(handler._mounts))
    async with RawTestServer(handler) as server, ClientSession() as client:
        url = server.make_url(f"{mount}/a/1.ts")
        async with client.get(url, headers={"Origin": "https://player.example"}) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert (await answer.json(content_type=None))["reason"] == "store_unavailable"
    await cache.close()
    await store.close()
