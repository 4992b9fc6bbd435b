"""What reaches a terminal."""

from __future__ import annotations

import pytest

from origin.cli.trouble import ExitCode, Trouble, tell


def test_each_line_is_one_line_without_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    tell("a\nb", "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl")
    assert capsys.readouterr().err == "headgate: a b\nheadgate: got [redacted]\n"


def test_a_trouble_carries_code_and_lines() -> None:
    trouble = Trouble(ExitCode.UNAVAILABLE, "a", "b")
    assert trouble.code == 3
    assert trouble.lines == ("a", "b")
