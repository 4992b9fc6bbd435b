from __future__ import annotations

import os
from pathlib import Path

import pytest

from origin.supervisor.processors import processors_of, usable_processors


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max 100000\n", None),
        ("200000 100000\n", 2),
        ("150000 100000", 2),
        ("10000 100000", 1),
        ("", None),
        ("100000", None),
        ("100000 0", None),
        ("-1 100000", None),
    ],
)
def test_a_control_group_is_worth_so_many(text: str, expected: int | None) -> None:
    assert processors_of(text) == expected


def test_never_more_than_there_are_nor_fewer_than_one(tmp_path: Path) -> None:
    limit = tmp_path / "cpu.max"
    there_are = len(os.sched_getaffinity(0))
    assert usable_processors(limit) == there_are  # no control groups here
    limit.write_text("100000000 100000")
    assert usable_processors(limit) == there_are
    limit.write_text("1000 100000")
    assert usable_processors(limit) == 1
