"""The admin application's routes."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from origin.ops.health import Health
from origin.telemetry.exposition import render
from origin.telemetry.metrics import Metrics

_log = logging.getLogger(__name__)


def admin_application(metrics: Metrics, health: Health) -> web.Application:
    """An aiohttp application for the admin listener."""
    door = _AdminDoor(metrics, health)
    application = web.Application()
    application.router.add_get("/metrics", door.metrics)
    application.router.add_get("/healthz", door.healthz)
    application.router.add_get("/readyz", door.readyz)
    return application


class _AdminDoor:
    def __init__(self, metrics: Metrics, health: Health) -> None:
        self._metrics = metrics
        self._health = health

    async def metrics(self, request: web.Request) -> web.Response:
        # In a thread: the process's own figures are read from /proc, and a thousand series take their time.
        try:
            shown = await asyncio.to_thread(render, self._metrics.registry, request.headers.get("Accept", ""))
        except OSError as error:  # the other workers' figures cannot be had, and half of them would be a lie
            _log.error("metrics cannot be read: %s", error.strerror or error)
            return web.Response(status=503, headers={"Cache-Control": "no-store"})
        return web.Response(body=shown.body, headers={"Content-Type": shown.content_type, "Cache-Control": "no-store"})

    async def healthz(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"}, headers={"Cache-Control": "no-store"})

    async def readyz(self, _request: web.Request) -> web.Response:
        findings = await self._health.check()
        is_ready = all(finding.is_ok for finding in findings)
        checks = {one.name: "ok" if one.is_ok else one.reason for one in findings}
        return web.json_response(
            {"status": "ready" if is_ready else "not ready", "checks": checks},
            status=200 if is_ready else 503,
            headers={"Cache-Control": "no-store"},
        )
