"""`python -m benchmarks.micro [--rounds N] [--only WORD] [--out FILE]`: verify, verify again and mint, per dialect."""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path

from benchmarks.micro.cases import CASES, Case
from benchmarks.micro.timing import Timed, interleaved


def main() -> None:
    """Time every case, print a Markdown table, and keep the raw figures where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.micro")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--only", default="", help="cases whose name holds this word")
    parser.add_argument("--out", type=Path, help="raw figures as JSON")
    asked = parser.parse_args()
    head = ("case", "verify", "again", "admit", "mint", "verify / bare", "peer", "verify / peer", "peer / again")
    print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|")
    raw: dict[str, dict[str, tuple[float, ...]]] = {}
    for make in CASES:
        case = make()
        if asked.only not in case.name:
            continue
        timed = interleaved(case.operations, asked.rounds)
        raw[case.name] = {name: one.rounds for name, one in timed.items()}
        print(_row(case, timed), flush=True)
    if asked.out:
        machine = {"python": platform.python_version(), "machine": platform.machine()}
        asked.out.write_text(json.dumps({"unit": "µs per call", **machine, "cases": raw}, indent=1) + "\n")


def _row(case: Case, timed: dict[str, Timed]) -> str:
    cells = [_cell(timed.get(name)) for name in ("verify", "again", "admit", "mint")]
    first = timed["verify"].median
    bare = f"{first / timed['bare'].median:.2f}" if "bare" in timed else ""
    peer = f"{case.peer} {_cell(timed['peer'])}" if case.peer else ""
    times = f"{first / timed['peer'].median:.2f}" if case.peer else ""
    sooner = f"{timed['peer'].median / timed['again'].median:.0f}" if case.peer else ""
    return f"| {' | '.join([case.name, *cells, bare, peer, times, sooner])} |"


def _cell(timed: Timed | None) -> str:
    return "" if timed is None else f"{timed.median:.1f} ± {timed.spread:.0%}"


if __name__ == "__main__":
    main()
