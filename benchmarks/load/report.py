"""`python -m benchmarks.load.report`: tables, bars and plots of what a run has kept.

Markdown goes to standard output; `--write` puts it between the marks of benchmarks/README.md and draws the plots.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.load.bars import Verdict, verdicts
from benchmarks.load.results import DISTURBED, Results, Run, Runs, read_results
from benchmarks.load.rows import ROWS

BEGIN, END = "<!-- load: rendered by python -m benchmarks.load.report --write -->", "<!-- load: end -->"
README = Path(__file__).parents[1] / "README.md"
PLOTS = ("load-requests.png", "load-processor.png", "load-latency.png")
SATURATED = 0.9  # the share of its processor's time from which on a program is taken to be at its limit
_ABOUT = {row.name: row.about for row in ROWS}


def main() -> int:
    """Print the report, and write it if so told."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load.report", description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/load.json"))
    parser.add_argument("--write", action="store_true", help="into the README, with plots beside the results")
    arguments = parser.parse_args()
    results = read_results(arguments.results)
    text = report(results)
    if arguments.write:
        from benchmarks.load.plots import draw  # what draws takes long to import

        README.write_text(placed(README.read_text(), text))
        for plot in draw(results, arguments.results.parent):
            sys.stderr.write(f"drawn: {plot}\n")
    sys.stdout.write(text)
    return 0


def placed(document: str, text: str) -> str:
    """The document with `text` and the plots between its marks."""
    plots = "\n".join(f"![{name}](results/{name})" for name in PLOTS)
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{text}\n{plots}\n\n{END}{after}"


def report(results: Results) -> str:
    """Markdown: the bars, then a table for each row."""
    about = results.about
    versions = about.get("versions")
    peers = ", ".join(f"{name} {number}" for name, number in versions.items()) if isinstance(versions, dict) else ""
    lines = [
        f"Commit {about['commit']}, Python {about['python']}, {about['machine']}, load before {about['load before']}; "
        f"{about['rounds']} rounds of {about['seconds']} s; {peers}. Medians, and in brackets the least and the most.",
        "",
        *_bars(verdicts(results)),
    ]
    for row, by_name in results.rows.items():
        lines += ["", f"#### {row}", "", f"{_sentence(_ABOUT.get(row, ''))}", "", *_table(by_name)]
        lines += _notes(results.skipped.get(row, {}))
    for row in results.skipped.keys() - results.rows.keys():
        lines += ["", f"#### {row}", *_notes(results.skipped[row])]
    if results.idle:
        lines += ["", "#### idle connections", "", *_idle(results)]
    return "\n".join([*lines, *_notes(results.missing), ""])


def _bars(found: list[Verdict]) -> list[str]:
    lines = ["| row | bar | found | |", "|---|---|---|---|"]
    held = [one for one in found if one.ratios]
    for one in held:
        sign = "≤" if one.is_ceiling else "≥"
        unit = "" if one.bar.startswith("KB") else " \N{MULTIPLICATION SIGN}"
        spread = f"{one.ratio:.2f}{unit} ({min(one.ratios):.2f} to {max(one.ratios):.2f})"
        lines.append(f"| {one.row} | {one.bar} {sign} {one.limit:g}{unit} | {spread} | {one.word} |")
    missing = dict.fromkeys(one.row for one in found if not one.ratios)
    note = f"{len(found) - len(held)} of {len(found)} bars were not measured, those of: {'; '.join(missing)}."
    return [*(lines if held else []), *(["", note] if missing else [])]


def _table(by_name: dict[str, Runs]) -> list[str]:
    columns = ("server", "requests/s", "MB/s", "CPU s per 1,000", "CPU s per GB")
    paced = ("p50 ms at 70 %", "p99", "p99.9", "RSS MB", "limited by", "failed")
    lines = [f"| {' | '.join((*columns, *paced))} |", "|---" * len((*columns, *paced)) + "|"]
    for name, runs in by_name.items():
        limit = runs.limit
        times = [_percentile(runs.paced, percent) for percent in ("50", "99", "99.9")]
        cells = [
            name,
            _spread(limit, lambda run: run.requests_per_second),
            f"{_median(limit, lambda run: run.megabytes_per_second):,.0f}",
            f"{_median(limit, lambda run: run.cpu_seconds_per_1000):.3f}",
            f"{_median(limit, lambda run: run.cpu_seconds_per_gb):.3f}",
            *times,
            f"{_median(limit, lambda run: run.rss_mb):,.0f}",
            limited_by(limit),
            str(sum(run.failed for run in (*limit, *runs.paced))),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def limited_by(runs: list[Run]) -> str:
    """Which side had no processor time left, by what both have taken of theirs."""
    server = _median(runs, lambda run: run.server_share)
    load = _median(runs, lambda run: run.load_share)
    full = [name for name, share in (("server", server), ("load", load)) if share >= SATURATED]
    others = _median(runs, lambda run: run.foreign_share)
    disturbed = f", others {others:.0%}" if others >= DISTURBED / 2 else ""
    return f"{' and '.join(full) or 'neither'} ({server:.0%}, {load:.0%}{disturbed})"


def _idle(results: Results) -> list[str]:
    lines = ["| server | connections | RSS MB before | with them | KB each |", "|---|---|---|---|---|"]
    return lines + [
        f"| {name} | {one.connections:,} | {one.rss_before_mb:.0f} | {one.rss_mb:.0f} | {one.kb_each:.1f} |"
        for name, each in results.idle.items()
        for one in each
    ]


def _notes(reasons: dict[str, str]) -> list[str]:
    by_reason: dict[str, list[str]] = {}
    for name, why in reasons.items():
        by_reason.setdefault(why, []).append(name)
    notes = [f"Not measured: {', '.join(names)} ({why})." for why, names in by_reason.items()]
    return ["", *notes] if notes else []


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _median(runs: list[Run], figure: Callable[[Run], float]) -> float:
    return statistics.median(map(figure, runs)) if runs else 0.0


def _spread(runs: list[Run], figure: Callable[[Run], float]) -> str:
    figures = [figure(run) for run in runs]
    return f"{statistics.median(figures):,.0f} ({min(figures):,.0f} to {max(figures):,.0f})"


def _percentile(runs: list[Run], percent: str) -> str:
    return f"{_median(runs, lambda run: run.percentiles_ms[percent]):.2f}" if runs else ""


if __name__ == "__main__":
    raise SystemExit(main())
