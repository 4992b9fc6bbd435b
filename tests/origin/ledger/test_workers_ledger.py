"""The ledger that processes of one machine share."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from auth.revocation import MAX_REVOCATIONS, Revocation, Revocations, Revoked
from origin.ledger.store import LedgerFull, LedgerUnavailable
from origin.ledger.workers_ledger import WorkersLedger
from tests.clock import Clock
from tests.contracts.ledger import STREAM, LedgerContract, Stage

ROOT = Path(__file__).parents[3]
PATIENT = 20.0  # what a loaded machine may take to answer


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[WorkersLedger]:
    opened = WorkersLedger(tmp_path / "ledger", clock, budget_seconds=PATIENT, most=3)
    yield opened
    await opened.close()


class TestWorkersLedger(LedgerContract):
    @pytest.fixture
    async def stage(self, tmp_path: Path, clock: Clock) -> AsyncIterator[Stage]:
        async def outlast(seconds: float) -> None:
            clock.advance(seconds)

        store = WorkersLedger(tmp_path / "ledger", clock, budget_seconds=PATIENT)
        yield Stage(store, outlast, clock)
        await store.close()


async def test_it_remembers_so_much_and_refuses_the_rest(store: WorkersLedger, clock: Clock) -> None:
    for name in "abc":
        assert await store.first_use("/vod", name, 60)
        assert await store.lease(type(STREAM)("/vod", name, "one", 1, 60))
    for _ in range(2):
        with pytest.raises(LedgerUnavailable, match="uses"):
            await store.first_use("/vod", "d", 60)
        with pytest.raises(LedgerUnavailable, match="leases"):
            await store.lease(STREAM)
        assert not await store.first_use("/vod", "a", 60)
        clock.advance(2)
    clock.advance(60)
    assert await store.first_use("/vod", "a", 60), "in the place of its own that has ended"
    assert await store.first_use("/vod", "d", 60)
    assert await store.lease(STREAM)


async def test_it_takes_so_many_revocations(store: WorkersLedger, clock: Clock, tmp_path: Path) -> None:
    await store.revocations(Revocations())
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger")) as database, database:
        rows = ((str(number), clock() + 60, b"") for number in range(MAX_REVOCATIONS))
        database.executemany("INSERT INTO revocation VALUES (?, ?, ?)", rows)
    entry = Revocation(Revoked.TOKEN, "one more", clock() + 90)
    with pytest.raises(LedgerFull):
        await store.revoke(entry)
    assert not [*await store.revocations(Revocations())]
    clock.advance(60)
    await store.revoke(entry)
    assert [*await store.revocations(Revocations())] == [entry]


async def test_what_cannot_be_understood_keeps_nothing_else_out(
    store: WorkersLedger, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await store.revocations(Revocations())
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger")) as database, database:
        database.execute("INSERT INTO revocation VALUES ('x', ?, ?)", (clock() + 60, b'{"what":"mood"}'))
    entry = Revocation(Revoked.TOKEN, "t1", clock() + 60)
    await store.revoke(entry)
    assert [*await store.revocations(Revocations())] == [entry]
    assert "1 revocations of other workers" in caplog.text


async def test_others_see_what_one_revokes_and_whoever_comes_later(tmp_path: Path, clock: Clock) -> None:
    async with contextlib.AsyncExitStack() as stack:
        one, two, late = (WorkersLedger(tmp_path / "ledger", clock, budget_seconds=PATIENT) for _ in range(3))
        for each in (one, two, late):
            stack.push_async_callback(each.close)
        known = await two.revocations(Revocations())
        entry = Revocation(Revoked.SUBJECT, "ann", clock() + 60)
        await one.revoke(entry)
        assert [*await two.revocations(known)] == [*await late.revocations(Revocations())] == [entry]
        assert await late.lift(entry.id)
        assert not [*await one.revocations(Revocations())]


async def test_a_file_that_is_none_of_ours_is_unavailable(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "ledger").write_bytes(b"nonsense" * 1000)
    for path in (tmp_path / "ledger", tmp_path / "nowhere" / "ledger"):
        store = WorkersLedger(path, clock, budget_seconds=PATIENT)
        with pytest.raises(LedgerUnavailable) as refused:
            await store.first_use("/vod", "t1", 60)
        assert str(tmp_path) not in str(refused.value)
        await store.close()


async def test_a_lock_that_stays_is_waited_for_a_bounded_time(tmp_path: Path, clock: Clock) -> None:
    patient = WorkersLedger(tmp_path / "ledger", clock, budget_seconds=PATIENT)
    await patient.revocations(Revocations())
    await patient.close()
    store = WorkersLedger(tmp_path / "ledger", clock, budget_seconds=0.2)
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerUnavailable):
            await store.first_use("/vod", "t1", 60)
    await store.close()
    with pytest.raises(LedgerUnavailable):
        await store.first_use("/vod", "t2", 60)


@contextlib.contextmanager
def racing(path: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A process of `worker_race`, ready."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.origin.ledger.worker_race", str(path), *words],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> list[int]:
    """The numbers of its next line."""
    assert process.stdout is not None
    return [int(word) for word in process.stdout.readline().split()]


def test_of_processes_that_race_exactly_one_is_the_first(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(racing(tmp_path / "ledger", "300")) for _ in range(3)]
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        firsts = [number for worker in workers for number in said(worker)]
    assert sorted(firsts) == list(range(300))


async def test_a_killed_process_takes_nothing_with_it(tmp_path: Path) -> None:
    store = WorkersLedger(tmp_path / "ledger", time.time, budget_seconds=PATIENT)
    entry = Revocation(Revoked.TOKEN, "t1", time.time() + 600)
    await store.revoke(entry)
    for _ in range(2):
        with racing(tmp_path / "ledger", "0", "forever") as worker:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
            assert [said(worker) for _ in range(2)] == [[0], [50]]
            worker.kill()
            worker.wait(PATIENT)
            assert not await store.first_use("/vod", f"{worker.pid} 0", 60)
            assert not await store.first_use("/vod", f"{worker.pid} 50", 60)
    assert [*await store.revocations(Revocations())] == [entry]
    await store.close()
