"""How commands are run and how they fail."""

from __future__ import annotations

import pytest

from origin.cli import COMMANDS, GROUPS, main, run
from origin.cli.trouble import Command, ExitCode, Trouble


def test_every_command_is_described_and_its_group_is_declared() -> None:
    for words, command in COMMANDS.items():
        assert command.__doc__
        group, _, name = words.rpartition(" ")
        assert name
        assert not group or group in GROUPS


@pytest.mark.parametrize("words", list(COMMANDS))
def test_every_command_has_help(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*words.split(), "--help"]) == 0
    assert f"Usage: headgate {words}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["config", "chek"], "Did you mean 'check'"),
        (["config", "check", "--confg", "x"], "No such option: --confg"),
        (["config", "check", "--config"], "requires an argument"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_code_2(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("headgate: ")
    assert told.err.count("\n") == 1
    assert says in told.err


@pytest.mark.parametrize("words", ["", *GROUPS])
def test_the_program_or_a_group_alone_shows_help(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words.split()) == 0
    told = capsys.readouterr()
    assert told.out.startswith(f"Usage: {f'headgate {words}'.strip()} [OPTIONS] COMMAND")
    assert told.err == ""


def test_main_exits_with_the_code() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["nonsense"])
    assert caught.value.code == 2


def interrupt() -> None:
    """Be interrupted."""
    raise KeyboardInterrupt


def miss() -> None:
    """Need what is not there."""
    raise Trouble(ExitCode.UNAVAILABLE, "redis does not answer", "nor does storage")


def break_down() -> None:
    """Have a defect."""
    raise ZeroDivisionError("not\nmy day")


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        (interrupt, 130, ""),
        (miss, 3, "headgate: redis does not answer\nheadgate: nor does storage\n"),
        (break_down, 70, "headgate: internal error: ZeroDivisionError: not my day\n"),
    ],
)
def test_no_failure_is_a_traceback(command: Command, code: int, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fail"], {"fail": command, "other": command}, {}) == code
    assert capsys.readouterr() == ("", told)
