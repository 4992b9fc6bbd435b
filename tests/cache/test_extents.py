"""Sets of byte positions, against sets of numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.extents import Extents, merged

RUNS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 10)).map(lambda pair: (pair[0], pair[0] + pair[1])))


def positions(runs: list[tuple[int, int]]) -> set[int]:
    return {at for start, stop in runs for at in range(start, stop)}


@given(RUNS, st.integers(0, 60), st.integers(0, 60))
def test_it_behaves_like_a_set_of_positions(runs: list[tuple[int, int]], start: int, stop: int) -> None:
    extents, there = merged(runs), positions(runs)
    assert positions(list(extents.runs)) == there
    assert extents.size == len(there)
    assert extents.covers(start, stop) == all(at in there for at in range(start, stop))
    assert positions(list(extents.missing(start, stop))) == set(range(start, stop)) - there
    assert positions(list(extents.with_run(start, stop).runs)) == there | set(range(start, stop))
    assert (extents.reach(start) > start) == (start in there)


@given(RUNS)
def test_merging_is_canonical(runs: list[tuple[int, int]]) -> None:
    assert merged(merged(runs).runs) == merged(runs)


@pytest.mark.parametrize("runs", [((1, 1),), ((0, 2), (2, 3)), ((4, 5), (0, 1)), ((2, 1),)])
def test_runs_that_are_not_canonical_are_refused(runs: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValueError, match="runs are sorted"):
        Extents(runs)
