"""Objects without end through a small cache: its memory and its disk stay as they are."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.system.fleet_site import fleet_configuration
from tests.system.processes import Gateway, serving
from tests.system.upstream import Thing, Upstream

_log = logging.getLogger(__name__)

pytestmark = pytest.mark.system

SECONDS = float(os.environ.get("SOAK_SECONDS", "18"))
MIB = 2**20
BODY = os.urandom(16 * 1024)
KEPT = "max_bytes = 8388608\nmax_object_bytes = 1048576\nmin_free_bytes = 1\n"
VIEWERS = 16
# What the allocator takes now and then, and what caches of a fixed size have not filled yet.
SLACK = 24 * MIB


def memory(gateway: Gateway) -> int:
    """Resident bytes of the process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{gateway.process.pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def descriptors(gateway: Gateway) -> int:
    return len(list(Path(f"/proc/{gateway.process.pid}/fd").iterdir()))


async def browse(gateway: Gateway, numbers: Iterator[int], seconds: float) -> int:
    """Viewers who ask for new objects, sometimes for a part, sometimes for an old one; how many answers they got."""
    until = time.monotonic() + seconds
    answers = 0
    chance = random.Random(7)

    async def watch(session: aiohttp.ClientSession) -> None:
        nonlocal answers
        while time.monotonic() < until:
            number = next(numbers)
            shown = number if number % 4 else chance.randrange(number + 1)
            fields = {"Range": "bytes=100-199"} if number % 10 == 0 else {}
            async with session.get(f"http://127.0.0.1:{gateway.ports['public']}/{shown}.ts", headers=fields) as answer:
                assert answer.status in {200, 206}
                assert len(await answer.read()) in {100, len(BODY)}
            answers += 1

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(watch(session) for _ in range(VIEWERS)))
    return answers


@pytest.mark.timeout(60 + 2 * SECONDS)
async def test_memory_and_disk_do_not_grow(tmp_path: Path) -> None:
    with Upstream() as upstream:
        upstream.otherwise = Thing(BODY, {"Cache-Control": "max-age=3600"})
        config = fleet_configuration(tmp_path, "one", upstream.url, None, disk=KEPT)
        with serving(config) as gateway:
            numbers = itertools.count()
            first = await browse(gateway, numbers, SECONDS / 3)
            before, opened = memory(gateway), descriptors(gateway)
            then = await browse(gateway, numbers, SECONDS * 2 / 3)
            after = memory(gateway)
            _log.info("%d objects, then %d: %.1f MiB, then %.1f MiB", first, then, before / MIB, after / MIB)
            assert first * len(BODY) > 8 * MIB  # else there was nothing to make room for
            assert after < before + SLACK
            assert descriptors(gateway) < opened + 100
            kept = sum(path.stat().st_blocks * 512 for path in (tmp_path / "disk-one").rglob("*") if path.is_file())
            assert kept < 24 * MIB
