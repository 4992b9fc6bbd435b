from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from origin.demo.child import ChildFailed, run_child


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


async def test_lines_arrive_whole_and_in_order(tmp_path: Path) -> None:
    heard: list[str] = []
    code = "import sys; [print('line', n) for n in range(3)]; sys.stdout.write('tail without end')"
    await run_child(python(code), directory=tmp_path, limit_seconds=30, on_line=heard.append)
    assert heard == ["line 0", "line 1", "line 2"]


async def test_the_last_words_are_in_the_error(tmp_path: Path) -> None:
    code = "import sys; sys.stderr.write('x' * 9000 + 'no such codec'); sys.exit(3)"
    with pytest.raises(ChildFailed, match=r"status 3: x{10,}no such codec$") as failed:
        await run_child(python(code), directory=tmp_path, limit_seconds=30)
    assert len(str(failed.value)) < 2200


async def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ChildFailed, match="absent could not be started"):
        await run_child((str(tmp_path / "absent"),), directory=tmp_path, limit_seconds=30)


async def test_a_program_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    code = "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(60)"
    with pytest.raises(ChildFailed, match="still running after"):
        await run_child(python(code), directory=tmp_path, limit_seconds=1.5)
    await until_gone(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("hears", ["", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"])
async def test_cancelled_with_its_own_children(tmp_path: Path, hears: str) -> None:
    code = (
        "import subprocess, sys\n"
        f"code = '{hears} print(0, flush=True); import time; time.sleep(60)'\n"
        "child = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    heard: asyncio.Queue[str] = asyncio.Queue()
    running = asyncio.create_task(
        run_child(python(code), directory=tmp_path, limit_seconds=30, on_line=heard.put_nowait)
    )
    grandchild = int(await heard.get())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until_gone(grandchild)


async def until_gone(pid: int) -> None:
    """Until there is no such process, or nothing left of it but its entry."""
    status = Path(f"/proc/{pid}/stat")
    async with asyncio.timeout(20):
        while status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z":
            await asyncio.sleep(0.01)
