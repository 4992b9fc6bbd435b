"""How a disk store opens and how much memory it takes with a million bodies in its index.

    python -m benchmarks.micro.disk_index [OBJECTS]

The rows are written straight into the index, without files: what is measured is opening, and looks that find.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from cache.disk import DiskLimits, DiskStore
from cache.disk.schema import INDEX, Link

_LIMITS = DiskLimits(max_bytes=1 << 50)
_HEAD = b"x" * 400
_LOOKS = 20_000


def _key(number: int) -> str:
    return f"https://origin.example/vod/{number}/segment.m4s"


def _fill(directory: Path, objects: int) -> None:
    Link(directory).close()
    index = sqlite3.connect(directory / INDEX)
    rows = (
        (
            number + 1,
            number % 2,
            number,
            0,
            1 << 20,
            0,
            f"https://origin.example/vod/{number}/segment.m4s",
            1 << 20,
            0.0,
        )
        for number in range(objects)
    )
    index.executemany(
        "INSERT INTO body (id, queue, seq, frequency, size, version, key, length, stored_at, boot, tags, head, pieces)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '', '[]', zeroblob(400), zeroblob(20))",
        rows,
    )
    index.commit()
    index.close()


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


async def _measure(directory: Path, objects: int) -> dict[str, float]:
    before = _resident_bytes()
    started = time.perf_counter()
    store = await DiskStore.open(directory, _LIMITS, time.time)
    opened = time.perf_counter() - started
    await store._background[0]  # noqa: SLF001  # the sweep
    swept = time.perf_counter() - started
    started = time.perf_counter()
    for _ in range(_LOOKS):
        key = _key(random.randrange(objects))
        await store._engine.ask(lambda index, key=key: index.find(key), None)  # type: ignore[misc]  # noqa: SLF001
    look = (time.perf_counter() - started) / _LOOKS
    started = time.perf_counter()
    for number in range(1000):
        fill = await store.begin(f"new {number}", _HEAD, length=1024)
        await fill.write(0, bytes(1024))
        await fill.commit()
    stored = (time.perf_counter() - started) / 1000
    taken = _resident_bytes() - before
    await store.close()
    return {
        "objects": objects,
        "open_seconds": round(opened, 4),
        "swept_seconds": round(swept, 4),
        "look_microseconds": round(look * 1e6, 1),
        "store_microseconds": round(stored * 1e6, 1),
        "resident_bytes": taken,
        "resident_bytes_per_object": round(taken / objects, 2),
        "index_bytes_per_object": round((directory / INDEX).stat().st_size / objects, 1),
    }


def main() -> None:
    """Measure once and print."""
    objects = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        _fill(Path(name), objects)
        print(json.dumps(asyncio.run(_measure(Path(name), objects)), indent=1))


if __name__ == "__main__":
    main()
