"""A track whose segments are called by their number or their time (SegmentTemplate, ISO/IEC 23009-1 §5.3.9)."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count as counting
from itertools import islice
from math import ceil, floor

from origin.manifests.courses import EDGE_SEGMENTS, Wanted, folder_of
from origin.manifests.markup import Element

_IDENTIFIER = re.compile(r"\$(Number|Time)(?:%0([0-9]{1,2})d)?\$")
_ANY_IDENTIFIER = re.compile(r"\$[A-Za-z][^$]*\$")
# Stands for the number while the reference is resolved: a character for private use, which is no name's own.
_MARK = "\ue000"
_WRITTEN_MARK = "%EE%80%80"
_MAX_WIDTH = 20


@dataclass(frozen=True, slots=True)
class Naming:
    """How a segment is called: `before`, the number or time in at least `width` digits, `behind`."""

    before: str
    behind: str
    width: int
    by_time: bool

    @classmethod
    def of(cls, template: str, locate: Callable[[str], tuple[str, ...]]) -> Naming | None:
        """From a template in which only `$Number$` or `$Time$` is left; None unless it stands there once."""
        found = list(_IDENTIFIER.finditer(template))
        if len(found) != 1 or int(found[0][2] or 1) > _MAX_WIDTH:
            return None
        start, end = found[0].span()
        before, behind = template[:start], template[end:]
        if _ANY_IDENTIFIER.search(before) or _ANY_IDENTIFIER.search(behind):
            return None
        names = locate((before + _WRITTEN_MARK + behind).replace("$$", "$"))
        pieces = names[0].replace(_WRITTEN_MARK, _MARK).split(_MARK) if names else []
        if len(pieces) != 2:
            return None
        return cls(pieces[0], pieces[1], max(1, int(found[0][2] or 1)), found[0][1] == "Time")

    def name(self, value: int) -> str:
        """The name of the segment with this number or time."""
        return f"{self.before}{value:0{self.width}d}{self.behind}"

    def value(self, name: str) -> int | None:
        """The number or time in a name; None when it is not one of these."""
        end = len(name) - len(self.behind)
        digits = name[len(self.before) : end]
        is_number = 0 < len(digits) <= _MAX_WIDTH and digits.isascii() and digits.isdigit()
        if not is_number or not name.startswith(self.before) or not name.endswith(self.behind):
            return None
        return int(digits) if self.name(int(digits)) == name else None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is known of segments that the MPD does not list one by one."""

    is_live: bool
    begins: float | None  # Unix seconds at which the Period's media begins to be available; None unless live
    length: float | None  # of the Period, seconds
    depth: float | None  # of the time-shift buffer, seconds
    timescale: int = 1
    offset: int = 0  # presentationTimeOffset, ticks

    def available(self, run: Run, now: float) -> int:
        """How many segments of an estimated run have ended at `now`."""
        ended = self._until(run, now)
        if run.count is None:
            return ended
        return run.count if not self.is_live else min(run.count, ended)

    def expired(self, run: Run, now: float) -> int:
        """How many segments of an estimated run have left the time-shift buffer."""
        return 0 if self.depth is None else self._until(run, now - self.depth)

    def _until(self, run: Run, moment: float) -> int:
        if self.begins is None:
            return 0
        ticks = (moment - self.begins) * self.timescale + self.offset - run.time
        return max(0, floor(ticks / run.duration))

    def count(self, time: int, duration: int) -> int | None:
        """How many segments there are from `time` to the Period's end; None when that is open."""
        if self.length is None:
            return None
        return max(0, ceil((self.length * self.timescale + self.offset - time) / duration - 1e-6))


@dataclass(frozen=True, slots=True)
class Run:
    """Segments of one duration, one behind the other. Times are ticks."""

    first: int  # how many segments stand before it
    time: int
    duration: int
    count: int | None  # None: nobody knows yet
    is_estimated: bool = False  # it tells how long segments are, not that they are there


class NumberedTrack:
    """A track by number or time."""

    def __init__(
        self, init: Wanted | None, naming: Naming, runs: Sequence[Run], estimate: Estimate, start_number: int
    ) -> None:
        """`runs` are in order, none is empty, and only the last one may be open or estimated."""
        self._init = init
        self._naming = naming
        self._runs = tuple(runs)
        self._estimate = estimate
        self._start_number = start_number

    @property
    def folders(self) -> frozenset[str]:
        """As `Track.folders`."""
        names = [self._naming.before, *([self._init.name] if self._init else [])]
        return frozenset(map(folder_of, names))

    @property
    def size(self) -> int:
        """As `Track.size`."""
        return 2 + len(self._runs)

    def after(self, wanted: Wanted, count: int, now: float) -> tuple[Wanted, ...] | None:
        """As `Track.after`."""
        if self._init is not None and wanted == self._init:
            first = max(0, self._available(now) - EDGE_SEGMENTS) if self._estimate.is_live else 0
        else:
            value = self._naming.value(wanted.name)
            index = None if value is None else self._index(value)
            if index is None:
                return None
            first = index + 1
        return tuple(self._wanted(each) for each in range(first, min(first + count, self._available(now))))

    def beginning(self, count: int, now: float) -> tuple[Wanted, ...]:
        """As `Track.beginning`."""
        inits = 0 if self._init is None else 1
        found = tuple(islice(self.all(now), inits + count))
        return found if len(found) > inits else ()

    def all(self, now: float) -> Iterator[Wanted]:
        """As `Track.all`, beginning where the time-shift buffer does."""
        if self._init is not None:
            yield self._init
        last = self._runs[-1]
        first = last.first + self._estimate.expired(last, now) if last.is_estimated and len(self._runs) == 1 else 0
        available = self._available(now)
        for index in counting(first):
            if index >= available:
                return
            yield self._wanted(index)

    def _available(self, now: float) -> int:
        last = self._runs[-1]
        if last.is_estimated:
            return last.first + self._estimate.available(last, now)
        return last.first + (last.count or 0)

    def _wanted(self, index: int) -> Wanted:
        if not self._naming.by_time:
            return Wanted(self._naming.name(self._start_number + index))
        run = self._runs[bisect_right(self._runs, index, key=lambda run: run.first) - 1]
        return Wanted(self._naming.name(run.time + (index - run.first) * run.duration))

    def _index(self, value: int) -> int | None:
        """How many segments stand before the one with this number or time; None when there is no such one."""
        if not self._naming.by_time:
            index = value - self._start_number
            last = self._runs[-1]
            is_there = index >= 0 and (last.count is None or index < last.first + last.count)
            return index if is_there else None
        at = bisect_right(self._runs, value, key=lambda run: run.time) - 1
        run = self._runs[at]
        steps, rest = divmod(value - run.time, run.duration)
        is_there = at >= 0 and rest == 0 and (run.count is None or steps < run.count)
        return run.first + steps if is_there else None


def runs_of(
    values: Mapping[str, str], steps: Sequence[Element] | None, estimate: Estimate, start_number: int
) -> tuple[Run, ...]:
    """The runs of a SegmentTemplate with these attributes and the `S` elements of its timeline, if it has one.

    Empty where they make no sense: times that go back, no durations.
    """
    if steps is None:
        duration = _ticks(values.get("duration"))
        if not duration:
            return ()
        count = estimate.count(estimate.offset, duration)
        end = _ticks(values.get("endNumber"))
        if end is not None:
            numbered = max(0, end - start_number + 1)
            count = numbered if count is None else min(count, numbered)
        is_endless = count is None and estimate.begins is None
        return () if is_endless or count == 0 else (Run(0, estimate.offset, duration, count, is_estimated=True),)
    return _timeline(steps, estimate)


def _timeline(steps: Sequence[Element], estimate: Estimate) -> tuple[Run, ...]:
    runs: list[Run] = []
    time = first = least = 0  # a last segment may be shorter than its run says, so the next run may begin in it
    for at, step in enumerate(steps):
        begin, duration = _ticks(step.value("t")), _ticks(step.value("d"))
        if not duration or (begin is not None and begin < least):
            return ()
        time = time if begin is None else begin
        following = steps[at + 1].value("t") if at + 1 < len(steps) else None
        count, is_open = _repeats(step, time, duration, following, estimate)
        if count == 0 or (count is None and estimate.begins is None):
            break
        runs.append(Run(first, time, duration, count, is_estimated=is_open))
        if count is None:
            break
        first, time = first + count, time + count * duration
        least = time - duration + 1
    # An estimated run is the last one: with a known successor it has been listed.
    return tuple(runs)


def _repeats(
    step: Element, time: int, duration: int, following: str | None, estimate: Estimate
) -> tuple[int | None, bool]:
    """How many segments an S stands for, and whether they go on to the Period's end (`@r` is negative)."""
    repeats = step.value("r") or "0"
    if not repeats.startswith("-"):
        return (_ticks(repeats) or 0) + 1, False
    until = _ticks(following)
    if until is not None:
        return max(0, -((time - until) // duration)), False
    return estimate.count(time, duration), True


def _ticks(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,18}", text) else None
