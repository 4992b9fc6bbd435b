"""A smoke of the benchmarks: every peer starts, answers rightly and can be measured. Nothing is timed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from auth import DIALECTS
from tests.parts import find_part

ROOT = Path(__file__).parents[2]
README = ROOT / "benchmarks" / "README.md"
SHIELD_RESULTS = ROOT / "benchmarks" / "results" / "shield.json"
RESULTS = ROOT / "benchmarks" / "results" / "micro.json"


@pytest.mark.system
@pytest.mark.needs("gcc", "nginx", "njs", "varnishd", "varnishncsa")
@pytest.mark.timeout(150)
def test_the_load_benchmark_measures_every_contender(tmp_path: Path) -> None:
    out = tmp_path / "load.json"
    asked = ("200 KB segment", "signed playlist", "idle connections")
    short = ["--rounds=1", "--seconds=0.3", "--warmup=0.3", "--few-latencies", "--again=0", "--idle=300"]
    options = [*short, *(f"--row={row}" for row in asked), f"--out={out}"]
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", *options],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=140,
    )
    kept = json.loads(out.read_text())
    everybody = {
        *("Headgate", "Headgate, lane off", "nginx secure_link", "nginx njs", "Varnish", "bare sendfile", "bare write"),
        *("aiohttp FileResponse", "aiohttp FileResponse, uvloop", "Starlette + uvicorn", "Starlette + granian"),
    }
    assert everybody <= set(kept["rows"]["200 KB segment"])
    assert set(kept["rows"]) == set(asked) - {"idle connections"}
    for name in everybody:  # a busy machine may let nobody through in so short a time, but not in every row
        runs = [run for by_name in kept["rows"].values() for run in by_name.get(name, {"limit": []})["limit"]]
        assert max(run["requests_per_second"] for run in runs) > 0
    assert {one["connections"] for each in kept["idle"].values() for one in each} == {300}
    assert said.stdout.count("| Headgate |") == 3


@pytest.mark.system
@pytest.mark.needs("nginx", "varnishd", "varnishncsa", "wrk")
@pytest.mark.timeout(250)
def test_the_shield_benchmark_measures_every_cache(tmp_path: Path) -> None:
    out, row = tmp_path / "shield.json", "64 KB range of 100 MB"
    programs = ("nginx", "varnishd", "varnishncsa", "wrk")
    folders = [str(program.parent) for name in programs if (program := find_part(name))]
    options = ["--rounds=1", "--seconds=1", f"--row={row}", "--viewers=200", "--objects=3000", f"--out={out}"]
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.shield", *options],
        cwd=ROOT,
        env=os.environ | {"PATH": os.pathsep.join([*folders, os.environ["PATH"]])},
        check=True,
        capture_output=True,
        text=True,
        timeout=240,
    )
    found = {part: document["results"] for part, document in json.loads(out.read_text()).items()}
    assert list(found) == list(json.loads(SHIELD_RESULTS.read_text())), "the kept results are of other parts"
    caches = ["Headgate", "nginx proxy_cache + slice", "nginx proxy_cache", "Varnish"]
    assert list(found["hits beside a file"][row]) == ["file", "pull"]
    assert list(found["hits beside caches"][row]) == list(found["crowds"]["200 viewers"]) == caches
    for runs in (*found["hits beside a file"][row].values(), *found["hits beside caches"][row].values()):
        assert all(run["failed"] == 0 and run["requests_per_second"] > 0 for run in runs)
    for crowd in (one for by_cache in found["crowds"].values() for runs in by_cache.values() for one in runs):
        assert crowd["failed"] == 0
        assert crowd["upstream_requests"] in {1, 4}, "one pull, or one a slice"
    assert {one["upstream_requests"] for one in found["crowds"]["200 viewers"]["Headgate"]} == {1}
    assert found["million"]["full"]["objects"] == found["million"]["objects"] == 3000
    assert said.stdout.count("| Headgate |") == 3


@pytest.mark.system
def test_the_token_benchmark_runs_every_case(tmp_path: Path) -> None:
    out = tmp_path / "micro.json"
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.micro", "--rounds=1", f"--out={out}"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=50,
    )
    cases = json.loads(out.read_text())["cases"]
    assert said.stdout.count("\n") == len(cases) + 2
    assert set(DIALECTS) <= {name.partition(" ")[0] for name in cases}, "a dialect that is not timed"
    assert _table() == list(cases) == list(json.loads(RESULTS.read_text())["cases"]), (
        "the README's table is of other cases"
    )
    for name, operations in cases.items():
        assert {"verify", "mint"} <= set(operations)
        assert {"again", "admit"} <= set(operations) or name.partition(" ")[0] in {"g2o", "http"}
        assert all(figure > 0 for rounds in operations.values() for figure in rounds)


@pytest.mark.system
def test_the_counting_benchmark_times_every_way() -> None:
    command = [sys.executable, "-m", "benchmarks.micro.counting", "1"]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=50)
    measured = json.loads(said.stdout)
    assert list(measured["request_microseconds"]) == ["library", "alone", "worker"]
    assert list(measured["scrape_milliseconds"]) == ["alone", "two workers"]
    assert all(
        figure > 0 for table in ("request_microseconds", "scrape_milliseconds") for figure in measured[table].values()
    )
    assert measured["series"] > 4000


def _table() -> list[str]:
    """The cases of the README's table of tokens."""
    rows = README.read_text().partition("| case |")[2].partition("\n\n")[0].splitlines()[2:]
    return [row.split("|")[1].strip() for row in rows]
