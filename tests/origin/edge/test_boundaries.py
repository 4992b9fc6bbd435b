from __future__ import annotations

import re

from origin.edge.boundaries import boundary_for
from origin.http.conditions import UNCONDITIONAL, Conditions


def test_only_several_ranges_need_one_that_nobody_can_guess() -> None:
    several = Conditions(range="bytes=0-1,5-6")
    boundaries = {boundary_for(several) for _ in range(10)}
    assert len(boundaries) == 10
    assert all(re.fullmatch("[0-9a-f]{24}", boundary) for boundary in boundaries)
    assert boundary_for(UNCONDITIONAL) == boundary_for(Conditions(range="bytes=0-1"))
