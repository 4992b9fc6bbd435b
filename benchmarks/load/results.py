"""What is kept of a run: plain figures, in a JSON file from which tables and plots are drawn."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.load.loader import Measured

DISTURBED = 0.1  # the share of the processors from which on others have had a say in a run


@dataclass(frozen=True, slots=True)
class Run:
    """Figures of one run. Shares are of the time of all processors that the server, or the load, was given."""

    requests_per_second: float
    megabytes_per_second: float
    cpu_seconds_per_1000: float  # of the server's processes, a thousand requests
    cpu_seconds_per_gb: float
    rss_mb: float
    failed: int
    server_share: float
    load_share: float
    foreign_share: float  # what others took of these processors
    asked_per_second: float  # the rate of an open loop; 0 where the server was driven to its limit
    percentiles_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class Idle:
    """Connections that asked once and were left alone."""

    connections: int
    rss_before_mb: float
    rss_mb: float

    @property
    def kb_each(self) -> float:
        """Resident memory that each has added, in units of 1,024 bytes."""
        return (self.rss_mb - self.rss_before_mb) * 1e6 / 1024 / max(self.connections, 1)


@dataclass(slots=True)
class Runs:
    """One contender in one row: pairs of runs, one pair a round."""

    limit: list[Run] = field(default_factory=list)  # driven to the limit
    paced: list[Run] = field(default_factory=list)  # at 70 % of that


@dataclass(slots=True)
class Results:
    """A whole table."""

    about: dict[str, object]
    rows: dict[str, dict[str, Runs]] = field(default_factory=dict)  # by row and contender
    skipped: dict[str, dict[str, str]] = field(default_factory=dict)  # why, by row and contender
    missing: dict[str, str] = field(default_factory=dict)  # contenders that cannot be had here, and why
    idle: dict[str, list[Idle]] = field(default_factory=dict)

    def write(self, out: Path) -> None:
        """Keep everything."""
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(asdict(self), indent=1) + "\n")


def read_results(path: Path) -> Results:
    """What `Results.write` kept."""
    document: dict[str, Any] = json.loads(path.read_text())
    return Results(
        document["about"],
        {
            row: {
                name: Runs([Run(**one) for one in runs["limit"]], [Run(**one) for one in runs["paced"]])
                for name, runs in by_name.items()
            }
            for row, by_name in document["rows"].items()
        },
        document["skipped"],
        document["missing"],
        {name: [Idle(**one) for one in each] for name, each in document["idle"].items()},
    )


def run_of(
    measured: Measured, *, server_cpus: int, load_cpus: int, behind_cpu: float, rss_mb: float, rate: float
) -> Run:
    """The figures of one run; `behind_cpu` is what an unmeasured server behind the measured one has taken."""
    others = sum(measured.busy) - measured.server_cpu - measured.load_cpu - behind_cpu
    return Run(
        requests_per_second=measured.requests / measured.seconds,
        megabytes_per_second=measured.bytes / measured.seconds / 1e6,
        cpu_seconds_per_1000=measured.server_cpu / max(measured.requests, 1) * 1e3,
        cpu_seconds_per_gb=measured.server_cpu / max(measured.bytes, 1) * 1e9,
        rss_mb=rss_mb,
        failed=measured.failed,
        server_share=measured.server_cpu / measured.seconds / server_cpus,
        load_share=measured.load_cpu / measured.seconds / load_cpus,
        foreign_share=max(others, 0) / measured.seconds / max(len(measured.busy), 1),
        asked_per_second=rate,
        percentiles_ms=measured.percentiles_ms,
    )


def about_this_run(rounds: int, seconds: float) -> dict[str, object]:
    """What a reader has to know of machine and program."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "versions": _versions(),
        "machine": f"{os.cpu_count()} processors, {platform.system()} {platform.release()}",
        "load before": round(os.getloadavg()[1], 1),
        "rounds": rounds,
        "seconds": seconds,
    }


def _versions() -> dict[str, str]:
    """Of everybody who may take part."""
    found = {package: version(package) for package in ("aiohttp", "starlette", "uvicorn", "granian", "uvloop")}
    for program, option in (("nginx", "-v"), ("varnishd", "-V")):
        if shutil.which(program):
            said = subprocess.run([program, option], capture_output=True, text=True, check=False)
            number = re.search(r"\d+(?:\.\d+)+", said.stdout + said.stderr)
            found[program] = number.group() if number else "unknown"
    return found
