"""Measuring: all contenders of a row run at once, one of them is asked at a time, and they take turns."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product

from benchmarks.load.contenders import Contender, Paced, Start
from benchmarks.load.fixtures import Fixtures
from benchmarks.load.library import evict_library
from benchmarks.load.loader import Asking, Loader
from benchmarks.load.results import DISTURBED, Idle, Results, Run, Runs, run_of
from benchmarks.load.rows import Row, Site
from benchmarks.load.started import Started
from benchmarks.running import cpu_seconds, free_port, resident_megabytes, running

PACE = 0.7  # of what a server can do: where latencies are taken
_WARM_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int
    seconds: float
    paces_all: bool  # also those whose latencies are taken once
    warmup: float  # seconds at most, before each run at the limit
    again: int  # disturbed runs that are repeated, in all
    idle_connections: int


@dataclass(frozen=True, slots=True)
class Processors:
    """Who runs where. With two processors in all, two workers share one with the load."""

    server: tuple[int, ...]
    load: tuple[int, ...]


def processors(site: Site) -> Processors:
    """The first for the server, the next for the load."""
    here = sorted(os.sched_getaffinity(0))
    first, second, third = here[0], here[min(1, len(here) - 1)], here[min(2, len(here) - 1)]
    return Processors((first, second), (third,)) if site is Site.WORKERS else Processors((first,), (second,))


class Bench:
    """One run of the whole table."""

    def __init__(self, fixtures: Fixtures, plan: Plan, results: Results) -> None:
        self._fixtures = fixtures
        self._plan = plan
        self._results = results
        self._again = plan.again

    def measure(self, contenders: Sequence[Contender], rows: Sequence[Row]) -> None:
        """Every row; what takes no part is noted with a word."""
        for site in Site:
            here = [row for row in rows if row.site is site]
            if here:
                self._measure_site(site, [one for one in contenders if self._can(one, site, here)], here)

    def _can(self, contender: Contender, site: Site, rows: Sequence[Row]) -> bool:
        why = contender.lacks(site)
        for row in rows if why else ():
            self._skip(row, contender, why)
        return not why

    def _skip(self, row: Row, contender: Contender, why: str) -> None:
        self._results.skipped.setdefault(row.name, {})[contender.name] = why.partition("\n")[0]
        say(f"{row.name:28} {contender.name:28} skipped: {why}")

    def _measure_site(self, site: Site, contenders: Sequence[Contender], rows: Sequence[Row]) -> None:
        cpus = processors(site)
        loader = Loader(self._fixtures.root, cpus.load)
        if site is Site.TLS and not loader.speaks_tls:
            for row, one in product(rows, contenders):
                self._skip(row, one, "no OpenSSL headers here to build the load with")
            return
        with ExitStack() as stack:
            started = []
            for one in contenders:
                try:
                    started.append(stack.enter_context(self._started(one, site, cpus)))
                except RuntimeError as error:
                    for row in rows:
                        self._skip(row, one, str(error))
            for row in rows:
                self._measure_row(row, [one for one in started if self._takes_part(one, row)], loader, cpus)

    def _takes_part(self, one: Started, row: Row) -> bool:
        why = one.contender.skips(row)
        if not why:
            try:
                one.write_requests(row)
            except (RuntimeError, OSError) as error:
                why = str(error)
        if why:
            self._skip(row, one.contender, why)
        return not why

    def _measure_row(self, row: Row, started: Sequence[Started], loader: Loader, cpus: Processors) -> None:
        found = self._results.rows.setdefault(row.name, {one.contender.name: Runs() for one in started})
        for number, one in product(range(self._plan.rounds), started):
            if one.contender.name in self._results.skipped.get(row.name, {}):
                continue
            try:
                self._measure_round(number, row, one, loader, cpus, found[one.contender.name])
            except RuntimeError as error:
                self._skip(row, one.contender, str(error))

    def _measure_round(self, number: int, row: Row, one: Started, loader: Loader, cpus: Processors, runs: Runs) -> None:
        run = self._run(row, one, loader, cpus, 0)
        runs.limit.append(run)
        say(_line(number + 1, row, one, run))
        paced = one.contender.paced
        if paced is Paced.ALWAYS or (paced is Paced.ONCE and number == 0 and self._plan.paces_all):
            runs.paced.append(self._run(row, one, loader, cpus, max(run.requests_per_second * PACE, 1)))

    def _run(self, row: Row, one: Started, loader: Loader, cpus: Processors, rate: float) -> Run:
        run = self._once(row, one, loader, cpus, rate)
        if run.foreign_share > DISTURBED and self._again > 0:
            self._again -= 1
            say(f"{'':9}disturbed by {run.foreign_share:.0%}, once more")
            second = self._once(row, one, loader, cpus, rate)
            run = min(run, second, key=lambda either: either.foreign_share)
        return run

    def _once(self, row: Row, one: Started, loader: Loader, cpus: Processors, rate: float) -> Run:
        if row.evicts:
            evict_library(self._fixtures.media)
        asking = Asking(
            one.requests[row.name],
            self._plan.seconds,
            warmup=self._warmup(row, one.contender, rate),
            warm=row.warm,
            connections=row.connections if not rate else max(row.connections, 256),
            inflight=0 if rate else row.inflight,
            rate=rate,
            status=row.status,
            tls=row.site is Site.TLS,
        )
        behind = cpu_seconds(one.behind) if one.behind else 0.0
        measured = loader.run(asking, one.start.port, one.pid, sorted({*cpus.server, *cpus.load}))
        return run_of(
            measured,
            server_cpus=len(cpus.server),
            load_cpus=len(cpus.load),
            behind_cpu=cpu_seconds(one.behind) - behind if one.behind else 0.0,
            rss_mb=resident_megabytes(one.pid),
            rate=rate,
        )

    def _warmup(self, row: Row, contender: Contender, rate: float) -> float:
        """Every token is seen before anybody is timed; a library that is warm by then is not cold any more."""
        if row.evicts:
            return 0
        return self._plan.warmup if contender.remembers and not rate else min(self._plan.warmup, _WARM_SECONDS)

    def measure_idle(self, contenders: Sequence[Contender], row: Row) -> None:
        """What each open connection costs that nobody uses; every server is young, with a heap of its own."""
        for contender in contenders:
            if contender.paced is Paced.NEVER:
                continue
            try:
                idle = self._idle(contender, row)
            except RuntimeError as error:
                self._results.missing[f"{contender.name} with idle connections"] = str(error)
                continue
            self._results.idle.setdefault(contender.name, []).append(idle)
            say(f"{'idle connections':28} {contender.name:28} {idle.connections:,} of {idle.kb_each:.1f} KB")

    def _idle(self, contender: Contender, row: Row) -> Idle:
        cpus = processors(Site.PLAIN)
        loader = Loader(self._fixtures.root, cpus.load)
        with self._started(contender, Site.PLAIN, cpus) as one:
            one.write_requests(row)
            requests, port = one.requests[row.name], one.start.port
            loader.run(Asking(requests, 0.5), port, one.pid, cpus.server)
            before = resident_megabytes(one.pid)
            with loader.holding(Asking(requests, 60, connections=self._plan.idle_connections), port) as held:
                return Idle(held, before, resident_megabytes(one.pid))

    @contextmanager
    def _started(self, contender: Contender, site: Site, cpus: Processors) -> Iterator[Started]:
        name = "".join(letter if letter.isalnum() else "-" for letter in f"{contender.name} {site.value}")
        start = Start(free_port(), free_port(), self._fixtures.root / name, site)
        start.workdir.mkdir(exist_ok=True)
        with ExitStack() as stack:
            behind = None
            if contender.behind:
                command = contender.behind(start)
                behind = stack.enter_context(running(command, start.behind, cpus=cpus.load, workdir=start.workdir))
            command = contender.command(start)
            pid = stack.enter_context(running(command, start.port, cpus=cpus.server, workdir=start.workdir))
            yield Started(contender, start, pid, behind)


def _line(number: int, row: Row, one: Started, run: Run) -> str:
    return (
        f"round {number}  {row.name:28} {one.contender.name:28} {run.requests_per_second:9,.0f}/s"
        f"  server {run.server_share:4.0%}  load {run.load_share:4.0%}  failed {run.failed}"
    )


def say(line: str) -> None:
    """Progress goes to standard error, the table to standard output."""
    sys.stderr.write(f"{line}\n")
