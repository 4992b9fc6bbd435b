"""Workers that share a disk store are killed in the middle of whatever they do, and nothing is wrong afterwards.

`DISK_CRASH_ROUNDS` says how often; each round kills two.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cache.disk import DiskStore
from cache.disk.schema import INDEX
from tests.architecture.source_tree import ROOT
from tests.cache.disk.stores import DiskTally, files_in
from tests.system.disk_worker import limits, right_seed

pytestmark = pytest.mark.system

ROUNDS = int(os.environ.get("DISK_CRASH_ROUNDS", "20"))
MAX_BYTES = 2 * 1024 * 1024  # about twenty bodies: there is always something to evict


@contextmanager
def worker(directory: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """A worker that has opened the store."""
    command = [sys.executable, "-m", "tests.system.disk_worker", str(directory), str(MAX_BYTES), *more]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert answer(process) == "ready"
            yield process
        finally:
            process.kill()


def answer(process: subprocess.Popen[str], command: str | None = None) -> str:
    """The next line that the worker says, after `command` if any."""
    assert process.stdin
    assert process.stdout
    if command is not None:
        process.stdin.write(command + "\n")
        process.stdin.flush()
    return process.stdout.readline().strip()


async def check(directory: Path) -> int:
    """How many bodies there are; all are right, and there is nothing else."""
    tally = DiskTally()
    store = await DiskStore.open(directory, limits(MAX_BYTES), time.time, tally)
    try:
        await store._background[0]  # the sweep
        assert await store.verify() == []
        keys = await store.find("")
        for key in keys:
            held = await store.get(key)
            assert held is not None, key
            await right_seed(held)
            held.release()
        stats = await store.stats()
        assert (stats.objects, stats.filling.objects, stats.filling.size_bytes) == (len(keys), 0, 0)
        assert stats.size_bytes <= MAX_BYTES
        assert tally.events.keys() <= {"swept"}
        return len(keys)
    finally:
        await store.close()


def check_files(directory: Path, bodies: int) -> None:
    """There is one file for each body, and the totals are those of the rows."""
    assert len(files_in(directory)) == bodies
    index = sqlite3.connect(directory / INDEX)
    assert index.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    counted = "SELECT queue, count(*), sum(size) FROM body GROUP BY queue"
    totals = "SELECT queue, objects, size FROM total WHERE objects > 0"
    assert index.execute(counted).fetchall() == index.execute(totals).fetchall()
    assert index.execute("SELECT count(*) FROM doomed").fetchone()[0] <= 1000
    index.close()


@pytest.mark.timeout(30 + 5 * ROUNDS)
def test_whatever_is_visible_after_a_kill_is_right(tmp_path: Path) -> None:
    dice, seen = random.Random(), 0
    for number in range(ROUNDS):
        with worker(tmp_path) as one, worker(tmp_path) as other:
            for process in (one, other):
                assert answer(process, f"churn {dice.randrange(1 << 20)}") == "churning"
            for process in (one, other):
                time.sleep(dice.random() * 0.3)
                process.kill()
                assert process.wait(20) == -signal.SIGKILL, "it had met something wrong and ended before"
        bodies = asyncio.run(check(tmp_path))
        check_files(tmp_path, bodies)
        seen += bodies
        assert number < 4 or seen > 0, "the workers did nothing"
