"""`python -m benchmarks.micro [--rounds N] [--only WORD] [--out FILE]`: verify, verify again and mint, per dialect."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path

from benchmarks.micro.case import Case
from benchmarks.micro.cases import CASES
from benchmarks.micro.timing import Timed, interleaved

HEAD = (
    "case",
    "verify",
    "again",
    "admit",
    "mint",
    "bare",
    "verify / bare",
    "peer",
    "verify / peer",
    "peer / again",
    "its mint",
    "mint / its",
)


def main() -> None:
    """Time every case, print a Markdown table, and keep the raw figures where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.micro")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--only", default="", help="cases whose name holds this word")
    parser.add_argument("--out", type=Path, help="raw figures as JSON")
    asked = parser.parse_args()
    print(f"| {' | '.join(HEAD)} |\n{'|---' * len(HEAD)}|")
    raw: dict[str, dict[str, tuple[float, ...]]] = {}
    for make in CASES:
        case = make()
        if asked.only not in case.name:
            continue
        contenders = {**case.operations, **case.peers, **{f"{name} mint": one for name, one in case.minters.items()}}
        timed = interleaved(contenders, asked.rounds)
        raw[case.name] = {name: tuple(round(figure, 3) for figure in one.rounds) for name, one in timed.items()}
        print(row(case, timed), flush=True)
    if asked.out:
        asked.out.write_text(json.dumps({"unit": "µs per call", **_machine(), "cases": raw}) + "\n")


def row(case: Case, timed: dict[str, Timed]) -> str:
    """A row of the table; a ratio of two operations is one of medians of the same rounds."""
    cells = [_cell(timed.get(name)) for name in ("verify", "again", "admit", "mint", "bare")]
    peers = [timed[name] for name in case.peers]
    minters = [timed[f"{name} mint"] for name in case.minters]
    cells += [
        _ratio(timed["verify"], timed.get("bare")),
        _list(f"{name} {_cell(timed[name])}" for name in case.peers),
        _list(_ratio(timed["verify"], peer) for peer in peers),
        _list(_times(peer, timed.get("again")) for peer in peers),
        _list(f"{name} {_cell(one)}" for name, one in zip(case.minters, minters, strict=True)),
        _list(_ratio(timed["mint"], one) for one in minters),
    ]
    return f"| {' | '.join([case.name, *cells])} |"


def _cell(timed: Timed | None) -> str:
    return "" if timed is None else f"{timed.median:.1f} ± {timed.spread:.0%}"


def _ratio(ours: Timed, other: Timed | None) -> str:
    return "" if other is None else f"{ours.median / other.median:.2f}"


def _times(peer: Timed, again: Timed | None) -> str:
    return "" if again is None else f"{peer.median / again.median:.0f}"


def _list(cells: Iterable[str]) -> str:
    return ", ".join(cells)


def _machine() -> dict[str, object]:
    asked = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "commit": asked.stdout.strip(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
    }


if __name__ == "__main__":
    main()
