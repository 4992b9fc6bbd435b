from __future__ import annotations

import os
import select
import socket
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from origin.server.listeners import Place
from tests.origin.supervisor.theatre import PLAN, SERVE, playing


@pytest.mark.parametrize("variable", ["RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"])
def test_workers_have_a_directory_of_their_own_which_ends_with_it(variable: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    with playing(tmp_path, SERVE, variables={variable: str(run)}) as play:
        play.wait_for("serving")
        first, second = play.theatre.started()
        directory = Path(first.directory)
        assert first.directory == second.directory
        assert directory.parent == run
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        (directory / "left behind").write_text("")
        assert play.end() == 0
        assert not directory.exists()


def test_a_directory_that_is_not_there_is_no_obstacle(tmp_path: Path) -> None:
    with playing(tmp_path, SERVE, variables={"RUNTIME_DIRECTORY": str(tmp_path / "nothing")}) as play:
        play.wait_for("serving")
        assert Path(play.theatre.started()[0].directory).is_dir()
        assert play.end() == 0


def test_a_port_that_is_taken_is_one_line_and_code_3(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        plan = replace(PLAN, admin=Place("127.0.0.1", port))
        with playing(tmp_path, SERVE, plan=plan) as play:
            assert play.process.wait(30) == 3
            told = play.stderr.read_text()
            assert told == f"headgate: cannot listen on 127.0.0.1:{port} (admin): Address already in use\n"
            assert play.theatre.started() == []


def test_the_workers_notice_that_it_died(tmp_path: Path) -> None:
    with playing(tmp_path, SERVE) as play:
        play.wait_for("serving")
        play.process.kill()
        play.process.wait()
        for one in play.theatre.started():
            descriptor = _process_descriptor(one.pid)
            if descriptor is not None:
                _wait_for_end(descriptor)


def _process_descriptor(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def _wait_for_end(descriptor: int) -> None:
    try:
        assert select.select([descriptor], [], [], 30)[0], "a worker lives on without its supervisor"
    finally:
        os.close(descriptor)
