"""Crowds: many viewers ask at once for an object that nobody has asked for before, from a slow upstream."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.shield.contender import running
from benchmarks.shield.servers import PULLED, Site, caches, workdir
from benchmarks.shield.upstream import requests_for

OBJECT, OBJECT_BYTES = "4m.m4s", 4_000_000
SIZES = (1, 200, 1000)
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Crowd:
    """What became of one. Times in seconds, to the first byte of the body."""

    median: float
    p99: float
    last: float
    upstream_requests: int
    failed: int

    def as_dict(self) -> dict[str, float]:
        """For the raw results."""
        return asdict(self)


Crowds = dict[str, dict[str, list[Crowd]]]  # by size and by contender


def crowds(site: Site, root: Path, *, rounds: int, sizes: tuple[int, ...], only: str) -> Crowds:
    """All caches run at once, of which only one is asked at a time; they take turns within each round."""
    servers = [server for server in caches(site) if only in server.name]
    found: Crowds = {_named(size): {server.name: [] for server in servers} for size in sizes}
    with ExitStack() as stack:
        started = []
        for server in servers:
            port, _ = stack.enter_context(running(server, cpu=0, workdir=workdir(root, server)))
            started.append((server.name, port))
        for number in range(-1, rounds):  # the first round is for the servers to get going
            for size in sizes if number >= 0 else sizes[:1]:
                for name, port in started:
                    crowd = _gather(site, port, f"{number}-{size}-{name.replace(' ', '-').replace('+', '')}", size)
                    if number >= 0:
                        found[_named(size)][name].append(crowd)
                        _say(f"round {number + 1}/{rounds}", name, size, crowd)
    return found


def _gather(site: Site, port: int, unique: str, size: int) -> Crowd:
    path = f"/slow/{unique}/{OBJECT}"
    asking = [sys.executable, "-m", "benchmarks.shield.viewers", str(port), f"/{PULLED}{path}"]
    done = subprocess.run(
        ["taskset", "-c", "1", *asking, str(size), str(OBJECT_BYTES)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    said = json.loads(done.stdout)
    waited = said["waited"]
    if not waited:
        raise RuntimeError("nobody got anything")
    return Crowd(
        median=waited[len(waited) // 2],
        p99=waited[min(len(waited) - 1, len(waited) * 99 // 100)],
        last=waited[-1],
        upstream_requests=requests_for(site.upstream, path),
        failed=said["failed"],
    )


def _named(size: int) -> str:
    return "one viewer" if size == 1 else f"{size:,} viewers"


def _say(where: str, who: str, size: int, crowd: Crowd) -> None:
    times = f"median {crowd.median:.3f} s, p99 {crowd.p99:.3f} s, last {crowd.last:.3f} s"
    counts = f"{crowd.upstream_requests} upstream, failed {crowd.failed}"
    sys.stderr.write(f"{where}  {who:28} {_named(size):14} {times}, {counts}\n")
