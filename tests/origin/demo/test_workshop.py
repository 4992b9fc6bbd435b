from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from origin.demo.workshop import beside, in_thread, put_in_place, remove


def test_a_workshop_is_a_hidden_sibling_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "clock"
    assert beside(folder).parent == tmp_path
    assert beside(folder).name.startswith(".clock-")
    assert beside(folder) != beside(folder)


def test_what_was_there_is_replaced_whole(tmp_path: Path) -> None:
    folder, workshop = tmp_path / "clock", tmp_path / ".new"
    for place, name in ((folder, "old"), (workshop, "new")):
        place.mkdir()
        (place / name).touch()
    put_in_place(workshop, folder)
    assert [path.name for path in tmp_path.iterdir()] == ["clock"]
    assert [path.name for path in folder.iterdir()] == ["new"]


def test_removing_what_is_not_there(tmp_path: Path) -> None:
    remove(tmp_path / "absent")


async def test_cancelled_work_ends_before_its_caller_goes_on() -> None:
    started, go_on = threading.Event(), threading.Event()
    done: list[str] = []

    def work() -> None:
        started.set()
        go_on.wait(10)
        done.append("work")

    waiting = asyncio.create_task(in_thread(work))
    await asyncio.to_thread(started.wait, 10)
    waiting.cancel()
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    assert not waiting.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert done == ["work"]
