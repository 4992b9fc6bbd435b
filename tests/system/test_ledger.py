"""Processes that share a ledger agree: on first uses, on streams, and within a second on what is revoked."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pytest
from redis.asyncio import Redis

from auth import Algorithm, Claims, Gate, KeyRing, PathScope, Realm
from auth.revocation import Revoked
from origin.keystore.file import add_key
from origin.keystore.generate import new_key
from origin.ledger.ledger import Ledger
from origin.ledger.redis_ledger import RedisLedger
from origin.ledger.store import LedgerUnavailable
from origin.telemetry.metrics import Metrics, Vocabulary
from tests.redis_server import RedisServer
from tests.system.processes import ROOT, environment, serving, wait_until, write_configuration

pytestmark = [pytest.mark.system, pytest.mark.needs("redis-server")]

SECOND = 1.0  # until a revocation is in force everywhere
PATIENT = 10.0  # what a loaded machine may take to answer


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that shares the ledger; see `ledger_worker`."""

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


@contextmanager
def working(url: str, count: int = 2, budget_seconds: float = PATIENT) -> Iterator[list[Worker]]:
    """So many workers, ready."""
    command = [sys.executable, "-m", "tests.system.ledger_worker", url, str(budget_seconds)]
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


def race(workers: list[Worker], command: str) -> list[str]:
    """What all workers answer together when they do the same at the same time."""
    for worker in workers:
        worker.say(command)
    return list(chain.from_iterable(worker.hear().split() for worker in workers))


@pytest.fixture
async def ledger(redis_server: RedisServer) -> AsyncIterator[Ledger]:
    """An operator's ledger."""
    store = RedisLedger(redis_server.url, budget_seconds=PATIENT, clock=time.time)
    yield Ledger(store, Metrics(Vocabulary(), "0"), clock=time.time, monotonic=time.monotonic)
    await store.close()


def test_of_two_processes_that_race_one_has_the_first_use(redis_server: RedisServer) -> None:
    with working(redis_server.url) as workers:
        for start in range(0, 1000, 200):
            firsts = race(workers, f"use {start} {start + 200}")
            assert sorted(map(int, firsts)) == list(range(start, start + 200))
        assert race(workers, "use 0 1000") == []


def test_two_processes_that_race_let_so_many_streams_in_and_no_more(redis_server: RedisServer) -> None:
    with working(redis_server.url) as workers:
        for round_number in range(20):
            assert len(race(workers, f"play viewer{round_number} 20 3")) == 3


async def test_the_newest_of_two_processes_take_the_places_and_never_one_more(redis_server: RedisServer) -> None:
    async def most_at_once() -> int:
        """The most streams at any look, until the race is over."""
        seen = 0
        while not racing.done():
            (_, keys) = await client.scan(match="*:live", count=1000)
            for key in keys:
                seen = max(seen, await client.zcard(key))
        return seen

    with working(redis_server.url) as workers:
        async with Redis.from_url(redis_server.url) as client:
            racing = asyncio.create_task(asyncio.to_thread(race, workers, "evict ann 500 3"))
            assert await most_at_once() == 3
            assert len(await racing) == 1000


async def test_a_revocation_is_in_force_under_load_everywhere_within_a_second(
    redis_server: RedisServer, ledger: Ledger
) -> None:
    def told() -> list[float]:
        return [float(worker.hear()) for worker in workers]

    with working(redis_server.url) as workers:
        for subject in ("ann", "bob", "cleo"):
            for worker in workers:
                worker.say(f"watch {subject}")
            await asyncio.sleep(0.5)
            before = time.time()
            await ledger.revoke(Revoked.SUBJECT, subject, seconds=60)
            refused = await asyncio.to_thread(told)
            assert all(0 <= at - before < SECOND for at in refused), [at - before for at in refused]


async def test_what_is_known_outlives_redis_and_what_redis_forgot_is_told_it_again(
    redis_server: RedisServer, ledger: Ledger
) -> None:
    def restarted() -> None:
        redis_server.start()
        wait_until(lambda: worker.ask("once t3") == "ok", "the worker asks Redis again")

    with working(redis_server.url, 1, budget_seconds=2) as (worker,):
        await ledger.revoke(Revoked.SUBJECT, "ann", seconds=60)
        await asyncio.to_thread(wait_until, lambda: worker.ask("check ann") == "token_revoked", "ann is refused")
        assert worker.ask("once t1") == "ok"
        redis_server.kill()
        assert worker.ask("check ann") == "token_revoked"
        assert worker.ask("check bob") == "ok"
        assert worker.ask("once t2") == "token_store_unavailable"
        assert worker.ask("play bob 1 2") == "", "this worker's limits say so"
        with pytest.raises(LedgerUnavailable):
            await ledger.revoke(Revoked.SUBJECT, "bob", seconds=60)
        await asyncio.to_thread(restarted)
        assert worker.ask("check ann") == "token_revoked"
        with working(redis_server.url, 1) as (newcomer,):
            await asyncio.to_thread(
                wait_until, lambda: newcomer.ask("check ann") == "token_revoked", "it is told again"
            )
            assert newcomer.ask("check bob") == "ok"


def test_a_worker_that_starts_later_knows_what_was_revoked_before(redis_server: RedisServer) -> None:
    async def revoke() -> None:
        store = RedisLedger(redis_server.url, budget_seconds=PATIENT, clock=time.time)
        one = Ledger(store, Metrics(Vocabulary(), "0"), clock=time.time, monotonic=time.monotonic)
        await one.revoke(Revoked.SUBJECT, "ann", seconds=60)
        await one.close()

    asyncio.run(revoke())
    with working(redis_server.url, 1) as (worker,):
        assert worker.ask("check ann") == "token_revoked"


MOUNT = """
[keyrings.main]
file = "keys.json"
[[mount]]
prefix = "/vod"
storage = "file:media"
access = "signed"
keys = "main"
[mount.limits]
max_streams = 1
lease_seconds = 5
"""


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    """The key of a site with one film."""
    (tmp_path / "media" / "film").mkdir(parents=True)
    (tmp_path / "media" / "film" / "1.ts").write_bytes(b"abc")
    return add_key(tmp_path / "keys.json", new_key(Algorithm.HS256))


async def test_two_gateways_obey_one_ledger(
    tmp_path: Path, ring: KeyRing, redis_server: RedisServer, ledger: Ledger
) -> None:
    config = write_configuration(tmp_path, MOUNT, extra=f'[cache]\nredis = "{redis_server.url}"\n')

    def target(session: str) -> str:
        now = time.time()
        scope = PathScope.prefix("/vod/film/")
        claims = Claims(expires=now + 600, scope=scope, subject="ann", token_id=session)
        return Gate(Realm("/vod")).sign("/vod/film/1.ts", claims, ring, now)

    first, second = target("one"), target("two")
    with serving(config, name="one") as one, serving(config, name="other") as other:
        assert one.get(first).status == 200
        refused = other.get(second)
        assert (refused.status, b"too_many_streams" in refused.body) == (403, True)
        assert one.get(first).status == 200
        wait_until(lambda: other.get(second).status == 200, "the first has fallen silent")
        await ledger.revoke(Revoked.ASSET, "film", mount="/vod", seconds=60)
        await asyncio.sleep(SECOND)
        for gateway in (one, other):
            answer = gateway.get(second)
            assert (answer.status, b"token_revoked" in answer.body) == (403, True)
            assert gateway.metric("headgate_token_decisions_total", reason="token_revoked") >= 1
            assert gateway.metric("headgate_revocations") == 1
        redis_server.kill()
        await asyncio.sleep(2)
        assert one.get(second).status == 403
        assert one.metric("headgate_revocations_age_seconds") > 1
        assert one.metric("headgate_ledger_failures_total", operation="load") > 0
        assert (one.end(), other.end()) == (0, 0)
