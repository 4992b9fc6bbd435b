"""`python -m benchmarks.shield`: the shield's figures, each part with all its contenders in one run.

The tables go to standard output, raw results to benchmarks/results, where a part that is run alone replaces itself.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.running import make_ready
from benchmarks.shield.crowds import SIZES as CROWD_SIZES
from benchmarks.shield.crowds import crowds
from benchmarks.shield.hits import ROWS, SIZES, beside_a_file, beside_caches
from benchmarks.shield.million import million
from benchmarks.shield.servers import Site
from benchmarks.shield.tables import crowds_table, file_table, hits_table, million_table
from benchmarks.shield.upstream import running_upstream

Found = tuple[dict[str, object], str]  # raw results, and the table


def main() -> int:
    """Run the parts and print their tables."""
    arguments = _arguments()
    make_ready()
    parts = {name: part for name, part in PARTS.items() if arguments.part in name}
    with tempfile.TemporaryDirectory(prefix="headgate-bench-") as directory:
        root = Path(directory)
        media = root / "media"
        media.mkdir()
        for name, size in SIZES.items():
            (media / name).write_bytes(os.urandom(size))
        with running_upstream(media, cpu=1, log=root / "upstream.log") as port:
            for name, part in parts.items():
                raw, table = part(arguments, Site(media, port), root / name.replace(" ", "-"))
                _write_raw(Path(arguments.out), name, raw, arguments)
                sys.stdout.write(f"\n### {name}\n\n{table}")
                sys.stdout.flush()
    return 0


def _file(arguments: argparse.Namespace, site: Site, root: Path) -> Found:
    rows = [row for row in ROWS if arguments.row in row.name]
    # Two mounts of one process differ by little: it takes more rounds to see it.
    runs = beside_a_file(site, rows, root, rounds=2 * arguments.rounds, seconds=arguments.seconds)
    raw = {row: {mount: [run.as_dict() for run in found] for mount, found in by.items()} for row, by in runs.items()}
    return dict(raw), file_table(runs)


def _caches(arguments: argparse.Namespace, site: Site, root: Path) -> Found:
    rows = [row for row in ROWS if arguments.row in row.name]
    runs = beside_caches(site, rows, root, rounds=arguments.rounds, seconds=arguments.seconds, only=arguments.only)
    raw = {row: {name: [run.as_dict() for run in found] for name, found in by.items()} for row, by in runs.items()}
    return dict(raw), hits_table(runs)


def _crowds(arguments: argparse.Namespace, site: Site, root: Path) -> Found:
    sizes = tuple(size for size in CROWD_SIZES if size <= arguments.viewers)
    found = crowds(site, root, rounds=arguments.rounds, sizes=sizes, only=arguments.only)
    raw = {size: {name: [one.as_dict() for one in each] for name, each in by.items()} for size, by in found.items()}
    return dict(raw), crowds_table(found)


def _million(arguments: argparse.Namespace, site: Site, root: Path) -> Found:
    found = million(site, root, arguments.objects)
    return found.as_dict(), million_table(found)


PARTS: dict[str, Callable[[argparse.Namespace, Site, Path], Found]] = {
    "hits beside a file": _file,
    "hits beside caches": _caches,
    "crowds": _crowds,
    "million": _million,
}


def _write_raw(out: Path, part: str, raw: dict[str, object], arguments: argparse.Namespace) -> None:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    document = json.loads(out.read_text()) if out.exists() else {}
    document[part] = {
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "machine": f"{os.cpu_count()} processors, {platform.system()} {platform.release()}",
        "load before": os.getloadavg()[1],
        "rounds": arguments.rounds,
        "seconds": arguments.seconds,
        "results": raw,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(document, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shield", description=__doc__)
    parser.add_argument("--part", default="", help=f"parts whose name contains this: {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=3, help="runs of every row on every contender")
    parser.add_argument("--seconds", type=int, default=4, help="length of one run")
    parser.add_argument("--only", default="", help="caches whose name contains this")
    parser.add_argument("--row", default="", help="rows of hits whose name contains this")
    parser.add_argument("--viewers", type=int, default=max(CROWD_SIZES), help="the largest crowd")
    parser.add_argument("--objects", type=int, default=1_000_000, help="how many a full cache has")
    parser.add_argument("--out", default="benchmarks/results/shield.json", help="where the raw results go")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
