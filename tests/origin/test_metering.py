"""The metrics of a process, from its settings."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from origin.metering import open_metrics
from origin.settings import parse
from origin.workers.place import WorkerPlace

MOUNT = {"prefix": "/vod", "storage": "file:media", "access": "open"}


async def test_labels_are_those_of_the_settings(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        metrics = await open_metrics(parse({"mount": [MOUNT]}, tmp_path), None, stack)
        for mount in ("/vod", "/other"):
            metrics.token_decision(mount, "jwt")
        for mount in ("/vod", "-"):
            labels = {"mount": mount, "dialect": "jwt", "reason": "ok"}
            assert metrics.registry.get_sample_value("headgate_token_decisions_total", labels) == 1


async def test_workers_count_together(tmp_path: Path) -> None:
    configured = parse({"mount": [MOUNT]}, tmp_path)
    async with AsyncExitStack() as stack:
        both = [await open_metrics(configured, WorkerPlace(tmp_path, slot), stack) for slot in range(2)]
        for metrics in both:
            metrics.token_decision("/vod", "jwt")
        labels = {"mount": "/vod", "dialect": "jwt", "reason": "ok"}
        counted = both[0].registry.get_sample_value
        assert await asyncio.to_thread(counted, "headgate_token_decisions_total", labels) == 2
