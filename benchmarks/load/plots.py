"""Plots of a run: what each server needed and reached, row by row."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.load.bars import cpu_per_gb, rate
from benchmarks.load.contenders import HEADGATE, NGINX
from benchmarks.load.results import Results, Run

_OURS, _NGINX, _OTHERS = "#0b7285", "#5c940d", "#adb5bd"


def draw(results: Results, folder: Path) -> list[Path]:
    """A picture of rates, one of processor time and one of latencies; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        _bars(results, rate, "requests a second", folder / "load-requests.png"),
        _bars(results, cpu_per_gb, "processor seconds a GB", folder / "load-processor.png"),
        _latencies(results, folder / "load-latency.png"),
    ]


def _bars(results: Results, figure: Callable[[Run], float], title: str, out: Path) -> Path:
    rows = {name: found for name, found in results.rows.items() if any(runs.limit for runs in found.values())}
    columns = 2
    height = -(-len(rows) // columns)
    canvas = Figure(figsize=(12, 2.6 * height))
    grid = canvas.subplots(height, columns, squeeze=False)
    for panel in grid.flat[len(rows) :]:
        panel.axis("off")
    for panel, (row, found) in zip(grid.flat, rows.items(), strict=False):
        runs = {name: each.limit for name, each in found.items() if each.limit}
        names = list(runs)[::-1]
        middle = [statistics.median(map(figure, runs[name])) for name in names]
        spread = [
            [value - min(map(figure, runs[name])) for name, value in zip(names, middle, strict=True)],
            [max(map(figure, runs[name])) - value for name, value in zip(names, middle, strict=True)],
        ]
        panel.barh(names, middle, xerr=spread, color=[_colour(name) for name in names], ecolor="#495057", capsize=2)
        panel.set_title(row, fontsize=10)
        panel.tick_params(labelsize=8)
    canvas.suptitle(f"{title}; medians, least and most")
    return _saved(canvas, out)


def _latencies(results: Results, out: Path) -> Path:
    rows = {name: found for name, found in results.rows.items() if any(runs.paced for runs in found.values())}
    columns = 2
    height = -(-len(rows) // columns)
    canvas = Figure(figsize=(12, 2.6 * height))
    grid = canvas.subplots(height, columns, squeeze=False)
    for panel in grid.flat[len(rows) :]:
        panel.axis("off")
    for panel, (row, found) in zip(grid.flat, rows.items(), strict=False):
        for name, runs in found.items():
            if runs.paced:
                percents = list(runs.paced[0].percentiles_ms)
                times = [statistics.median(run.percentiles_ms[one] for run in runs.paced) for one in percents]
                panel.plot(percents, times, label=name, color=_colour(name), marker=".", linewidth=1)
        panel.set_yscale("log")
        panel.set_title(f"{row}: ms within which so many of 100 are answered", fontsize=9)
        panel.tick_params(labelsize=8)
        panel.legend(fontsize=6)
    canvas.suptitle("latency at 70 % of what each can do, from the intended start of each request")
    return _saved(canvas, out)


def _colour(name: str) -> str:
    return _OURS if name.startswith(HEADGATE) else _NGINX if name == NGINX else _OTHERS


def _saved(canvas: Figure, out: Path) -> Path:
    canvas.tight_layout()
    canvas.savefig(out, dpi=80)
    return out
