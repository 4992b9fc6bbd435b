"""How often one subject may ask."""

from __future__ import annotations

from origin.edge.rate_limit import RateLimit


def test_a_minutes_worth_then_evenly() -> None:
    limit = RateLimit(2)
    assert [limit.wait("a", 0.0) for _ in range(3)] == [0.0, 0.0, 30.0]
    assert limit.wait("b", 0.0) == 0.0
    assert limit.wait("a", 15.0) == 15.0
    assert limit.wait("a", 30.0) == 0.0
    assert limit.wait("a", 1000.0) == limit.wait("a", 1000.0) == 0.0
    assert limit.wait("a", 1000.0) > 0


def test_a_clock_that_goes_back_gives_nothing() -> None:
    limit = RateLimit(1)
    assert limit.wait("a", 100.0) == 0.0
    assert limit.wait("a", 0.0) == 60.0


def test_memory_is_bounded() -> None:
    limit = RateLimit(1, subjects=2)
    for subject in "abc":
        limit.wait(subject, 0.0)
    assert limit.wait("c", 0.0) > 0
    assert limit.wait("a", 0.0) == 0.0  # forgotten, and so full again
