"""Plots of a run: what each server reached, needed and made its viewers wait, row by row."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.load.bars import cpu_per_gb, rate
from benchmarks.load.contenders import HEADGATE, LANE_OFF, NGINX, NJS, PYTHONS, SENDFILE, VARNISH, WRITE
from benchmarks.load.report import PLOTS
from benchmarks.load.results import Results, Run, Runs
from benchmarks.load.rows import ROWS

_COLOURS = {
    HEADGATE: "#0b7285",
    LANE_OFF: "#66d9e8",
    NGINX: "#2b8a3e",
    NJS: "#8ce99a",
    VARNISH: "#e8590c",
    **dict(zip(PYTHONS, ("#364fc7", "#91a7ff", "#862e9c", "#e599f7"), strict=True)),
    SENDFILE: "#868e96",
    WRITE: "#ced4da",
}
_COLUMNS = 2
_SEGMENTS = {row.name for row in ROWS if row.is_segment}

Panel = Callable[[Axes, str, dict[str, Runs]], None]


def draw(results: Results, folder: Path) -> list[Path]:
    """A picture of rates, one of processor time and one of latencies; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    measured = {row: {name: runs for name, runs in by.items() if runs.limit} for row, by in results.rows.items()}
    paced = {row: {name: runs for name, runs in by.items() if runs.paced} for row, by in results.rows.items()}
    requests, processor, latency = (folder / name for name in PLOTS)
    waiting = "ms within which so many of 100 are answered, at 70 % of what each server can do"
    return [
        _picture(measured, _rates, "requests a second (median, least and most)", requests),
        _picture(measured, _processor, "processor time (median, least and most)", processor),
        _picture(paced, _latencies, waiting, latency),
    ]


def _picture(rows: dict[str, dict[str, Runs]], panel: Panel, title: str, out: Path) -> Path:
    shown = {row: found for row, found in rows.items() if found}
    height = max(1, -(-len(shown) // _COLUMNS))
    canvas = Figure(figsize=(12, 2.8 * height + 0.5), layout="constrained")
    canvas.suptitle(title)
    panels = list(canvas.subplots(height, _COLUMNS, squeeze=False).flat)
    for axes in panels[len(shown) :]:
        axes.axis("off")
    for axes, (row, found) in zip(panels, shown.items(), strict=False):
        axes.set_title(row, fontsize=10)
        axes.tick_params(labelsize=8)
        panel(axes, row, found)
    canvas.savefig(out, dpi=80)
    return out


def _rates(axes: Axes, _row: str, found: dict[str, Runs]) -> None:
    _bars(axes, {name: [rate(run) for run in runs.limit] for name, runs in found.items()})


def _processor(axes: Axes, row: str, found: dict[str, Runs]) -> None:
    is_segment = row in _SEGMENTS
    figure = cpu_per_gb if is_segment else _microseconds
    axes.set_title(f"{row}: {'seconds a GB' if is_segment else 'µs a request'}", fontsize=10)
    _bars(axes, {name: [figure(run) for run in runs.limit] for name, runs in found.items()})


def _microseconds(run: Run) -> float:
    return run.cpu_seconds_per_1000 * 1000


def _bars(axes: Axes, figures: dict[str, list[float]]) -> None:
    names = list(figures)[::-1]  # the first at the top
    middle = [statistics.median(figures[name]) for name in names]
    below = [value - min(figures[name]) for name, value in zip(names, middle, strict=True)]
    above = [max(figures[name]) - value for name, value in zip(names, middle, strict=True)]
    axes.barh(names, middle, xerr=[below, above], color=_colours(names), ecolor="#212529", capsize=2)


def _latencies(axes: Axes, _row: str, found: dict[str, Runs]) -> None:
    for name, runs in found.items():
        percents = list(runs.paced[0].percentiles_ms)
        times = [statistics.median(run.percentiles_ms[one] for run in runs.paced) for one in percents]
        (colour,) = _colours([name])
        axes.plot(percents, times, label=name, color=colour, marker=".", linewidth=1.5)
    axes.set_yscale("log")
    axes.legend(fontsize=6, loc="center left", bbox_to_anchor=(1, 0.5))


def _colours(names: Iterable[str]) -> list[str]:
    return [_COLOURS.get(name, "black") for name in names]
