"""The report: kept figures, and the same figures as tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.load.plots import draw
from benchmarks.load.report import BEGIN, END, PLOTS, README, limited_by, placed, report
from benchmarks.load.results import Idle, Results, Runs, read_results
from tests.benchmarks.test_bars import RUN, rates

KEPT = README.parent / "results" / "load.json"
ABOUT: dict[str, object] = {
    "commit": "abc",
    "python": "3",
    "versions": {"nginx": "1.2"},
    "machine": "m",
    "load before": 0.1,
    "rounds": 2,
    "seconds": 1.5,
}


@pytest.fixture
def results() -> Results:
    ours = rates(100, 300)
    ours.paced = [RUN]
    return Results(
        ABOUT,
        {"200 KB segment": {"Headgate": ours, "nginx secure_link": rates(200, 200)}},
        {
            "200 KB segment": {"nginx njs": "as elsewhere"},
            "TLS, 1 MB segment": {"Varnish": "no"},
        },
        {"Headgate, lane off": "this Headgate has no fast lane"},
        {"Headgate": [Idle(1000, 50.0, 60.24)]},
    )


def test_what_is_kept_is_read_again(results: Results, tmp_path: Path) -> None:
    results.write(tmp_path / "new" / "load.json")
    assert read_results(tmp_path / "new" / "load.json") == results


def test_the_tables_say_everything_once(results: Results) -> None:
    text = report(results)
    assert text.startswith("Commit abc, Python 3, m, load before 0.1; 2 rounds of 1.5 s; nginx 1.2. Medians")
    assert "| 200 KB segment | requests/s beside nginx secure_link ≥ 1 \N{MULTIPLICATION SIGN} |" in text
    assert "| 1.00 \N{MULTIPLICATION SIGN} (0.50 to 1.50) | met |" in text
    assert "| Headgate | 200 (100 to 300) | 10 | 1.000 | 1.000 | 1.00 | 2.00 | 3.00 | 50 | server (99%, 50%) |" in text
    assert "| nginx secure_link | 200 (200 to 200) | 10 | 1.000 | 1.000 |  |  |  | 50 |" in text
    assert "Not measured: nginx njs (as elsewhere)." in text
    assert "#### TLS, 1 MB segment" in text
    assert "Not measured: Headgate, lane off (this Headgate has no fast lane)." in text
    assert "| Headgate | 1,000 | 50 | 60 | 10.0 |" in text


def test_limited_by() -> None:
    assert limited_by([RUN]) == "server (99%, 50%)"
    assert limited_by([replace(RUN, server_share=0.4, load_share=0.95)]) == "load (40%, 95%)"
    assert limited_by([replace(RUN, server_share=0.5, foreign_share=0.4)]) == "neither (50%, 50%, others 40%)"


def test_the_text_is_placed_between_its_marks() -> None:
    document = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    written = placed(document, "new\n")
    assert written.startswith(f"before\n{BEGIN}\n\nnew\n\n![")
    assert written.endswith(f")\n\n{END}\nafter\n")
    assert placed(written, "new\n") == written


def test_plots_are_drawn(results: Results, tmp_path: Path) -> None:
    results.rows["empty"] = {"Headgate": Runs()}
    plots = draw(results, tmp_path)
    assert [plot.name for plot in plots] == list(PLOTS)
    for plot in plots:
        assert plot.read_bytes().startswith(b"\x89PNG")


def test_the_readme_shows_what_is_kept() -> None:
    document = README.read_text()
    if KEPT.exists():
        assert placed(document, report(read_results(KEPT))) == document, "run python -m benchmarks.load.report --write"
    else:
        assert "Not measured yet" in document
