"""A gateway that is killed in the middle of fills, again and again: what it serves from its cache is right."""

from __future__ import annotations

import asyncio
import http.client
import logging
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.fleet_site import fleet_configuration
from tests.system.processes import Gateway, serving
from tests.system.upstream import Upstream

pytestmark = pytest.mark.system

_log = logging.getLogger(__name__)

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "20"))
OBJECTS = 24
SIZES = (1000, 70_000, 300_000, 1_500_000)
SEED = 20_07


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


async def ask(gateway: Gateway, path: str, fields: str) -> bytes:
    """As much of the answer as there is before the gateway dies."""
    received = b""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.ports["public"])
        asked = f"GET {path} HTTP/1.1\r\nHost: cdn.example\r\nConnection: close\r\n{fields}\r\n"
        writer.write(asked.encode())
        while data := await reader.read(65536):
            received += data
        writer.close()
    except OSError:
        pass
    return received


def verify(gateway: Gateway, versions: dict[str, list[bytes]]) -> int:
    """Each object is one whole version of it; how many of them were kept."""
    hits = 0
    for path, known in versions.items():
        try:
            answer = gateway.get(path, {"Cache-Control": "only-if-cached"})
        except (OSError, http.client.HTTPException):  # half of it was kept, and there is no other half any more
            answer = gateway.get(path)
        assert answer.status in {200, 504}, path
        if answer.status == 200:
            assert answer.body in known, path
            hits += "hit" in answer.headers["cache-status"]
    return hits


async def crash(gateway: Gateway, versions: dict[str, list[bytes]], chance: random.Random) -> None:
    """Ask for half of all, in several ways, and kill it while it answers."""
    asking = []
    for path in chance.sample(sorted(versions), OBJECTS // 2):
        fields = chance.choice(("", "Range: bytes=1000-200000\r\n", "Range: bytes=-70000\r\n"))
        fields += chance.choice(("", "Cache-Control: no-cache\r\n"))
        asking.append(asyncio.create_task(ask(gateway, path, fields)))
    await asyncio.sleep(chance.uniform(0.05, 0.8))
    await asyncio.to_thread(gateway.end, signal.SIGKILL)
    await asyncio.gather(*asking)


@pytest.mark.timeout(60 + 6 * ROUNDS)
async def test_what_is_kept_after_crashes_is_right(tmp_path: Path, upstream: Upstream) -> None:
    chance = random.Random(SEED)  # the same rounds each time
    versions = {f"/{number}": [chance.randbytes(SIZES[number % len(SIZES)])] for number in range(OBJECTS)}
    config = fleet_configuration(tmp_path, "one", upstream.url, None)
    hits = 0
    for number in range(ROUNDS):
        for path, known in versions.items():
            if chance.random() < 0.2:
                known.append(chance.randbytes(len(known[0])))
            upstream.put(path, known[-1], body_seconds=chance.choice((0.0, 0.2, 0.6)))
        with serving(config, name=f"round{number}") as gateway:
            hits += await asyncio.to_thread(verify, gateway, versions)
            await crash(gateway, versions, chance)
    for path, known in versions.items():
        upstream.put(path, known[-1])
    with serving(config, name="last") as gateway:
        hits += await asyncio.to_thread(verify, gateway, versions)
        _log.info("%d crashes; of what was kept %d answers were right", ROUNDS, hits)
        assert hits > ROUNDS
        for path, known in versions.items():
            answer = await asyncio.to_thread(gateway.get, path, {"Cache-Control": "no-cache"})
            assert (answer.status, answer.body == known[-1]) == (200, True), path
    left = [path for path in (tmp_path / "disk-one").rglob("*") if path.is_file()]
    assert len(left) < 2 * OBJECTS  # what was half written has been swept away
