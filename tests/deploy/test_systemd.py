"""The units say what the program understands."""

from __future__ import annotations

import shlex
from configparser import ConfigParser
from pathlib import Path

import pytest

from origin.cli import run
from origin.cli.workers import workers_wanted
from origin.systemd.activation import inherited

UNITS = Path(__file__).parents[2] / "deploy/systemd"


def unit(name: str) -> ConfigParser:
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as configparser's documentation has it
    parser.read_string((UNITS / name).read_text("utf-8"))
    return parser


def test_the_service_runs_a_command_that_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    program, command, *options = shlex.split(unit("headgate.service")["Service"]["ExecStart"])
    assert (Path(program).name, command) == ("headgate", "serve")
    assert workers_wanted(options[options.index("--workers") + 1]) == "auto"
    assert run(["serve", "--help"]) == 0
    described = capsys.readouterr().out
    assert all(option in described for option in options if option.startswith("--"))


def test_the_service_is_told_of_by_its_supervisor_and_ended_through_it() -> None:
    service = unit("headgate.service")["Service"]
    assert (service["Type"], service["NotifyAccess"], service["KillMode"]) == ("notify", "main", "mixed")
    assert "-HUP $MAINPID" in service["ExecReload"]


def test_the_socket_has_a_name_that_is_known() -> None:
    name = unit("headgate.socket")["Socket"]["FileDescriptorName"]
    told = {"LISTEN_PID": "1", "LISTEN_FDS": "2", "LISTEN_FDNAMES": f"{name}:{name}"}
    assert inherited(told, 1, ("public", "admin")) == {"public": [3, 4]}
