"""A full cache: what many kept objects cost at start-up, in memory and on the disk, and how quickly they go.

The rows are those that pulling would have left; the first `_WITH_FILES` have their (tiny) files too, which is as many
as are asked for or evicted here. `python -m benchmarks.shield.million DIRECTORY OBJECTS` looks into a cache from a
process of its own and prints what that took.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.running import resident_megabytes
from benchmarks.shield.contender import Server, running
from benchmarks.shield.servers import PULLED, Site, headgate, targets
from cache.disk.body import create_body
from cache.disk.changes import Changes, Place
from cache.disk.limits import DiskLimits
from cache.disk.rows import Change, Piece, pack
from cache.disk.schema import INDEX, Link
from cache.disk.store import DiskStore
from origin.httpcache.stored import StoredResponse
from origin.shield.asked import Asked
from origin.shield.records import pack as pack_head

_BODY = b"sixteen bytes..."
_BLOCK = 4096
_WITH_FILES = 20_000
_THROUGH_THE_API = 2_000  # timed; the others are written as rows at once
_EVICTED_AT_ONCE = 500
_LOOKS = 2_000
_INSERT = (
    "INSERT INTO body (id, queue, seq, frequency, size, version, key, length, stored_at, boot, tags, head, pieces)"
    " VALUES (?, 0, ?, 0, ?, 0, ?, ?, ?, ?, '[]', ?, ?)"
)


@dataclass(frozen=True, slots=True)
class Opened:
    """One look into a cache. Sizes in bytes."""

    open_seconds: float
    objects: int
    rss_before: int
    rss_open: int
    rss_after_looks: int
    look_microseconds: float  # of a body that is not in hands, with its file


@dataclass(frozen=True, slots=True)
class Million:
    """What was found."""

    objects: int
    kept_per_second: float  # through the store's own commits, one process
    index_bytes: int
    empty: Opened
    full: Opened
    first_answer_empty_seconds: float  # from the start of the process to an answer
    first_answer_full_seconds: float
    gateway_rss_empty_mb: float
    gateway_rss_full_mb: float
    evicted_per_second: float

    def as_dict(self) -> dict[str, object]:
        """For the raw results."""
        return asdict(self)


def million(site: Site, root: Path, objects: int) -> Million:
    """Fill a cache and look at it; takes a few minutes for a million."""
    empty, full = root / "empty", root / "full"
    for workdir in (empty, full):
        (workdir / "cache").mkdir(parents=True)
    kept_per_second = _fill(full / "cache", objects)
    sys.stderr.write(f"{objects:,} objects are kept\n")
    looks = [_look(directory / "cache", objects) for directory in (empty, full)]
    answers = [_first_answer(site, directory) for directory in (empty, full)]
    index = sum(path.stat().st_size for path in (full / "cache").glob(f"{INDEX}*"))
    return Million(
        objects=objects,
        kept_per_second=kept_per_second,
        index_bytes=index,
        empty=looks[0],
        full=looks[1],
        first_answer_empty_seconds=answers[0][0],
        first_answer_full_seconds=answers[1][0],
        gateway_rss_empty_mb=answers[0][1],
        gateway_rss_full_mb=answers[1][1],
        evicted_per_second=_evict(full / "cache", objects),
    )


def _key(number: int) -> str:
    return Asked("GET", f"/{PULLED}/film/{number}.m4s", f"/film/{number}.m4s").key


def _head(number: int) -> bytes:
    fields = (
        ("Content-Type", "video/iso.segment"),
        ("Cache-Control", "public, max-age=86400"),
        ("ETag", f'"{number:x}"'),
        ("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT"),
    )
    now = time.time()
    return pack_head(StoredResponse(200, fields, now, now))


def _fill(directory: Path, objects: int) -> float:
    """Objects per second through the store's own commits."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    link = Link(directory)
    changes = Changes(link, Place(directory, "filler", boot, DiskLimits(1 << 62)))
    first, pieces = min(_THROUGH_THE_API, objects), (Piece(0, len(_BODY), 0),)
    began, last_id = time.perf_counter(), 0
    for number in range(first):
        fill_id = changes.reserve(len(_BODY))
        if fill_id is None:
            raise RuntimeError("there is no room for a row")
        _write(directory, fill_id)
        changes.commit(fill_id, Change(_key(number), _head(number), len(_BODY), (), pieces, time.time()))
        last_id = fill_id
    per_second = first / (time.perf_counter() - began)
    for number in range(first, min(_WITH_FILES, objects)):
        _write(directory, last_id + 1 + number - first)
    connection = link.connection()
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(_INSERT, _rows(range(first, objects), last_id + 1 - first, boot, pack(pieces)))
    connection.execute("UPDATE sqlite_sequence SET seq = (SELECT max(id) FROM body) WHERE name = 'fill'")
    connection.execute("COMMIT")
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('swept', ?)", (boot,))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    link.close()
    return per_second


def _rows(numbers: range, offset: int, boot: str, pieces: bytes) -> Iterator[tuple[object, ...]]:
    for number in numbers:
        yield (
            number + offset,
            number + 1,
            _BLOCK,
            _key(number),
            len(_BODY),
            time.time(),
            boot,
            sqlite3.Binary(_head(number)),
            pieces,
        )


def _write(directory: Path, body_id: int) -> None:
    file = create_body(directory, body_id, lambda _: None)
    os.write(file.descriptor, _BODY)
    os.close(file.descriptor)


def _look(directory: Path, objects: int) -> Opened:
    command = [sys.executable, "-m", "benchmarks.shield.million", str(directory), str(objects)]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=300, check=True
    )
    return Opened(**json.loads(done.stdout))


def _first_answer(site: Site, workdir: Path) -> tuple[float, float]:
    """Seconds from the start of the gateway to an answer from its cache (or the upstream), and its memory then."""
    name = f"film/{_LOOKS}.m4s" if workdir.name == "full" else "64k.m4s"
    began = time.perf_counter()
    with running(Server("Headgate", headgate(site), lambda row: targets(PULLED, row)), cpu=0, workdir=workdir) as where:
        port, pid = where
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{PULLED}/{name}", timeout=60) as answer:
            body = answer.read()
        seconds = time.perf_counter() - began
        if workdir.name == "full" and body != _BODY:
            raise RuntimeError("the answer is not what was kept")
        time.sleep(1.5)  # what it does in the background has begun
        return seconds, resident_megabytes(pid)


def _evict(directory: Path, objects: int) -> float:
    """Objects per second that leave a full cache, files and all, to make room."""
    link = Link(directory)
    changes = Changes(link, Place(directory, "evictor", "boot", DiskLimits(objects * _BLOCK)))
    many = min(_WITH_FILES, objects) // 2
    began = time.perf_counter()
    while len(changes.evicted.keys) < many:
        if changes.reserve(_EVICTED_AT_ONCE * _BLOCK) is None:
            raise RuntimeError("no room can be made")
    seconds = time.perf_counter() - began
    link.close()
    return len(changes.evicted.keys) / seconds


async def _opened(directory: Path, objects: int) -> Opened:
    before = _rss()
    began = time.perf_counter()
    store = await DiskStore.open(directory, DiskLimits(1 << 62), time.time)
    seconds = time.perf_counter() - began
    rss_open = _rss()
    kept = (await store.stats()).objects
    chosen = random.Random(1).sample(range(min(objects, _WITH_FILES)), min(_LOOKS, objects))
    began = time.perf_counter()
    for number in chosen if kept else ():
        held = await store.get(_key(number))
        if held is None:
            raise RuntimeError("a kept body is not found")
        held.release()
    looking = (time.perf_counter() - began) / len(chosen) * 1e6
    after = _rss()
    await store.close()
    return Opened(seconds, kept, before, rss_open, after, looking)


def _rss() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def main() -> None:
    """See above."""
    sys.stdout.write(json.dumps(asdict(asyncio.run(_opened(Path(sys.argv[1]), int(sys.argv[2]))))))


if __name__ == "__main__":
    main()
