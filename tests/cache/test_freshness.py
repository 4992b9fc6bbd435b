from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.entry import Lifetime
from cache.freshness import CLOCK_TOLERANCE, Freshness, freshness

STORED = 1_800_000_000.0
SECONDS = st.floats(0, 1e6)
LIFETIMES = st.builds(Lifetime, SECONDS, SECONDS, SECONDS)


@pytest.mark.parametrize(
    ("lifetime", "age", "expected"),
    [
        (Lifetime(10, 20, 60), 0, Freshness.FRESH),
        (Lifetime(10, 20, 60), 9.5, Freshness.FRESH),
        (
            Lifetime(10, 20, 60),
            10,
            Freshness.STALE_USABLE,
        ),  # fresh while the lifetime is *greater* than the age
        (Lifetime(10, 20, 60), 29.5, Freshness.STALE_USABLE),
        (Lifetime(10, 20, 60), 30, Freshness.STALE_IF_ERROR),
        (Lifetime(10, 20, 60), 69.5, Freshness.STALE_IF_ERROR),
        (Lifetime(10, 20, 60), 70, Freshness.EXPIRED),
        (Lifetime(10, 60, 20), 50, Freshness.STALE_USABLE),
        (Lifetime(10, 60, 20), 70, Freshness.EXPIRED),
        (Lifetime(10), 9.5, Freshness.FRESH),
        (Lifetime(10), 10, Freshness.EXPIRED),
        (Lifetime(0), 0, Freshness.EXPIRED),
        (Lifetime(0), -0.5, Freshness.EXPIRED),
        (Lifetime(0, 5), 0, Freshness.STALE_USABLE),
        (Lifetime(10), -CLOCK_TOLERANCE, Freshness.FRESH),  # two clocks disagree a little
        (Lifetime(10), -CLOCK_TOLERANCE - 0.5, Freshness.EXPIRED),  # a clock was set back: the age is unknown
    ],
)
def test_table(lifetime: Lifetime, age: float, expected: Freshness) -> None:
    assert freshness(STORED, lifetime, STORED + age) is expected


@given(LIFETIMES, st.floats(-CLOCK_TOLERANCE, 1e7), st.floats(0, 1e7))
def test_never_gets_better(lifetime: Lifetime, age: float, more: float) -> None:
    now = STORED + age
    if STORED - now > CLOCK_TOLERANCE:  # rounding
        now = STORED
    assert freshness(STORED, lifetime, now + more) >= freshness(STORED, lifetime, now)


@given(LIFETIMES, st.floats(-1e7, 1e7))
def test_never_served_beyond_the_total(lifetime: Lifetime, age: float) -> None:
    now = STORED + age
    if now - STORED >= lifetime.total or STORED - now > CLOCK_TOLERANCE:
        assert freshness(STORED, lifetime, now) is Freshness.EXPIRED
    else:
        assert freshness(STORED, lifetime, now) is not Freshness.EXPIRED
