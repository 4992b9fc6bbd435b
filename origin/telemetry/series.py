"""The declared metrics as series that count: in memory alone, or together with the other workers of a machine."""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import msgspec
from prometheus_client import Metric
from prometheus_client.registry import Collector

from origin.telemetry.cells import Cells, Doubles
from origin.telemetry.declarations import Across, Declaration, MetricType

Values = list[float]


class Counter:
    """One series that goes up. For one thread."""

    __slots__ = ("_at", "_cells")

    def __init__(self, cells: Doubles, at: int, declaration: Declaration) -> None:
        """The value is `cells[at]`."""
        del declaration
        self._cells = cells
        self._at = at

    def inc(self, amount: float = 1.0) -> None:
        """Count."""
        self._cells[self._at] += amount


class Gauge:
    """One series that is what it is now. For one thread."""

    __slots__ = ("_at", "_cells", "_is_dated")

    def __init__(self, cells: Doubles, at: int, declaration: Declaration) -> None:
        """The value is `cells[at]`; the next is when it was set, where that matters."""
        self._cells = cells
        self._at = at
        self._is_dated = declaration.across is Across.LATEST

    def set(self, value: float) -> None:
        """It is this from now on."""
        self._cells[self._at] = value
        if self._is_dated:
            self._cells[self._at + 1] = time.monotonic()  # one clock for all processes of a machine

    def inc(self) -> None:
        """One more."""
        self._cells[self._at] += 1.0

    def dec(self) -> None:
        """One less."""
        self._cells[self._at] -= 1.0


class Histogram:
    """One series of observations: a count for each bucket, the one without a bound too, and the sum. For one thread."""

    __slots__ = ("_at", "_bounds", "_cells", "_sum_at")

    def __init__(self, cells: Doubles, at: int, declaration: Declaration) -> None:
        """The counts begin at `cells[at]`."""
        self._cells = cells
        self._at = at
        self._bounds = declaration.buckets
        self._sum_at = at + len(self._bounds) + 1

    def observe(self, value: float) -> None:
        """Count one observation."""
        cells = self._cells
        cells[self._at + bisect_left(self._bounds, value)] += 1.0
        cells[self._sum_at] += value


S = TypeVar("S", Counter, Gauge, Histogram)


class Family(Generic[S]):
    """All series of one declared metric."""

    def __init__(self, make: Callable[[tuple[str, ...]], S], declaration: Declaration) -> None:
        """`make` gives a new series for its label values."""
        self._make: Callable[[tuple[str, ...]], S] = make
        self._labels = len(declaration.labels)
        self._series: dict[tuple[str, ...], S] = {}

    def labels(self, *values: str) -> S:
        """The series with these values, in the order of the declared labels; it is there from now on."""
        series = self._series.get(values)
        if series is None:
            if len(values) != self._labels:
                raise ValueError("not as many label values as are declared")
            series = self._series[values] = self._make(values)
        return series


@dataclass(frozen=True, slots=True)
class Counted:
    """What all processes that count together have counted."""

    ended: Mapping[bytes, Values] = field(default_factory=dict)  # by those that are no more, gauges left out
    live: Sequence[Mapping[bytes, Values]] = ()


class Source(Protocol):
    """Where series are kept, and where all are found."""

    cells: Cells

    def read(self) -> Counted:
        """Everything now, in any thread. Raises OSError."""
        ...


class OwnValues:
    """A `Source` of a process that counts alone."""

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self.cells = Cells()

    def read(self) -> Counted:
        """See `Source`."""
        return Counted(live=(dict(self.cells.records()),))


class Families(Collector):
    """The families that a process emits, and their collector."""

    def __init__(self, source: Source | None = None) -> None:
        """Without a source the process counts alone."""
        self._source: Source = source or OwnValues()
        self._declared: dict[str, Declaration] = {}

    def counter(self, declaration: Declaration) -> Family[Counter]:
        """A new family."""
        return self._family(declaration, Counter)

    def gauge(self, declaration: Declaration) -> Family[Gauge]:
        """A new family."""
        return self._family(declaration, Gauge)

    def histogram(self, declaration: Declaration) -> Family[Histogram]:
        """A new family."""
        return self._family(declaration, Histogram)

    def collect(self) -> Iterator[Metric]:
        """Every family with what all processes have counted; series of other versions' making are left out."""
        series: dict[str, dict[tuple[str, ...], Values]] = {name: {} for name in self._declared}
        for key, found in _merged(self._source.read(), self._declared):
            series[key.name][key.labels] = found
        for name, declaration in self._declared.items():
            yield _metric(declaration, series[name])

    def _family(self, declaration: Declaration, of: Callable[[Doubles, int, Declaration], S]) -> Family[S]:
        self._declared[declaration.name] = declaration

        def make(labels: tuple[str, ...]) -> S:
            key = Key(declaration.type, declaration.name, labels, _cells(declaration))
            return of(*self._source.cells.take(key.packed(), key.cells), declaration)

        return Family(make, declaration)


class Key(msgspec.Struct, frozen=True, array_like=True):
    """What a record's key says."""

    type: MetricType
    name: str
    labels: tuple[str, ...]
    cells: int  # how many values: a release that draws other buckets counts apart

    def packed(self) -> bytes:
        """The key in bytes; equal keys give equal ones."""
        return msgspec.json.encode(self)


_KEY = msgspec.json.Decoder(Key)
_GAUGE = Key(MetricType.GAUGE, "", (), 1).packed().partition(b",")[0]


def add_ended(ended: dict[bytes, Values], records: Iterable[tuple[bytes, Values]]) -> None:
    """Add what a process that is no more has counted. Its gauges are nothing any more."""
    for key, found in records:
        if not key.startswith(_GAUGE):
            known = ended.get(key)
            ended[key] = found if known is None else _sums((known, found))


def _cells(declaration: Declaration) -> int:
    match declaration.type:
        case MetricType.HISTOGRAM:
            return len(declaration.buckets) + 2
        case MetricType.GAUGE if declaration.across is Across.LATEST:
            return 2
        case _:
            return 1


def _merged(counted: Counted, declared: Mapping[str, Declaration]) -> Iterator[tuple[Key, Values]]:
    found: dict[bytes, list[Values]] = {}
    for one in (counted.ended, *counted.live):
        for packed, values in one.items():
            found.setdefault(packed, []).append(values)
    for packed, those in found.items():
        try:
            key = _KEY.decode(packed)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        declaration = declared.get(key.name)
        if declaration is not None and _fits(key, declaration):
            yield key, _ACROSS[declaration.across]([values for values in those if len(values) == key.cells])


def _fits(key: Key, declaration: Declaration) -> bool:
    wanted = (declaration.type, len(declaration.labels), _cells(declaration))
    return (key.type, len(key.labels), key.cells) == wanted


def _sums(those: Sequence[Values]) -> Values:
    return those[0] if len(those) == 1 else [math.fsum(column) for column in zip(*those, strict=True)]


def _most(those: Sequence[Values]) -> Values:
    """What is not known is the worst."""
    return max(those, key=lambda values: (math.isnan(values[0]), values[0]))


def _latest(those: Sequence[Values]) -> Values:
    return max(those, key=lambda values: values[1])


_ACROSS: Mapping[Across, Callable[[Sequence[Values]], Values]] = {
    Across.SUM: _sums,
    Across.MAX: _most,
    Across.LATEST: _latest,
}


def _metric(declaration: Declaration, series: Mapping[tuple[str, ...], Values]) -> Metric:
    metric = Metric(declaration.name.removesuffix("_total"), declaration.help, declaration.type.value)
    for labels, values in sorted(series.items()):
        named = dict(zip(declaration.labels, labels, strict=True))
        if declaration.type is MetricType.HISTOGRAM:
            _add_histogram(metric, declaration, named, values)
        else:
            metric.add_sample(declaration.name, named, values[0])
    return metric


def _add_histogram(metric: Metric, declaration: Declaration, named: dict[str, str], values: Values) -> None:
    total = 0.0
    for bound, count in zip((*map(str, declaration.buckets), "+Inf"), values[:-1], strict=True):
        total += count
        metric.add_sample(f"{declaration.name}_bucket", named | {"le": bound}, total)
    metric.add_sample(f"{declaration.name}_count", named, total)
    metric.add_sample(f"{declaration.name}_sum", named, values[-1])
