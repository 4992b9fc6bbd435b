"""What a supervisor's words say of a worker's place."""

from __future__ import annotations

from pathlib import Path

import pytest

from origin.workers.place import BadPlaceError, WorkerPlace, place_of


def test_a_worker_has_a_directory_and_a_number(tmp_path: Path) -> None:
    assert place_of(str(tmp_path), "3") == WorkerPlace(tmp_path, 3)


def test_without_a_directory_there_are_no_others() -> None:
    assert place_of("", "3") is None


@pytest.mark.parametrize("slot", ["", "-1", "x", "1024", "99999", "1.0", " 1", "٣"])
def test_what_is_no_number_is_no_slot(tmp_path: Path, slot: str) -> None:
    with pytest.raises(BadPlaceError):
        place_of(str(tmp_path), slot)


@pytest.mark.parametrize("directory", ["nowhere", "/nowhere/at/all", "."])
def test_the_directory_has_to_be_there(directory: str) -> None:
    with pytest.raises(BadPlaceError):
        place_of(directory, "0")
