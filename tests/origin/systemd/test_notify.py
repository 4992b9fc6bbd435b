from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from origin.systemd.notify import Notifier, watchdog_seconds


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.settimeout(10)
        yield made


@pytest.fixture(params=["path", "abstract"])
def notifier(request: pytest.FixtureRequest, listener: socket.socket, tmp_path: Path) -> Notifier:
    if request.param == "path":
        listener.bind(str(tmp_path / "notify"))
        return Notifier(str(tmp_path / "notify"))
    name = f"headgate-test-{os.getpid()}-{tmp_path.name}"
    listener.bind(f"\0{name}")
    return Notifier(f"@{name}")


def test_every_state_is_a_datagram_of_its_own(notifier: Notifier, listener: socket.socket) -> None:
    notifier.ready("Serving with 2\nworkers")
    assert listener.recv(4096).decode() == f"READY=1\nMAINPID={os.getpid()}\nSTATUS=Serving with 2 workers"
    notifier.status("Busy")
    assert listener.recv(4096) == b"STATUS=Busy"
    notifier.alive()
    assert listener.recv(4096) == b"WATCHDOG=1"
    notifier.stopping()
    assert listener.recv(4096) == b"STOPPING=1\nSTATUS=Draining"


def test_a_reload_says_when_it_began(notifier: Notifier, listener: socket.socket) -> None:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notifier.reloading()
    state, moment, _ = listener.recv(4096).decode().split("\n")
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert state == "RELOADING=1"
    assert before <= int(moment.removeprefix("MONOTONIC_USEC=")) <= after


@pytest.mark.parametrize("address", [None, "", "vsock:2:1234", "relative/path"])
def test_without_an_address_nothing_is_said(address: str | None, caplog: pytest.LogCaptureFixture) -> None:
    Notifier(address).ready("Serving")
    assert caplog.records == []


def test_who_does_not_listen_is_a_line_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Notifier(str(tmp_path / "nobody")).stopping()
    assert [record.getMessage() for record in caplog.records] == [
        "the service manager was not told STOPPING=1: No such file or directory"
    ]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "9" * 19}, None),
    ],
)
def test_the_watchdog_is_told_twice_in_its_time(environ: dict[str, str], expected: float | None) -> None:
    assert watchdog_seconds(environ, 7) == expected
