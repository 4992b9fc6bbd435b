"""What a process is told of its place, as the command line reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from origin.cli.place import place_of_this_process
from origin.cli.trouble import ExitCode, Trouble
from origin.server.worker_environment import DIRECTORY, SLOT
from origin.workers.place import WorkerPlace


def test_a_worker_knows_its_place_and_others_have_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DIRECTORY, raising=False)
    monkeypatch.setenv(SLOT, "1")
    assert place_of_this_process() is None
    monkeypatch.setenv(DIRECTORY, str(tmp_path))
    assert place_of_this_process() == WorkerPlace(tmp_path, 1)


def test_what_makes_no_sense_ends_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DIRECTORY, str(tmp_path))
    monkeypatch.setenv(SLOT, "many")
    with pytest.raises(Trouble, match=f"{DIRECTORY}, {SLOT}: ") as trouble:
        place_of_this_process()
    assert trouble.value.code is ExitCode.USAGE
