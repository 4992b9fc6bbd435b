"""The bars: ratios of neighbouring runs, and what is said of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.load.bars import Verdict, verdicts
from benchmarks.load.results import Idle, Results, Run, Runs

RUN = Run(
    requests_per_second=100.0,
    megabytes_per_second=10.0,
    cpu_seconds_per_1000=1.0,
    cpu_seconds_per_gb=1.0,
    rss_mb=50.0,
    failed=0,
    server_share=0.99,
    load_share=0.5,
    foreign_share=0.0,
    asked_per_second=0.0,
    percentiles_ms={"50": 1.0, "99": 2.0, "99.9": 3.0},
)


def rates(*figures: float) -> Runs:
    return Runs([replace(RUN, requests_per_second=figure) for figure in figures])


def found(results: Results, row: str, bar: str) -> Verdict:
    (one,) = (one for one in verdicts(results) if one.row == row and bar in one.bar)
    return one


@pytest.mark.parametrize(
    ("ratio", "limit", "is_ceiling", "word"),
    [
        (1.2, 1.2, False, "met"),
        (1.1, 1.2, False, "within noise"),
        (1.0, 1.2, False, "missed"),
        (1.1, 1.1, True, "met"),
        (1.2, 1.1, True, "within noise"),
        (1.3, 1.1, True, "missed"),
    ],
)
def test_word(ratio: float, limit: float, is_ceiling: bool, word: str) -> None:
    assert Verdict("row", "bar", (ratio,), limit, is_ceiling).word == word


def test_the_ratio_is_that_of_neighbouring_runs() -> None:
    results = Results({}, {"signed playlist": {"Headgate": rates(10, 40, 90), "nginx secure_link": rates(10, 20, 30)}})
    one = found(results, "signed playlist", "beside nginx")
    assert one.ratios == (1.0, 2.0, 3.0)
    assert (one.ratio, one.word) == (2.0, "met")


def test_the_best_python_peer_is_the_one_to_beat_in_every_row() -> None:
    peers = {"Starlette + uvicorn": rates(10), "aiohttp FileResponse": rates(60)}
    results = Results({}, {"304": {"Headgate": rates(50), **peers}})
    one = found(results, "304", "best Python peer")
    assert "aiohttp FileResponse" in one.bar
    assert one.word == "missed"


def test_latencies_are_compared_where_both_are_paced() -> None:
    ours, theirs = rates(10), rates(10)
    ours.paced = [replace(RUN, percentiles_ms={"99": 3.0})]
    theirs.paced = [replace(RUN, percentiles_ms={"99": 2.0})]
    results = Results({}, {"mix": {"Headgate": ours, "nginx secure_link": theirs}})
    assert found(results, "mix", "p99").ratios == (1.5,)


def test_idle_connections_are_held_against_kilobytes() -> None:
    results = Results({}, idle={"Headgate": [Idle(10_000, 100.0, 100.0 + 10_000 * 13 * 1024 / 1e6)]})
    one = found(results, "idle connections", "KB")
    assert one.ratio == pytest.approx(13)
    assert one.word == "within noise"


def test_what_was_not_measured_is_not_met() -> None:
    assert {one.word for one in verdicts(Results({}))} == {"not measured"}
