from __future__ import annotations

import pytest

from origin.supervisor.handover import VARIABLE, Part, PlannerPart, WorkerPart, take_part

PARTS = [PlannerPart(5), WorkerPart(7, (3,), (4,)), WorkerPart(9, (3, 4), (5, 6, 8))]


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_taken_out_of_the_environment(part: Part) -> None:
    environ = {VARIABLE: part.spelled(), "HOME": "/"}
    assert take_part(environ) == part
    assert environ == {"HOME": "/"}
    assert take_part(environ) is None


def test_a_worker_inherits_all_that_it_is_told_of() -> None:
    assert WorkerPart(9, (3, 4), (5, 6, 8)).descriptors() == (9, 3, 4, 5, 6, 8)
    assert PlannerPart(5).descriptors() == (5,)


@pytest.mark.parametrize(
    "value", ["", "1", "worker", "worker control=7 public= admin=4", "planner control=5 public=3", "planner control=-1"]
)
def test_what_no_supervisor_wrote_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=VARIABLE):
        take_part({VARIABLE: value})
