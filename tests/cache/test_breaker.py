from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cache.breaker import Admission, Breaker
from cache.outcome import BreakerState


def state_of(breaker: Breaker) -> BreakerState:
    return breaker.state


def opened(breaker: Breaker, failures: int, now: float = 0.0, jitter: float = 0.0) -> Breaker:
    for _ in range(failures):
        breaker.failed(Admission.OPERATION, now, jitter)
    assert state_of(breaker) is BreakerState.OPEN
    return breaker


def test_opens_after_failures_in_a_row() -> None:
    breaker = Breaker(failures=3)
    for failed in (True, True, False, True, True):
        assert breaker.admit(0) is Admission.OPERATION
        if failed:
            breaker.failed(Admission.OPERATION, 0, 0)
        else:
            breaker.succeeded(Admission.OPERATION)
    assert state_of(breaker) is BreakerState.CLOSED
    breaker.failed(Admission.OPERATION, 0, 0)
    assert state_of(breaker) is BreakerState.OPEN
    assert breaker.admit(0) is Admission.NOTHING


@pytest.mark.parametrize(("jitter", "rest"), [(0.0, 5.0), (0.5, 7.5), (0.999, 9.995)])
def test_jitter_spreads_the_rest_over_its_second_half(jitter: float, rest: float) -> None:
    breaker = opened(Breaker(1, 10, 10), 1, now=100, jitter=jitter)
    assert breaker.admit(100 + rest - 0.01) is Admission.NOTHING
    assert breaker.admit(100 + rest) is Admission.PROBE


def test_one_probe_at_a_time() -> None:
    breaker = opened(Breaker(1), 1)
    assert breaker.admit(1) is Admission.PROBE
    assert state_of(breaker) is BreakerState.HALF_OPEN
    assert breaker.admit(1000) is Admission.NOTHING
    breaker.succeeded(Admission.PROBE)
    assert state_of(breaker) is BreakerState.CLOSED
    assert breaker.admit(1000) is Admission.OPERATION


def test_failed_probes_double_the_rest_up_to_a_bound() -> None:
    breaker = opened(Breaker(1, 1, 5), 1, jitter=0.0)
    now = 0.0
    for rest in (0.5, 1.0, 2.0, 2.5, 2.5):
        assert breaker.admit(now + rest - 0.01) is Admission.NOTHING
        now += rest
        assert breaker.admit(now) is Admission.PROBE
        breaker.failed(Admission.PROBE, now, 0.0)
    assert breaker.admit(now + 2.5) is Admission.PROBE
    breaker.succeeded(Admission.PROBE)
    opened(breaker, 1, now)
    assert breaker.admit(now + 0.5) is Admission.PROBE, "the first rest is short again"


def test_late_news_of_earlier_operations_changes_nothing() -> None:
    breaker = opened(Breaker(2, 1, 1), 2, now=0, jitter=0)
    breaker.failed(Admission.OPERATION, 0.4, 0.9)
    breaker.succeeded(Admission.OPERATION)
    assert breaker.admit(0.5) is Admission.PROBE, "the rest did not grow"
    breaker.failed(Admission.OPERATION, 0.5, 0.9)
    breaker.succeeded(Admission.OPERATION)
    assert state_of(breaker) is BreakerState.HALF_OPEN, "the probe alone decides"
    breaker.succeeded(Admission.PROBE)
    breaker.failed(Admission.OPERATION, 0.5, 0)
    assert state_of(breaker) is BreakerState.CLOSED, "counting began anew"


@pytest.mark.parametrize(("failures", "rest", "longest"), [(0, 1, 2), (1, 2, 1), (1, -1, 1)])
def test_senseless_limits(failures: int, rest: float, longest: float) -> None:
    with pytest.raises(ValueError, match="breaker"):
        Breaker(failures, rest, longest)


class AnyOrder(RuleBasedStateMachine):
    """Operations and probes that begin and end in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(2, 1, 4)
        self.now = 0.0
        self.operations = 0
        self.probes = 0

    @rule(seconds=st.floats(0, 3))
    def begin(self, seconds: float) -> None:
        self.now += seconds
        state = self.breaker.state
        admission = self.breaker.admit(self.now)
        assert (admission is Admission.OPERATION) == (state is BreakerState.CLOSED)
        self.operations += admission is Admission.OPERATION
        self.probes += admission is Admission.PROBE

    @precondition(lambda self: self.operations)
    @rule(good=st.booleans(), jitter=st.floats(0, 1, exclude_max=True))
    def end_operation(self, good: bool, jitter: float) -> None:
        self.operations -= 1
        before = self.breaker.state
        self._end(Admission.OPERATION, good, jitter)
        assert before is BreakerState.CLOSED or self.breaker.state is before

    @precondition(lambda self: self.probes)
    @rule(good=st.booleans(), jitter=st.floats(0, 1, exclude_max=True))
    def end_probe(self, good: bool, jitter: float) -> None:
        self.probes -= 1
        self._end(Admission.PROBE, good, jitter)
        assert self.breaker.state is (BreakerState.CLOSED if good else BreakerState.OPEN)

    @invariant()
    def a_probe_is_under_way_when_half_open_and_only_then(self) -> None:
        assert self.probes == (self.breaker.state is BreakerState.HALF_OPEN)

    def _end(self, admission: Admission, good: bool, jitter: float) -> None:
        if good:
            self.breaker.succeeded(admission)
        else:
            self.breaker.failed(admission, self.now, jitter)

    def teardown(self) -> None:
        """However it went, one good probe is the way back."""
        if self.probes:
            self.breaker.succeeded(Admission.PROBE)
        elif self.breaker.state is BreakerState.OPEN:
            assert self.breaker.admit(self.now + 4) is Admission.PROBE
            self.breaker.succeeded(Admission.PROBE)
        assert self.breaker.admit(self.now) is Admission.OPERATION


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=40)
