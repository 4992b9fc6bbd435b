"""`python -m benchmarks.load`: the table of requests, every contender side by side in one run.

Interleaved (every contender once, then every contender again), server and load on different processors, medians over
the rounds. Raw results go to benchmarks/results, tables to standard output.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.load.contenders import contenders
from benchmarks.load.fixtures import make_fixtures
from benchmarks.load.measure import Bench, Plan, say
from benchmarks.load.report import report
from benchmarks.load.results import Results, about_this_run
from benchmarks.load.rows import ROWS
from benchmarks.running import make_ready

IDLE = "idle connections"
KEPT = Path("benchmarks/results/load.json")


def main() -> int:
    """Run the rows and print the tables."""
    arguments = _arguments()
    make_ready()
    wanted = choose([*(row.name for row in ROWS), IDLE], arguments.row)
    rows = [row for row in ROWS if row.name in wanted]
    plan = Plan(
        arguments.rounds,
        arguments.seconds,
        not arguments.few_latencies,
        arguments.warmup,
        arguments.again,
        arguments.idle,
    )
    results = Results(about_this_run(plan.rounds, plan.seconds))
    with tempfile.TemporaryDirectory(prefix="headgate-bench-") as directory:
        fixtures = make_fixtures(Path(directory), with_library=any(row.needs_library for row in rows))
        found, results.missing = contenders(fixtures, [path.resolve() for path in arguments.beside])
        names = choose([one.name for one in found], arguments.only)
        chosen = [one for one in found if one.name in names]
        bench = Bench(fixtures, plan, results)
        bench.measure(chosen, rows)
        if IDLE in wanted:
            bench.measure_idle(chosen, next(row for row in ROWS if not row.signed))
    if out := arguments.out or (None if arguments.row or arguments.only else KEPT):
        results.write(out)
        say(f"raw results are in {out}")
    sys.stdout.write(report(results))
    return 0


def choose(names: Sequence[str], wanted: Sequence[str]) -> set[str]:
    """All names where nothing is wanted; what is no name stands for every name that it is a part of."""
    if not wanted:
        return set(names)
    chosen = {name for one in wanted for name in names if name == one or (one not in names and one in name)}
    if not chosen:
        sys.exit(f"there is no {', '.join(wanted)}; there are: {', '.join(names)}")
    return chosen


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    more = "may be repeated"
    parser.add_argument("--row", action="append", default=[], help=f"a row, or a part of rows' names; {more}")
    parser.add_argument("--only", action="append", default=[], help=f"a contender, or a part of names; {more}")
    parser.add_argument("--rounds", type=int, help="runs of every row on every contender")
    parser.add_argument("--few-latencies", action="store_true", help="only of those that are held against each other")
    parser.add_argument("--seconds", type=float, help="length of one run")
    parser.add_argument("--warmup", type=float, default=5.0, help="seconds at most until every token was seen once")
    parser.add_argument("--again", type=int, help="disturbed runs that are repeated, in all")
    parser.add_argument("--idle", type=int, default=10_000, help="how many idle connections")
    parser.add_argument("--quick", action="store_true", help="a look in five minutes instead of a measurement")
    parser.add_argument("--beside", type=Path, action="append", default=[], help=f"another checkout's Headgate; {more}")
    parser.add_argument("--out", type=Path, help=f"where raw results go; those of a whole table, to {KEPT}")
    arguments = parser.parse_args()
    rounds, seconds, again = (1, 0.8, 2) if arguments.quick else (3, 1.2, 12)
    arguments.rounds = arguments.rounds or rounds
    arguments.seconds = arguments.seconds or seconds
    arguments.again = again if arguments.again is None else arguments.again
    return arguments


if __name__ == "__main__":
    raise SystemExit(main())
