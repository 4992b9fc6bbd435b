"""The bars: what Headgate is held to beside its peers, as ratios within one run."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.load.contenders import FILE_RESPONSE, HEADGATE, NGINX, PYTHONS, STARLETTE
from benchmarks.load.results import Results, Run

Figure = Callable[[Run], float]
SEGMENTS = ("200 KB segment", "1 MB segment", "4 MB segment")
BODIES = (*SEGMENTS, "64 KB range of 100 MB", "mix", "cold library")
IDLE_KB = 12.0
NOISE = 0.1  # a miss by less than this may be chance


def rate(run: Run) -> float:
    """Requests a second."""
    return run.requests_per_second


def cpu_per_gb(run: Run) -> float:
    """Processor seconds of the server a gigabyte."""
    return run.cpu_seconds_per_gb


def p99(run: Run) -> float:
    """Milliseconds within which 99 of 100 are answered."""
    return run.percentiles_ms["99"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One bar, held against one run of the table."""

    row: str
    bar: str
    ratios: tuple[float, ...]  # of neighbouring runs; empty where one of both was not measured
    limit: float
    is_ceiling: bool

    @property
    def ratio(self) -> float:
        """The median of the ratios of neighbouring runs."""
        return statistics.median(self.ratios)

    @property
    def word(self) -> str:
        """`met`, `missed`, or `within noise` of it."""
        if not self.ratios:
            return "not measured"
        miss = self.ratio / self.limit - 1 if self.is_ceiling else 1 - self.ratio / self.limit
        return "met" if miss <= 0 else "within noise" if miss < NOISE else "missed"


def verdicts(results: Results) -> list[Verdict]:
    """Every bar, in the order of the table."""
    return list(_verdicts(results))


def _verdicts(results: Results) -> Iterator[Verdict]:
    playlist = "signed playlist"
    yield _against(results, playlist, NGINX, rate, 1.2)
    for row in SEGMENTS:
        yield _against(results, row, NGINX, rate, 1.0)
    for row in BODIES:
        yield _against(results, row, NGINX, cpu_per_gb, 1.1, "processor time a GB", is_ceiling=True)
    yield _against(results, "mix", NGINX, rate, 1.0)
    yield _against(results, "mix", NGINX, p99, 1.2, "p99 at 70 % load", is_ceiling=True, paced=True)
    yield _against(results, playlist, STARLETTE, rate, 20.0)
    yield _against(results, playlist, FILE_RESPONSE, rate, 8.0)
    for row, by_name in results.rows.items():
        if best := _best(results, row, [name for name in PYTHONS if name in by_name]):
            yield _against(results, row, best, rate, 1.0, f"requests/s beside the best Python peer, {best}")
    held = tuple(idle.kb_each for idle in results.idle.get(HEADGATE, []))
    yield Verdict("idle connections", "KB of memory each", held, IDLE_KB, is_ceiling=True)


def _against(
    results: Results,
    row: str,
    peer: str,
    figure: Figure,
    limit: float,
    what: str = "",
    *,
    is_ceiling: bool = False,
    paced: bool = False,
) -> Verdict:
    runs = results.rows.get(row, {})
    ours, theirs = runs.get(HEADGATE), runs.get(peer)
    ratios: tuple[float, ...] = ()
    if ours and theirs:
        pairs = zip(ours.paced, theirs.paced, strict=False) if paced else zip(ours.limit, theirs.limit, strict=False)
        ratios = tuple(figure(one) / max(figure(other), 1e-9) for one, other in pairs)
    return Verdict(row, what if peer in what else f"{what or 'requests/s'} beside {peer}", ratios, limit, is_ceiling)


def _best(results: Results, row: str, names: list[str]) -> str | None:
    medians = {name: statistics.median(map(rate, runs)) for name in names if (runs := results.rows[row][name].limit)}
    return max(medians, key=lambda name: medians[name], default=None)
