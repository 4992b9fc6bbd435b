"""Processes that purge agree: within a second, and after whatever was away."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.redis_server import RedisServer
from tests.system.processes import ROOT, environment, wait_until

pytestmark = [pytest.mark.system, pytest.mark.needs("redis-server")]

SECOND = 1.0  # until a purge is in force everywhere
PATIENT = 10.0  # what a loaded machine may take to answer


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that keeps a table of purges; see `purge_worker`."""

    process: subprocess.Popen[str]

    def say(self, command: str) -> None:
        """Give a command and do not wait."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        """The next answer."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.endswith("\n"), "the worker ended"
        return line.strip()

    def ask(self, command: str) -> str:
        """A command and its answer."""
        self.say(command)
        return self.hear()

    def knows(self, url: str) -> bool:
        """Whether the URL is purged here."""
        return self.ask(f"check {url}") == "HARD"

    def is_heard(self) -> bool:
        """Whether what it purges reaches the others."""
        return self.ask("purge /vod/hello") == "announced"


@contextmanager
def working(url: str, count: int = 2, file: Path | None = None) -> Iterator[list[Worker]]:
    """So many workers, ready."""
    command = [sys.executable, "-m", "tests.system.purge_worker", url, *([] if file is None else [str(file)])]
    with contextlib.ExitStack() as stack:
        workers = []
        for _ in range(count):
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            stack.callback(process.wait, PATIENT)
            stack.callback(process.kill)
            stack.enter_context(contextlib.closing(process.stdin or sys.stdin))
            stack.enter_context(contextlib.closing(process.stdout or sys.stdout))
            workers.append(Worker(process))
        for worker in workers:
            assert worker.hear() == "ready"
        yield workers


def test_a_purge_is_in_force_everywhere_within_a_second(redis_server: RedisServer) -> None:
    with working(redis_server.url, 3) as (first, *others):
        for worker in (first, *others):
            wait_until(worker.is_heard, "it is on the bus")
        for number in range(5):
            for worker in others:
                worker.say(f"watch /vod/{number}")
            before = time.time()
            assert first.ask(f"purge /vod/{number}") == "announced"
            told = [float(worker.hear()) - before for worker in others]
            assert all(seconds < SECOND for seconds in told), told


def test_a_purge_while_redis_is_away_reaches_the_others_when_it_is_back(redis_server: RedisServer) -> None:
    with working(redis_server.url) as (here, there):
        wait_until(here.is_heard, "it is on the bus")
        assert here.ask("purge /vod/before") == "announced"
        wait_until(lambda: there.knows("/vod/before"), "it has heard of it")
        redis_server.kill()
        assert here.ask("purge /vod/a /vod/b") == "pending"
        assert here.knows("/vod/a")
        assert not there.knows("/vod/a")
        redis_server.start()
        wait_until(lambda: there.knows("/vod/a") and there.knows("/vod/b"), "it has been told")
        with working(redis_server.url, 1) as (newcomer,):
            wait_until(lambda: newcomer.knows("/vod/a"), "it has read of it")
            wait_until(lambda: newcomer.knows("/vod/before"), "Redis has been told again what it forgot")


def test_a_redis_that_hangs_holds_no_purge_up_and_loses_none(redis_server: RedisServer) -> None:
    with working(redis_server.url) as (here, there):
        wait_until(here.is_heard, "it is on the bus")
        redis_server.pause()
        assert here.ask("purge /vod/a") == "pending"
        assert here.knows("/vod/a")
        redis_server.resume()
        wait_until(lambda: there.knows("/vod/a"), "it has been told")


def test_a_purge_outlives_its_node_while_redis_is_away(redis_server: RedisServer, tmp_path: Path) -> None:
    file = tmp_path / "purges.json"
    redis_server.kill()
    with working(redis_server.url, 1, file) as (here,):
        assert here.ask("purge /vod/a") == "pending"
    with working(redis_server.url, 1, file) as (here,):
        assert here.knows("/vod/a")
        redis_server.start()
        with working(redis_server.url, 1) as (there,):
            wait_until(lambda: there.knows("/vod/a"), "it has been told")
