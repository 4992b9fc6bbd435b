"""Measuring: all contenders of a row run at once, one of them is asked at a time, and they take turns."""

from __future__ import annotations

import os
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.load.contenders import Contender, Paced, Start
from benchmarks.load.fixtures import PLAYLIST_SEGMENTS, Fixtures
from benchmarks.load.library import evict_library
from benchmarks.load.loader import Asking, Loader
from benchmarks.load.results import Idle, Results, Run, Runs, run_of
from benchmarks.load.rows import PLAYLIST, Row, Site
from benchmarks.running import cpu_seconds, free_port, resident_megabytes, running

PACE = 0.7  # of what a server can do: where latencies are taken
_WARM_SECONDS = 0.3
DISTURBED = 0.1  # the share of the processors from which on others have had a say


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


@dataclass(slots=True)
class Running:
    """A started contender."""

    contender: Contender
    start: Start
    pid: int
    behind: int | None  # process behind it
    requests: dict[str, Path] = field(default_factory=dict)  # by row


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
        self._results.skipped.setdefault(row.name, {})[contender.name] = why
        say(f"{row.name:28} {contender.name:28} skipped: {why}")

    def _measure_site(self, site: Site, contenders: Sequence[Contender], rows: Sequence[Row]) -> None:
        cpus = processors(site)
        loader = Loader(self._fixtures.root, cpus.load)
        with ExitStack() as stack:
            started = [stack.enter_context(self._started(one, site, cpus)) for one in contenders]
            for row in rows:
                if site is Site.TLS and not loader.speaks_tls:
                    self._results.skipped[row.name] = dict.fromkeys(
                        (one.name for one in contenders), "no TLS in the load"
                    )
                    continue
                taking_part = [one for one in started if self._takes_part(one, row)]
                self._measure_row(row, taking_part, loader, cpus)

    def _takes_part(self, one: Running, row: Row) -> bool:
        if why := one.contender.skips(row):
            self._skip(row, one.contender, why)
            return False
        one.requests[row.name] = prepare(one, row)
        return True

    def _measure_row(self, row: Row, started: Sequence[Running], loader: Loader, cpus: Processors) -> None:
        found = self._results.rows.setdefault(row.name, {one.contender.name: Runs() for one in started})
        for number in range(self._plan.rounds):
            for one in started:
                runs = found[one.contender.name]
                runs.limit.append(self._run(row, one, loader, cpus, 0))
                say(_line(number + 1, row, one, runs.limit[-1]))
                paced = one.contender.paced
                if paced is Paced.ALWAYS or (paced is Paced.ONCE and number == 0 and self._plan.paces_all):
                    rate = max(runs.limit[-1].requests_per_second * PACE, 1)
                    runs.paced.append(self._run(row, one, loader, cpus, rate))

    def _run(self, row: Row, one: Running, loader: Loader, cpus: Processors, rate: float) -> Run:
        run = self._once(row, one, loader, cpus, rate)
        if run.foreign_share > DISTURBED and self._again > 0:
            self._again -= 1
            say(f"{'':9}disturbed by {run.foreign_share:.0%}, once more")
            second = self._once(row, one, loader, cpus, rate)
            run = min(run, second, key=lambda either: either.foreign_share)
        return run

    def _once(self, row: Row, one: Running, loader: Loader, cpus: Processors, rate: float) -> Run:
        if row.evicts:
            evict_library(self._fixtures.media)
        asking = Asking(
            one.requests[row.name],
            self._plan.seconds,
            warmup=self._warmup(row, one.contender, rate),
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
        cpus = processors(Site.PLAIN)
        loader = Loader(self._fixtures.root, cpus.load)
        for contender in contenders:
            if contender.skips(row):
                continue
            with self._started(contender, Site.PLAIN, cpus) as one:
                requests = prepare(one, row)
                loader.run(Asking(requests, 0.5), one.start.port, one.pid, cpus.server)
                before = resident_megabytes(one.pid)
                asking = Asking(requests, 60, connections=self._plan.idle_connections)
                with loader.holding(asking, one.start.port) as held:
                    idle = Idle(held, before, resident_megabytes(one.pid))
            self._results.idle.setdefault(contender.name, []).append(idle)
            say(f"{'idle connections':28} {contender.name:28} {held:,} of {idle.kb_each:.1f} KB")

    @contextmanager
    def _started(self, contender: Contender, site: Site, cpus: Processors) -> Iterator[Running]:
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
            yield Running(contender, start, pid, behind)


def prepare(one: Running, row: Row) -> Path:
    """The file of requests; one answer is looked at first: a row that measures error pages measures nothing."""
    link = one.contender.signed if row.signed else one.contender.unsigned
    targets = [link(viewer, path) for viewer, path in row.asks()]
    fields = dict([row.header] if row.header else [])
    if row.revalidates:
        fields["If-None-Match"] = _ask(one, targets[0], {}).headers["ETag"]
    _check(one, row, targets[0], fields)
    more = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    authority = f"127.0.0.1:{one.start.port}"
    file = one.start.workdir / f"requests {row.name}.txt"
    file.write_text(
        "".join(f"GET {target} HTTP/1.1\r\nHost: {authority}\r\n{more}\r\n" for target in targets), newline=""
    )
    return file


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def _ask(one: Running, target: str, fields: dict[str, str]) -> _Answer:
    scheme = "https" if one.start.site is Site.TLS else "http"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it signed itself a minute ago
    request = urllib.request.Request(f"{scheme}://127.0.0.1:{one.start.port}{target}", headers=fields)
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return _Answer(answer.status, dict(answer.headers), answer.read())
    except urllib.error.HTTPError as error:  # 304 among them
        with error:
            return _Answer(error.code, dict(error.headers), error.read())


def _check(one: Running, row: Row, target: str, fields: dict[str, str]) -> None:
    answer = _ask(one, target, fields)
    if answer.status != row.status or row.body_bytes not in {None, len(answer.body)}:
        raise RuntimeError(f"{one.contender.name}, {row.name}: {answer.status} with {len(answer.body)} bytes")
    if row.signed and PLAYLIST in target and one.contender.rewrites:
        query = target.partition("?")[2].encode()
        if answer.body.count(query) <= PLAYLIST_SEGMENTS:
            raise RuntimeError(f"{one.contender.name}: the playlist does not carry the viewer's token")


def _line(number: int, row: Row, one: Running, run: Run) -> str:
    return (
        f"round {number}  {row.name:28} {one.contender.name:28} {run.requests_per_second:9,.0f}/s"
        f"  server {run.server_share:4.0%}  load {run.load_share:4.0%}  failed {run.failed}"
    )


def say(line: str) -> None:
    """Progress goes to standard error, the table to standard output."""
    sys.stderr.write(f"{line}\n")
