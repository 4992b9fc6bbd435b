"""Real processes count together: nothing is lost and nothing counted twice, however they end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from origin.media.kinds import Kind
from origin.telemetry import shared_values
from origin.telemetry.cells import records_in
from origin.telemetry.exposition import render
from origin.telemetry.metrics import Metrics, Vocabulary
from origin.telemetry.series import Key
from origin.telemetry.shared_values import SharedValues

ROOT = Path(__file__).parents[3]
WHERE = {"mount": "/vod", "kind": "segment"}


class Worker:
    """See `counting_worker`."""

    def __init__(self, directory: Path, slot: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.origin.telemetry.counting_worker", str(directory), str(slot)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, command: str) -> str:
        """A command and its answer; "" when the process ended instead."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.hear()

    def hear(self) -> str:
        """The next answer."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self.process.kill()
        self.process.wait(20)

    def close(self) -> None:
        """Let go of everything."""
        self.kill()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


class Site:
    """Workers of one directory, and this process as one more that is scraped."""

    def __init__(self, directory: Path, stack: contextlib.ExitStack) -> None:
        self.directory = directory
        self._stack = stack
        self.shared = SharedValues(directory, 9)
        stack.callback(self.shared.close)
        self.metrics = Metrics(Vocabulary(mounts=("/vod",)), "0", self.shared)

    def start(self, slot: int) -> Worker:
        """One more, ready."""
        worker = Worker(self.directory, slot)
        self._stack.callback(worker.close)
        assert worker.hear() == "ready"
        return worker

    def value(self, name: str, **labels: str) -> float | None:
        """A sample of a scrape."""
        return self.metrics.registry.get_sample_value(name, labels)

    @property
    def requests(self) -> float | None:
        """Counted by all."""
        return self.value("headgate_requests_total", **WHERE, code="200")

    def files(self) -> list[Path]:
        """Of all who count, or have and were not added up yet."""
        return sorted((self.directory / "metrics").glob("*.cells"))

    def counted_by(self, worker: Worker) -> float:
        """Requests in the file of a process that need not live any more."""
        (path,) = (path for path in self.files() if path.name.split("-")[1] == str(worker.process.pid))
        with path.open("rb") as file:
            found = dict(records_in(file.fileno()))
        return next(
            values[0] for key, values in found.items() if b'"headgate_requests_total"' in key and b'"200"' in key
        )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with contextlib.ExitStack() as stack:
        yield Site(tmp_path, stack)


def test_a_scrape_of_any_is_of_all_and_dead_ones_stay_counted(site: Site) -> None:
    one, two = site.start(0), site.start(1)
    one.ask("count 100")
    two.ask("count 20")
    site.metrics.request("/vod", Kind.SEGMENT, 200).record(0.002, 10)
    assert [one.ask("total"), two.ask("total"), site.requests] == ["121", "121", 121]
    assert site.value("headgate_requests_in_flight") == 2
    one.kill()
    assert site.value("headgate_requests_in_flight") == 1
    again = site.start(0)
    again.ask("count 3")
    assert [again.ask("total"), two.ask("total"), site.requests] == ["124", "124", 124]
    assert site.value("headgate_sent_bytes_total", **WHERE) == 1240
    assert site.value("headgate_time_to_first_byte_seconds_count", **WHERE) == 124
    assert site.value("headgate_build_info", version="0", python=sys.version.split()[0]) == 1
    two.process.terminate()
    two.process.wait(20)
    assert site.requests == 124
    assert site.value("headgate_workers") == 2
    assert site.value("headgate_worker_starts_total") == 4


def test_killed_in_the_middle_of_counting_nothing_is_lost(site: Site) -> None:
    expected = 0.0
    for slot in range(3):
        worker = site.start(slot)
        assert worker.ask("rush") == "1000"
        for _ in range(random.randrange(20)):
            worker.hear()
        before = site.requests or 0
        worker.kill()
        counted = site.counted_by(worker)
        assert expected + 1000 <= before <= expected + counted
        expected += counted
        assert site.requests == site.requests == expected
        sent = site.value("headgate_sent_bytes_total", **WHERE) or 0
        assert abs(sent - 10 * expected) <= 10 * (slot + 1), "at most the request in which it was killed"
    assert len(site.files()) == 1, "files of the dead are added up and gone"


def test_many_that_ended_make_no_more_files(site: Site) -> None:
    for number in range(40):
        shared = SharedValues(site.directory, number)
        Metrics(Vocabulary(mounts=("/vod",)), "0", shared).request("/vod", Kind.SEGMENT, 200).record(0.1, 1)
        shared.close()
        assert len(site.files()) <= 3
    assert site.requests == 40
    assert len(site.files()) == 1


@pytest.mark.parametrize("call", ["replace", "unlink"])
def test_killed_while_it_adds_up_nothing_is_lost_or_doubled(site: Site, call: str) -> None:
    dead = [site.start(slot) for slot in range(2)]
    killer = site.start(2)
    killer.ask("count 1000")
    for worker in dead:
        worker.ask("count 10")
        worker.kill()
    assert killer.ask(f"die {call}") == ""
    killer.process.wait(20)
    assert len(site.files()) == 4, "those were not removed"
    assert (site.directory / "metrics" / "ended").exists() is (call == "unlink")
    assert [site.requests for _ in range(3)] == [1020] * 3
    assert len(site.files()) == 1


def test_two_that_scrape_at_once_agree(site: Site) -> None:
    scraping = [site.start(slot) for slot in range(2)]
    for _ in range(5):
        worker = site.start(5)
        worker.ask("count 7")
        worker.kill()
    for each in scraping:
        assert each.process.stdin is not None
        each.process.stdin.write("total\n" * 8)
        each.process.stdin.flush()
    assert {each.hear() for each in scraping for _ in range(8)} == {"35"}


def test_processes_have_their_own_figures(site: Site) -> None:
    worker = site.start(3)
    who = {"3": str(worker.process.pid), "9": str(os.getpid())}
    for slot, pid in who.items():
        assert (site.value("process_resident_memory_bytes", worker=slot, pid=pid) or 0) > 2**20
    worker.kill()
    assert site.value("process_resident_memory_bytes", worker="3", pid=who["3"]) is None


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text"])
def test_the_exposition_is_well_formed(site: Site, accept: str) -> None:
    worker = site.start(0)
    worker.ask("count 5")
    worker.kill()
    body = render(site.metrics.registry, accept).body.decode()
    families = list((parse_openmetrics if "openmetrics" in accept else parse_text)(body))
    names = [family.name for family in families]
    assert len(set(names)) == len(names)
    series = [(sample.name, tuple(sorted(sample.labels.items()))) for family in families for sample in family.samples]
    assert len(set(series)) == len(series)
    assert 'headgate_requests_total{code="200",kind="segment",mount="/vod"} 5.0' in _sorted_labels(body)


def _sorted_labels(body: str) -> str:
    return body.replace('mount="/vod",kind="segment",code="200"', 'code="200",kind="segment",mount="/vod"')


def test_what_cannot_be_read_is_told_and_left_behind(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    folder = site.directory / "metrics"
    (folder / "7-1-00.cells").write_bytes(b"nonsense")
    (folder / "ended").write_bytes(b"nonsense")
    site.metrics.request("/vod", Kind.SEGMENT, 200).record(0.1, 1)
    assert site.requests == 1
    assert len(site.files()) == 1
    assert "cannot be read" in caplog.text
    assert site.requests == 1


def test_a_worker_that_was_stopped_with_the_lock_keeps_no_scrape(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_values, "_PATIENCE_SECONDS", 0.05)
    with (site.directory / "metrics" / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(TimeoutError):
            site.shared.read()
    assert site.shared.workers()


def test_gauges_are_not_added_up(site: Site) -> None:
    worker = site.start(0)
    worker.kill()
    ended = site.shared.read().ended
    assert any(b"headgate_requests_total" in key for key in ended)
    assert not any(b'"gauge"' in key for key in ended)
    assert Key.__struct_fields__[0] == "type", "gauges are known by how their key begins"
