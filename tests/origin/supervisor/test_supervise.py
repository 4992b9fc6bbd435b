from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from origin.server.listeners import Place
from origin.supervisor.child import Nursery
from origin.supervisor.plan import write_plan, write_problems
from origin.supervisor.supervise import Supervisor
from origin.systemd.notify import Notifier
from tests.origin.supervisor.theatre import PLAN, SERVE, Theatre, playing


@pytest.fixture
def listeners() -> Iterator[list[socket.socket]]:
    opened = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    yield opened
    for one in opened:
        one.close()


def nursery(listeners: list[socket.socket], command: list[str]) -> Nursery:
    return Nursery(command, os.environ, "/run/x", listeners[:1], listeners[1:])


def test_what_cannot_start_ends_it_with_its_code_and_its_death_is_noted(
    listeners: list[socket.socket], tmp_path: Path
) -> None:
    theatre, dead = Theatre(tmp_path), list[int]()
    command = theatre.write(SERVE, "sys.exit(3)")
    assert Supervisor(PLAN, nursery(listeners, command), Notifier(None), on_death=dead.append).run() == 3
    assert sorted(dead) == sorted(one.pid for one in theatre.started())


def test_a_command_that_is_not_there_ends_it_too(listeners: list[socket.socket]) -> None:
    assert Supervisor(PLAN, nursery(listeners, ["/no/such/program"]), Notifier(None)).run() == 71


def test_it_starts_announces_and_ends(tmp_path: Path) -> None:
    with playing(tmp_path, SERVE) as play:
        play.wait_for("metrics and health on 127.0.0.1:")
        assert play.end() == 0
        assert [word.split()[0] for word in play.words()] == ["serving", "metrics", "draining"]
        assert [one.slot for one in play.theatre.started()] in (["0", "1"], ["1", "0"])


def test_who_dies_is_replaced_sooner_or_later(tmp_path: Path) -> None:
    with playing(tmp_path, SERVE, SERVE, "sys.exit(5)", SERVE) as play:
        play.wait_for("serving")
        victim = play.theatre.started()[0]
        os.kill(victim.pid, signal.SIGKILL)
        assert play.wait_for_workers(4)[-1].slot == victim.slot
        assert play.words()[2:4] == [
            f"worker {victim.slot} was ended by signal 9 unbidden; another starts now",
            f"worker {victim.slot} ended with code 5 unbidden; another starts in 0.5 s",
        ]
        assert play.end() == 0


def test_who_does_not_drain_is_killed(
    listeners: list[socket.socket], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    theatre, dead = Theatre(tmp_path), list[int]()
    deaf = tmp_path / "deaf"
    command = theatre.write(
        f"signal.signal(signal.SIGTERM, signal.SIG_IGN); open({str(deaf)!r}, 'w').close(); {SERVE}",
        f"[time.sleep(0.01) for _ in iter(lambda: os.path.exists({str(deaf)!r}), True)]; sys.exit(4)",
    )
    supervisor = Supervisor(PLAN, nursery(listeners, command), Notifier(None), on_death=dead.append, end_seconds=0.3)
    assert supervisor.run() == 4
    assert sorted(dead) == sorted(one.pid for one in theatre.started())
    assert "did not end in time and is killed" in caplog.messages[-1]
    assert all(listener.fileno() == -1 for listener in listeners)


def test_a_reload_takes_a_new_plan_and_new_workers(tmp_path: Path) -> None:
    new = write_plan(replace(PLAN, workers=1, public=Place("127.0.0.1", 1)))
    with playing(tmp_path, SERVE, planners=(f"say({new!r})",)) as play:
        play.wait_for("serving")
        old = play.theatre.started()
        play.tell(signal.SIGHUP)
        play.wait_for("reloaded: 1 new workers serve")
        assert "listeners are where they were: another host or port takes a restart" in play.words()
        assert len(play.theatre.started()) == 3
        os.kill(play.theatre.started()[2].pid, 0)
        assert play.end() == 0
        assert all(not _is_alive(one.pid) for one in old)
        assert not any("unbidden" in word for word in play.words())


@pytest.mark.parametrize(
    ("planner", "says"),
    [
        (f"say({write_problems(['mount: is missing'])!r})", "mount: is missing"),
        ("sys.exit(70)", "the configuration could not be read (exit code 70)"),
        ("say('nonsense')", "the configuration could not be read (exit code 0)"),
    ],
)
def test_a_bad_configuration_changes_nothing(planner: str, says: str, tmp_path: Path) -> None:
    with playing(tmp_path, SERVE, planners=(planner,)) as play:
        play.wait_for("serving")
        for times in (1, 2):
            play.tell(signal.SIGHUP)
            play.wait_for(f"the reload is given up, the old workers go on: {says}", times)
        assert len(play.theatre.started()) == 2
        assert all(_is_alive(one.pid) for one in play.theatre.started())
        assert play.end() == 0


def test_workers_that_cannot_start_change_nothing_either(tmp_path: Path) -> None:
    plan = write_plan(PLAN)
    with playing(tmp_path, SERVE, SERVE, SERVE, "sys.exit(2)", planners=(f"say({plan!r})",)) as play:
        play.wait_for("serving")
        play.tell(signal.SIGHUP)
        play.wait_for("the old workers go on: new worker")
        assert all(_is_alive(one.pid) for one in play.theatre.started()[:2])
        assert play.end() == 0


def test_it_ends_in_the_middle_of_a_reload(tmp_path: Path) -> None:
    with playing(tmp_path, SERVE, planners=("time.sleep(60)",)) as play:
        play.wait_for("serving")
        play.tell(signal.SIGHUP)
        play.wait_for("reloading")
        assert play.end() == 0
        assert not any(_is_alive(one.pid) for one in play.theatre.started("planner"))


def test_the_service_manager_hears_of_it(tmp_path: Path) -> None:
    address, plan = str(tmp_path / "notify"), write_plan(PLAN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(30)
        with playing(tmp_path, SERVE, planners=(f"say({plan!r})",), variables={"NOTIFY_SOCKET": address}) as play:
            ready = manager.recv(4096).decode()
            play.tell(signal.SIGHUP)
            told = [manager.recv(4096).decode().split("\n")[0] for _ in range(2)]
            play.tell(signal.SIGTERM)
            told.append(manager.recv(4096).decode().split("\n")[0])
            assert play.process.wait(30) == 0
            assert ready == f"READY=1\nMAINPID={play.process.pid}\nSTATUS=Serving with 2 workers"
    assert told == ["RELOADING=1", "READY=1", "STOPPING=1"]


def test_the_watchdog_hears_of_it(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(30)
        with playing(tmp_path, SERVE, variables={"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "100000"}) as play:
            play.wait_for("serving")
            told = {manager.recv(4096).split(b"\n")[0] for _ in range(5)}
            assert play.end() == 0
    assert told == {b"READY=1", b"WATCHDOG=1"}


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
