from __future__ import annotations

import os
from pathlib import Path

import pytest

from origin.storage.filehandle import FileHandle
from tests.contracts.descriptors import descriptors_below


@pytest.fixture
def handle(tmp_path: Path) -> FileHandle:
    return FileHandle(os.open(tmp_path / "a", os.O_RDONLY | os.O_CREAT))


def test_closes_once(handle: FileHandle, tmp_path: Path) -> None:
    assert descriptors_below(tmp_path) == [tmp_path / "a"]
    number = handle.fileno()
    handle.close()
    assert descriptors_below(tmp_path) == []
    somebody_else = os.open(tmp_path / "b", os.O_RDONLY | os.O_CREAT)
    assert somebody_else == number, "the system gives the lowest free number"
    handle.close()
    assert descriptors_below(tmp_path) == [tmp_path / "b"]
    os.close(somebody_else)


def test_no_use_after_close(handle: FileHandle) -> None:
    handle.close()
    with pytest.raises(ValueError):
        handle.fileno()
    with pytest.raises(ValueError), handle.in_use():
        pytest.fail("closed")


def test_close_waits_for_the_last_use(handle: FileHandle, tmp_path: Path) -> None:
    with handle.in_use() as first:
        with handle.in_use() as second:
            handle.close()
            assert first == second
        assert os.fstat(first).st_size == 0
        handle.close()
        assert descriptors_below(tmp_path) == [tmp_path / "a"]
        with pytest.raises(ValueError):
            handle.fileno()
    assert descriptors_below(tmp_path) == []


def test_stays_open_between_uses_and_after_a_failed_one(handle: FileHandle, tmp_path: Path) -> None:
    with pytest.raises(KeyError), handle.in_use():
        raise KeyError
    assert descriptors_below(tmp_path) == [tmp_path / "a"]
    handle.close()
    assert descriptors_below(tmp_path) == []
