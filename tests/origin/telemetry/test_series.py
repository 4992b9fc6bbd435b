"""Series count, and what several processes counted becomes one exposition."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from origin.telemetry.cells import Cells
from origin.telemetry.declarations import Across, Declaration, MetricType
from origin.telemetry.series import Counted, Families, Key, Values, add_ended

THINGS = Declaration("things_total", MetricType.COUNTER, "Things.", ("kind",))
NOW = Declaration("now", MetricType.GAUGE, "Now.")
WORST = replace(NOW, name="worst", across=Across.MAX)
LAST = replace(NOW, name="last", across=Across.LATEST)
TIMES = Declaration("times_seconds", MetricType.HISTOGRAM, "Times.", (), (0.5, 1.0))


class Process:
    """One of several that count into memory of their own and see what all have."""

    def __init__(self, others: tuple[Process, ...] = (), *, things: Declaration = THINGS) -> None:
        self.cells = Cells()
        self.others = others
        self.ended: dict[bytes, Values] = {}
        self.families = Families(self)
        self.things = self.families.counter(things)
        self.now, self.worst, self.last = (self.families.gauge(each).labels() for each in (NOW, WORST, LAST))
        self.times = self.families.histogram(TIMES).labels()
        self.registry = CollectorRegistry()
        self.registry.register(self.families)

    def read(self) -> Counted:
        """Everything."""
        return Counted(self.ended, [dict(each.cells.records()) for each in (self, *self.others)])

    def end(self, process: Process) -> None:
        """That process is no more."""
        self.others = tuple(each for each in self.others if each is not process)
        add_ended(self.ended, process.cells.records())

    def value(self, name: str, **labels: str) -> float | None:
        """A sample."""
        return self.registry.get_sample_value(name, labels)


@given(st.lists(st.floats(0, 3), max_size=20))
def test_a_histogram_counts_like_its_definition(observed: list[float]) -> None:
    process = Process()
    for each in observed:
        process.times.observe(each)
    for bound in (0.5, 1.0, math.inf):
        name = "+Inf" if bound == math.inf else str(bound)
        assert process.value("times_seconds_bucket", le=name) == sum(each <= bound for each in observed)
    assert process.value("times_seconds_count") == len(observed)
    assert process.value("times_seconds_sum") == pytest.approx(sum(observed))


def test_series_are_there_from_their_first_mention() -> None:
    process = Process()
    assert process.value("things_total", kind="a") is None
    assert process.things.labels("a") is process.things.labels("a")
    assert process.value("things_total", kind="a") == 0
    with pytest.raises(ValueError, match="label values"):
        process.things.labels("a", "b")


def test_counters_and_histograms_add_up_over_those_that_ended() -> None:
    one, two = Process(), Process()
    asked = Process((one, two))
    for number, process in enumerate((asked, one, two)):
        process.things.labels("a").inc(number + 1)
        process.things.labels(f"only {number}").inc()
        process.times.observe(0.7)
    for _ in range(2):
        assert asked.value("things_total", kind="a") == 6
        assert [asked.value("things_total", kind=f"only {number}") for number in range(3)] == [1, 1, 1]
        assert asked.value("times_seconds_bucket", le="1.0") == 3
        assert asked.value("times_seconds_sum") == pytest.approx(2.1)
        for process in asked.others:
            asked.end(process)


def test_each_gauge_has_its_meaning_and_ends_with_its_process() -> None:
    one, two = Process(), Process()
    asked = Process((one, two))
    for value, process in ((5, two), (3, one), (4, asked)):
        process.now.set(value)
        process.worst.set(value)
        process.last.set(value)
    assert [asked.value(name) for name in ("now", "worst", "last")] == [12, 5, 4]
    one.last.set(3)
    one.now.inc()
    two.now.dec()
    assert [asked.value(name) for name in ("now", "worst", "last")] == [12, 5, 3]
    two.worst.set(math.nan)
    assert math.isnan(asked.value("worst") or 0)
    asked.end(two)
    asked.end(one)
    assert [asked.value(name) for name in ("now", "worst", "last")] == [4, 4, 4]


def test_what_another_release_counts_is_kept_apart() -> None:
    other = Process(things=replace(THINGS, labels=("kind", "more")))
    asked = Process((other,))
    other.things.labels("a", "b").inc()
    for key in (b"", b"[]", b"\xff", b'["counter","things_total",["a"],2]', b'["gauge","things_total",["a"],1]'):
        other.cells.take(key, 1)
    other.cells.take(Key(MetricType.COUNTER, "things_total", ("a",), 1).packed(), 3)  # not as many as it says
    other.cells.take(Key(MetricType.COUNTER, "things_total", ("b",), 1).packed(), 1)
    asked.things.labels("a").inc()
    things = next(metric for metric in asked.families.collect() if metric.name == "things")
    assert {sample.labels["kind"]: sample.value for sample in things.samples} == {"a": 1, "b": 0}
    asked.end(other)
    assert asked.value("things_total", kind="a") == 1
