"""Hits: what is kept beside the same file on a `file:` mount, in one process, and one cache beside the other."""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks.shield.contender import Row, Server, check, running
from benchmarks.shield.servers import ON_DISK, PULLED, Site, caches, headgate, targets, workdir
from benchmarks.shield.wrk import Run, run_wrk

Runs = dict[str, dict[str, list[Run]]]  # by row and by contender
Load = Callable[[Row, str, int, int], Run]  # row, path, port, pid

ROWS = (
    Row("64 KB", "64k.m4s", body_bytes=65_536),
    Row("200 KB", "200k.m4s", body_bytes=200_000),
    Row("1 MB", "1m.m4s", body_bytes=1_000_000),
    Row("4 MB", "4m.m4s", body_bytes=4_000_000),
    Row(
        "64 KB range of 100 MB",
        "100m.mp4",
        body_bytes=65_536,
        header=("Range", "bytes=50000000-50065535"),
        expect_status=206,
    ),
)
SIZES = {row.path: size for row, size in zip(ROWS, (65_536, 200_000, 1_000_000, 4_000_000, 100_000_000), strict=True)}
_WHOLE_BODY = "bytes=0-"  # what is kept must be all there before its hits are compared


def beside_a_file(site: Site, rows: list[Row], root: Path, *, rounds: int, seconds: int) -> Runs:
    """One Headgate, two mounts: A B A B, rounds and rows."""
    contenders = (ON_DISK, PULLED)
    runs: Runs = {row.name: {mount: [] for mount in contenders} for row in rows}
    servers = {mount: Server(mount, headgate(site), partial(targets, mount)) for mount in contenders}
    with running(servers[PULLED], cpu=0, workdir=root) as (port, pid):
        for row in rows:
            for mount in contenders:
                _warm(servers[mount], row, port)
            _load(servers[PULLED], row, port, pid, 1, root)  # the process is young: nobody is measured on that
        for number in range(rounds):
            for row in rows:
                # Who goes first changes from round to round.
                for mount in contenders if number % 2 else contenders[::-1]:
                    run = _load(servers[mount], row, port, pid, seconds, root)
                    runs[row.name][mount].append(run)
                    _say(f"round {number + 1}/{rounds}", mount, row, run)
    return runs


def beside_caches(site: Site, rows: list[Row], root: Path, *, rounds: int, seconds: int, only: str) -> Runs:
    """All caches run at once, of which only one is asked at a time; they take turns within each round."""
    servers = [server for server in caches(site) if only in server.name]
    runs: Runs = {row.name: {server.name: [] for server in servers} for row in rows}
    with ExitStack() as stack:
        started = []
        for server in servers:
            own = workdir(root, server)
            port, pid = stack.enter_context(running(server, cpu=0, workdir=own))
            started.append((server, port, pid, own))
            for row in rows:
                _warm(server, row, port)
        for number in range(rounds):
            for row in rows:
                for server, port, pid, own in started:
                    run = _load(server, row, port, pid, seconds, own)
                    runs[row.name][server.name].append(run)
                    _say(f"round {number + 1}/{rounds}", server.name, row, run)
    return runs


def _load(server: Server, row: Row, port: int, pid: int, seconds: int, own: Path) -> Run:
    return run_wrk(row, list(server.targets(row)), port, pid, cpu=1, seconds=seconds, workdir=own)


def _warm(server: Server, row: Row, port: int) -> None:
    """Have it kept, and look at what comes then."""
    for _ in range(3):
        check(server, row, port)
    if row.header is None:
        return
    request = urllib.request.Request(f"http://127.0.0.1:{port}{next(iter(server.targets(row)))}")
    with urllib.request.urlopen(request, timeout=60) as answer:
        while answer.read(1 << 20):
            pass
    check(server, row, port)


def _say(where: str, who: str, row: Row, run: Run) -> None:
    cpu = run.cpu_seconds_per_1000
    rate = run.requests_per_second
    sys.stderr.write(f"{where}  {who:28} {row.name:24} {rate:9.0f}/s {cpu:8.4f} CPU s/1,000  failed {run.failed}\n")
