"""`python -m benchmarks.load`: the table, every peer side by side in one run.

Interleaved (every peer once, then every peer again), server and load on different processors, medians over the
rounds. Raw results go to benchmarks/results, the table to standard output.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks.load.fixtures import make_fixtures
from benchmarks.load.rows import ROWS, Row
from benchmarks.load.servers import Server, check, peers, running
from benchmarks.load.wrk import Run, run_wrk
from origin.keystore.file import read_ring

Results = dict[str, dict[str, list[Run]]]


def main() -> int:
    """Run the rows and print the table."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="headgate-bench-") as directory:
        root = Path(directory)
        fixtures = make_fixtures(root)
        # A fresh clone's table must not measure the disk: every file is read once before anybody is timed.
        for file in fixtures.media.iterdir():
            file.read_bytes()
        ring, _ = read_ring(fixtures.keys_file)
        key = ring.signer(time.time())
        if key is None:
            raise RuntimeError("the benchmark's key is not in force")
        servers = [one for one in peers(fixtures, key) if arguments.only in one.name]
        rows = [row for row in ROWS if arguments.row in row.name]
        results = _measure(
            servers, rows, root, rounds=arguments.rounds, seconds=arguments.seconds, warmup=arguments.warmup
        )
    _write_raw(results, arguments)
    sys.stdout.write(table(results))
    return 0


def _measure(servers: list[Server], rows: list[Row], root: Path, *, rounds: int, seconds: int, warmup: int) -> Results:
    results: Results = {row.name: {server.name: [] for server in servers} for row in rows}
    for number in range(rounds):
        for server in servers:
            workdir = root / server.name.replace(" ", "-").replace(",", "")
            with running(server, cpu=0, workdir=workdir) as (port, pid):
                for row in rows:
                    check(server, row, port)
                    targets = list(server.targets(row))
                    load = partial(run_wrk, row, targets, port, pid, cpu=1, workdir=workdir)
                    if warmup:  # a viewer's token is seen many times, so nobody is measured on its first use alone
                        load(seconds=warmup)
                    run = load(seconds=seconds)
                    results[row.name][server.name].append(run)
                    line = f"round {number + 1}/{rounds}  {server.name:32} {row.name:32}"
                    sys.stderr.write(f"{line} {run.requests_per_second:10.0f}/s  failed {run.failed}\n")
    return results


def table(results: Results) -> str:
    """Markdown: medians, the spread, and the server's processor time, per row."""
    lines: list[str] = []
    for row, by_server in results.items():
        lines += [
            f"\n### {row}\n",
            "| server | requests/s (min to max) | MB/s | p99 ms | CPU s per 1,000 | RSS MB | failed |",
        ]
        lines.append("|---|---|---|---|---|---|---|")
        for server, runs in by_server.items():
            rates = [run.requests_per_second for run in runs]
            lines.append(
                f"| {server} | {statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})"
                f" | {_median(runs, 'megabytes_per_second'):,.0f} | {_median(runs, 'p99_ms'):.1f}"
                f" | {_median(runs, 'cpu_seconds_per_1000'):.3f} | {_median(runs, 'rss_mb'):.0f}"
                f" | {sum(run.failed for run in runs)} |"
            )
    return "\n".join([*lines, ""])


def _median(runs: list[Run], figure: str) -> float:
    return statistics.median(run.as_dict()[figure] for run in runs)


def _write_raw(results: Results, arguments: argparse.Namespace) -> None:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    document = {
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "machine": f"{os.cpu_count()} processors, {platform.system()} {platform.release()}",
        "rounds": arguments.rounds,
        "seconds": arguments.seconds,
        "results": {
            row: {server: [run.as_dict() for run in runs] for server, runs in by_server.items()}
            for row, by_server in results.items()
        },
    }
    out = Path(arguments.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(document, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="runs of every row on every peer")
    parser.add_argument("--seconds", type=int, default=4, help="length of one run")
    parser.add_argument("--warmup", type=int, default=2, help="seconds of load before each run, uncounted")
    parser.add_argument("--only", default="", help="peers whose name contains this")
    parser.add_argument("--row", default="", help="rows whose name contains this")
    parser.add_argument("--out", default="benchmarks/results/load.json", help="where the raw results go")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
