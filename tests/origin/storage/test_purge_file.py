"""The file of purges: whole at any time, whoever else writes it."""

from __future__ import annotations

import asyncio
import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from origin.storage.purge_file import PurgeFileOnDisk
from tests.architecture.source_tree import ROOT

_ADDS = """
import asyncio, sys
from pathlib import Path
from origin.storage.purge_file import PurgeFileOnDisk

async def main():
    file = PurgeFileOnDisk(Path(sys.argv[1]))
    for _ in range(50):
        await file.rewrite(lambda data: data + sys.argv[2].encode())

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "purges.json"


async def test_what_is_written_is_there(path: Path) -> None:
    file = PurgeFileOnDisk(path)
    assert await file.read() is None
    await file.rewrite(lambda before: before + b"one")
    assert await file.read() is None, "it is what this one has written"
    other = PurgeFileOnDisk(path)
    assert await other.read() == b"one"
    assert await other.read() is None
    await file.rewrite(lambda before: before + b"two")
    assert await other.read() == b"onetwo"
    assert sorted(each.name for each in path.parent.iterdir()) == ["purges.json", "purges.json.lock"]


async def test_what_stays_as_it_is_is_not_written(path: Path) -> None:
    file, other = PurgeFileOnDisk(path), PurgeFileOnDisk(path)
    await file.rewrite(lambda _: b"one")
    await other.read()
    await file.rewrite(lambda before: before)
    assert await other.read() is None


async def test_what_a_crash_left_behind_is_in_nobodys_way(path: Path) -> None:
    path.with_name("purges.json.new").write_bytes(b"half")
    file = PurgeFileOnDisk(path)
    assert await file.read() is None
    await file.rewrite(lambda before: before + b"whole")
    assert path.read_bytes() == b"whole"


async def test_a_change_that_fails_changes_nothing(path: Path) -> None:
    file = PurgeFileOnDisk(path)
    await file.rewrite(lambda _: b"one")
    with pytest.raises(ZeroDivisionError):
        await file.rewrite(lambda before: before * (1 // 0))
    assert path.read_bytes() == b"one"
    await file.rewrite(lambda _: b"two")
    assert path.read_bytes() == b"two"


async def test_without_its_directory_it_is_an_os_error(path: Path) -> None:
    file = PurgeFileOnDisk(path.parent / "absent" / "purges.json")
    assert await file.read() is None
    with pytest.raises(OSError, match="absent"):
        await file.rewrite(lambda _: b"one")


async def test_a_disk_that_hangs_is_an_os_error(path: Path) -> None:
    file, other = PurgeFileOnDisk(path, timeout_seconds=0.1), PurgeFileOnDisk(path)
    with path.with_name("purges.json.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(TimeoutError, match="too long"):
            await file.rewrite(lambda _: b"one")
    await other.rewrite(lambda before: before + b"two")
    assert path.read_bytes().endswith(b"two")
    file.close()
    with pytest.raises(OSError, match="closed"):
        await file.read()


async def test_processes_that_write_at_once_lose_nothing(path: Path) -> None:
    def run(word: str) -> int:
        command = [sys.executable, "-c", _ADDS, str(path), word]
        return subprocess.run(command, cwd=ROOT, timeout=50, check=False).returncode

    assert await asyncio.gather(*(asyncio.to_thread(run, word) for word in "ab")) == [0, 0]
    written = path.read_text()
    assert (written.count("a"), written.count("b"), len(written)) == (50, 50, 100)
