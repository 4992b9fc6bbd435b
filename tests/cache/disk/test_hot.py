from __future__ import annotations

import os
from pathlib import Path

from cache.disk.body import BodyFile, create_body
from cache.disk.hot import HotBodies
from cache.disk.rows import Row
from tests.cache.disk.test_body import is_open
from tests.clock import Clock


def kept(hot: HotBodies, clock: Clock, directory: Path, key: str, body_id: int) -> BodyFile:
    """The file of a body that only `hot` holds."""
    file = create_body(directory, body_id, os.close)
    hot.keep(Row(body_id, 0, key, b"", None, (), (), 0, ""), file, clock())
    file.let_go()
    return file


def test_a_look_is_believed_for_a_while(tmp_path: Path, clock: Clock) -> None:
    hot = HotBodies(10, 1.0, clock)
    file = kept(hot, clock, tmp_path, "a", 1)
    clock.advance(0.9)
    found = hot.get("a")
    assert found is not None
    assert found.file is file
    clock.advance(0.1)
    assert hot.get("a") is None
    assert is_open(file.descriptor)  # it may turn out to be current
    hot.drop_expired()
    assert not is_open(file.descriptor)


def test_a_clock_that_is_set_back_is_not_believed(tmp_path: Path, clock: Clock) -> None:
    hot = HotBodies(10, 1.0, clock)
    kept(hot, clock, tmp_path, "a", 1)
    clock.advance(-5)
    assert hot.get("a") is None
    hot.clear()


def test_the_oldest_makes_place(tmp_path: Path, clock: Clock) -> None:
    hot = HotBodies(2, 1.0, clock)
    files = [kept(hot, clock, tmp_path, key, number) for number, key in enumerate("abc", 1)]
    assert [hot.get(key) is not None for key in "abc"] == [False, True, True]
    assert [is_open(file.descriptor) for file in files] == [False, True, True]
    hot.clear()
    assert not any(is_open(file.descriptor) for file in files)


def test_another_body_takes_the_place_of_the_old(tmp_path: Path, clock: Clock) -> None:
    hot = HotBodies(2, 1.0, clock)
    old = kept(hot, clock, tmp_path, "a", 1)
    new = kept(hot, clock, tmp_path, "a", 2)
    assert (is_open(old.descriptor), is_open(new.descriptor)) == (False, True)
    held = hot.open_file("a")
    assert held is new
    hot.drop("a")
    hot.drop("a")
    assert is_open(new.descriptor)
    held.let_go()
    assert not is_open(new.descriptor)
    assert hot.open_file("a") is None
