"""Segments that are called by number or time."""

from __future__ import annotations

import pytest

from origin.manifests.courses import Wanted
from origin.manifests.numbered import Estimate, Naming, NumberedTrack, Run


def located(reference: str) -> tuple[str, ...]:
    return (f"film/{reference}",)


def naming(template: str) -> Naming:
    found = Naming.of(template, located)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("template", "value", "name"),
    [
        ("$Number$.m4s", 7, "film/7.m4s"),
        ("v-$Number%05d$.m4s", 7, "film/v-00007.m4s"),
        ("v-$Number%02d$.m4s", 12345, "film/v-12345.m4s"),
        ("$Time$/a", 0, "film/0/a"),
        ("$$$Number$$$0", 7, "film/$7$0"),
        ("$Number$0.m4s", 7, "film/70.m4s"),
    ],
)
def test_a_name_and_back(template: str, value: int, name: str) -> None:
    assert naming(template).name(value) == name
    assert naming(template).value(name) == value


@pytest.mark.parametrize(
    "name", ["film/v-7.m4s", "film/v-000007.m4s", "film/v-00007.mp4", "v-00007.m4s", "film/v-.m4s", "film/v-0000٣.m4s"]
)
def test_names_of_others(name: str) -> None:
    assert naming("v-$Number%05d$.m4s").value(name) is None


@pytest.mark.parametrize(
    "template",
    [
        "a.m4s",
        "$Number$/$Number$",
        "$Number$-$Time$",
        "$SubNumber$-$Number$",
        "$Number%99d$",
        "$Number%5d$",
        "$Number$$X$",
    ],
)
def test_templates_that_are_not_followed(template: str) -> None:
    assert Naming.of(template, located) is None


def test_nothing_is_found_where_nothing_is_located() -> None:
    assert Naming.of("$Number$", lambda _: ()) is None


ON_DEMAND = Estimate(is_live=False, begins=None, length=None, depth=None)


def names(track: NumberedTrack, name: str, count: int = 2, now: float = 0.0) -> list[str] | None:
    found = track.after(Wanted(name), count, now)
    return None if found is None else [wanted.name for wanted in found]


def test_runs_by_time() -> None:
    runs = [Run(0, 0, 10, 2), Run(2, 30, 5, 2)]  # a gap from 20 to 30
    track = NumberedTrack(None, naming("$Time$"), runs, ON_DEMAND, 1)
    assert [wanted.name for wanted in track.all(0)] == ["film/0", "film/10", "film/30", "film/35"]
    assert names(track, "film/0") == ["film/10", "film/30"]
    assert names(track, "film/30") == ["film/35"]
    assert names(track, "film/35") == []
    for other in ("film/5", "film/20", "film/31", "film/40"):
        assert names(track, other) is None


def test_runs_by_number() -> None:
    runs = [Run(0, 0, 10, 2), Run(2, 30, 5, 2)]
    track = NumberedTrack(Wanted("film/init"), naming("$Number$"), runs, ON_DEMAND, 5)
    assert [wanted.name for wanted in track.all(0)] == ["film/init", "film/5", "film/6", "film/7", "film/8"]
    assert names(track, "film/init") == ["film/5", "film/6"]
    assert names(track, "film/7") == ["film/8"]
    assert names(track, "film/4") is None
    assert names(track, "film/9") is None
    assert track.folders == {"film"}
    assert track.size == 4


def test_what_has_not_been_made_yet_does_not_come_next() -> None:
    live = Estimate(is_live=True, begins=1000.0, length=None, depth=20.0, timescale=10)
    track = NumberedTrack(Wanted("film/init"), naming("$Number$"), [Run(0, 0, 40, None, True)], live, 1)
    # Segments of four seconds: 1 is there at 1004, 2 at 1008.
    assert names(track, "film/1", now=1003.0) == []
    assert names(track, "film/1", now=1008.0) == ["film/2"]
    assert names(track, "film/1", now=1007.9) == []
    assert names(track, "film/1", now=900.0) == []
    assert names(track, "film/init", now=1040.0) == ["film/8", "film/9"]
    assert [wanted.name for wanted in track.all(1040.0)] == ["film/init", *(f"film/{n}" for n in range(6, 11))]


def test_a_live_period_that_has_an_end() -> None:
    live = Estimate(is_live=True, begins=1000.0, length=8.0, depth=None)
    track = NumberedTrack(None, naming("$Number$"), [Run(0, 0, 4, 2, True)], live, 1)
    assert names(track, "film/1", now=1005.0) == []
    assert names(track, "film/1", now=2000.0) == ["film/2"]
    assert names(track, "film/3", now=2000.0) is None
