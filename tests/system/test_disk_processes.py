"""Several processes share one disk store, and one that may not write much still serves."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.system.test_disk_crash import answer, check, worker

pytestmark = pytest.mark.system


def test_what_one_process_does_the_other_sees(tmp_path: Path) -> None:
    with worker(tmp_path) as one, worker(tmp_path) as other:
        assert answer(one, "get a") == "none"
        assert answer(other, "put a 1 50000") == "kept"
        assert answer(one, "get a") == "1 50000"
        assert answer(one, "put a 2 60000") == "kept"
        assert answer(other, "get a") == "2 60000"
        assert answer(other, "remove a") == "True"
        assert [answer(one, "get a"), answer(one, "remove a")] == ["none", "False"]


def test_one_process_makes_room_with_the_bodies_of_the_other(tmp_path: Path) -> None:
    with worker(tmp_path) as one, worker(tmp_path) as other:
        for number in range(30):
            assert answer(one, f"put one-{number} {number} 100000") == "kept"
            assert answer(other, f"put other-{number} {number} 100000") == "kept"
    assert 10 <= asyncio.run(check(tmp_path)) <= 20


def test_what_the_disk_refuses_is_served_all_the_same(tmp_path: Path) -> None:
    with worker(tmp_path, "400000") as limited:
        assert answer(limited, "put small 1 100000") == "kept"
        assert answer(limited, "put large 2 1000000") == "served"
        assert answer(limited, "get large") == "none"
        assert answer(limited, "get small") == "1 100000"
        assert answer(limited, "put small 3 100001") == "kept"
    assert asyncio.run(check(tmp_path)) == 1


def test_a_process_goes_on_when_another_is_killed(tmp_path: Path) -> None:
    with worker(tmp_path) as one, worker(tmp_path) as other:
        assert answer(one, "churn 5") == "churning"
        assert answer(other, "put a 1 50000") == "kept"
        one.kill()
        one.wait(20)
        assert answer(other, "put b 2 50000") == "kept"
        assert answer(other, "get b") == "2 50000"
    assert asyncio.run(check(tmp_path)) > 0
