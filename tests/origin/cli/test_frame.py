"""The command table as a command line."""

from __future__ import annotations

import pytest

from origin import __version__
from origin.cli.frame import build
from origin.cli.trouble import ExitCode


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert build("headgate", {}, {})(["--version"]) == 0
    assert capsys.readouterr().out == f"headgate {__version__}\n"


def test_a_command_gives_its_exit_code() -> None:
    def fail() -> ExitCode:
        """Fail."""
        return ExitCode.FAILED

    def work() -> None:
        """Work."""

    line = build("headgate", {"fail": fail, "group work": work}, {"group": "A group."})
    assert line(["fail"]) == 1
    assert line(["group", "work"]) == 0
