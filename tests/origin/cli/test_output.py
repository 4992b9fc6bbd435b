"""What happens when the output of a command reaches nobody. Real programs and real pipes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from origin.cli.output import deliver
from tests.system.processes import HEADGATE, environment


def run_into(stdout: int, *arguments: str, cwd: Path) -> tuple[int, str]:
    """The exit code and standard error of a command that writes to `stdout`."""
    done = subprocess.run(
        [*HEADGATE, *arguments],
        cwd=cwd,
        env=environment(),
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=50,
        check=False,
    )
    return done.returncode, done.stderr.decode()


@pytest.fixture
def unread() -> int:
    """The writing end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def test_a_reader_that_goes_away_is_no_trouble(unread: int, site: Path) -> None:
    try:
        code, told = run_into(unread, "keys", "list", "keys.json", cwd=site)
    finally:
        os.close(unread)
    assert (code, told) == (0, "")


def test_a_verdict_survives_a_reader_that_goes_away(unread: int, site: Path) -> None:
    try:
        code, told = run_into(unread, "verify", "/vod/film/index.m3u8", cwd=site)
    finally:
        os.close(unread)
    assert (code, told) == (1, "")


def test_more_output_than_a_buffer_holds(unread: int, site: Path) -> None:
    try:
        code, told = run_into(unread, "config", "schema", cwd=site)
    finally:
        os.close(unread)
    assert (code, told) == (141, "")


def test_a_full_disk_is_told(site: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        code, told = run_into(full, "keys", "list", "keys.json", cwd=site)
    finally:
        os.close(full)
    assert (code, told) == (3, "headgate: standard output cannot be written: No space left on device\n")


@pytest.mark.parametrize("code", [0, 1, 70])
def test_what_arrives_changes_nothing(code: int) -> None:
    assert deliver(code) == code
