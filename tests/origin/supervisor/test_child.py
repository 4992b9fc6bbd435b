from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from origin.supervisor.child import Child, Nursery
from origin.supervisor.plan import MAX_BYTES

PATIENCE = 30.0
PROGRAM = """
import os, re, socket, sys, json
part = os.environ.pop("HEADGATE_SUPERVISED")
numbers = {name: [int(one) for one in text.split(",")] for name, text in re.findall(r"([a-z]+)=([0-9,]+)", part)}
control = socket.socket(fileno=numbers["control"][0])
names = [name for name in os.environ if name.startswith(("HEADGATE_", "LISTEN_", "NOTIFY_", "WATCHDOG_"))]
ports = [socket.socket(fileno=one).getsockname()[1] for one in numbers.get("public", []) + numbers.get("admin", [])]
told = {"environ": {name: os.environ[name] for name in names}, "ports": ports, "group": os.getpgid(0) == os.getpid()}
control.sendall(json.dumps(told).encode() + b"\\n")
while word := control.recv(1):
    control.sendall(word * int(sys.argv[1]))
"""


@pytest.fixture
def listeners() -> Iterator[list[socket.socket]]:
    opened = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    yield opened
    for one in opened:
        one.close()


def nursery(listeners: list[socket.socket], *, times: int = 1) -> Nursery:
    environ = {"LISTEN_FDS": "1", "LISTEN_PID": "1", "NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "1", "HEADGATE_A": "b"}
    command = [sys.executable, "-S", "-c", PROGRAM, str(times)]
    return Nursery(command, os.environ | environ, "/run/x", listeners[:1], listeners[1:])


def heard(child: Child, end: bytes) -> bytes:
    """What a child has said when it has said `end`."""
    deadline = time.monotonic() + PATIENCE
    while not child.heard.endswith(end) and child.hear():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return bytes(child.heard)


def test_a_worker_inherits_the_sockets_and_knows_its_place(listeners: list[socket.socket]) -> None:
    child = nursery(listeners).worker(3)
    told = json.loads(heard(child, b"\n"))
    assert told == {
        "environ": {"HEADGATE_A": "b", "HEADGATE_WORKERS_DIRECTORY": "/run/x", "HEADGATE_WORKER": "3"},
        "ports": [one.getsockname()[1] for one in listeners],
        "group": True,
    }
    child.retire()
    assert heard(child, b"r").endswith(b"r")
    child.close()  # which it notices
    assert child.process.wait(PATIENCE) == 0


def test_a_planner_inherits_nothing_but_the_connection(listeners: list[socket.socket]) -> None:
    child = nursery(listeners).planner()
    told = json.loads(heard(child, b"\n"))
    assert (told["environ"], told["ports"]) == ({"HEADGATE_A": "b"}, [])
    child.close()
    assert child.process.wait(PATIENCE) == 0


def test_a_talkative_child_is_not_listened_to_for_ever(listeners: list[socket.socket]) -> None:
    child = nursery(listeners, times=4 * MAX_BYTES).planner()
    heard(child, b"\n")
    child.retire()
    received = 0
    deadline = time.monotonic() + PATIENCE
    while received < MAX_BYTES // 2 and time.monotonic() < deadline:
        child.hear()
        received = len(child.heard)
    child.process.kill()
    child.process.wait(PATIENCE)
    child.close()
    assert MAX_BYTES // 2 <= len(child.heard) <= MAX_BYTES


def test_a_dead_child_is_told_nothing(listeners: list[socket.socket]) -> None:
    child = nursery(listeners).worker(0)
    child.process.kill()
    assert child.process.wait(PATIENCE) == -signal.SIGKILL
    child.retire()
    child.close()


def test_a_command_that_is_not_there_leaves_nothing_open(listeners: list[socket.socket]) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match="No such file"):
        Nursery(["/no/such/program"], {}, "/run/x", listeners[:1], listeners[1:]).worker(0)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
