"""A folder that ends with the last of its users."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from origin.workers.place import WorkerPlace
from origin.workers.shared_folder import SharedFolder

ROOT = Path(__file__).parents[3]
STAYS = """
import sys, time
from pathlib import Path
from origin.workers.place import WorkerPlace
from origin.workers.shared_folder import SharedFolder
folder = SharedFolder(WorkerPlace(Path(sys.argv[1]), 1), "disk")
sys.stdout.write(f"{folder.path}\\n")
sys.stdout.flush()
sys.stdin.readline()
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkerPlace:
    (tmp_path / "temporary").mkdir()
    (tmp_path / "workers").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return WorkerPlace(tmp_path / "workers", 0)


def made(place: WorkerPlace) -> list[Path]:
    """Where temporary files go."""
    return list((place.directory.parent / "temporary").iterdir())


def test_all_have_the_same_until_the_last_leaves(place: WorkerPlace) -> None:
    one, two = SharedFolder(place, "disk"), SharedFolder(place, "disk")
    assert one.path == two.path
    assert one.path.stat().st_mode & 0o777 == 0o700
    (one.path / "body").write_bytes(b"kept")
    one.leave()
    three = SharedFolder(place, "disk")
    assert (three.path / "body").read_bytes() == b"kept"
    two.leave()
    assert len(made(place)) == 1
    three.leave()
    assert made(place) == []
    again = SharedFolder(place, "disk")
    assert list(again.path.iterdir()) == []
    again.leave()


def test_a_folder_that_somebody_took_away_is_made_anew(place: WorkerPlace) -> None:
    (place.directory / "disk").symlink_to(place.directory / "gone")
    folder = SharedFolder(place, "disk")
    assert folder.path.is_dir()
    folder.leave()


def test_a_killed_process_uses_nothing_any_more(place: WorkerPlace) -> None:
    one = SharedFolder(place, "disk")
    with subprocess.Popen(
        [sys.executable, "-c", STAYS, str(place.directory)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == f"{one.path}\n"
        one.leave()
        assert len(made(place)) == 1
        other.kill()
    SharedFolder(place, "disk").leave()
    assert made(place) == []
