from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer

from origin.ops.health import Health
from origin.ops.routes import admin_application
from origin.telemetry.metrics import Metrics, Vocabulary
from origin.telemetry.shared_values import SharedValues
from tests.stories.gateway import running


async def test_the_admin_listener_answers(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway, gateway.wire(admin=True) as admin:
        healthy, ready, metrics = [await admin.ask(path) for path in ("/healthz", "/readyz", "/metrics")]
        assert {answer.status for answer in (healthy, ready, metrics)} == {200}
        assert {answer["cache-control"] for answer in (healthy, ready, metrics)} == {"no-store"}
        assert msgspec.json.decode(ready.body) == {
            "status": "ready",
            "checks": {"mount /vod": "ok", "mount /open": "ok"},
        }
        assert b"headgate_build_info" in metrics.body
        gateway.runtime.health.is_draining = True
        draining = await admin.ask("/readyz")
        assert draining.status == 503
        assert (await admin.ask("/healthz")).status == 200
        assert (await admin.ask("/open/a")).status == 404


async def test_the_public_listener_does_not(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        for path in ("/metrics", "/healthz", "/readyz"):
            assert (await gateway.ask(path)).status == 404


async def test_half_of_the_metrics_are_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shared = await asyncio.to_thread(SharedValues, tmp_path, 0)
    application = admin_application(Metrics(Vocabulary(), "0", shared), Health({}))
    async with TestClient(TestServer(application)) as client:
        assert (await client.get("/metrics")).status == 200
        await asyncio.to_thread(shutil.rmtree, tmp_path / "metrics")
        answer = await client.get("/metrics")
        assert (answer.status, answer.headers["Cache-Control"]) == (503, "no-store")
    assert "metrics cannot be read" in caplog.text
    shared.close()
