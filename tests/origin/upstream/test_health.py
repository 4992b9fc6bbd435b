"""Which base is asked, over any history."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from origin.upstream.health import Health, HealthPolicy, Reason, Turn

POLICY = HealthPolicy(failures=2, rest_seconds=10, longest_rest_seconds=30)


def picked(health: Health, now: float = 0, *tried: int, may_probe: bool = True) -> Turn:
    turn = health.pick(now, tried, may_probe=may_probe)
    assert turn is not None
    return turn


def fail(health: Health, now: float, *tried: int) -> None:
    health.failed(picked(health, now, *tried), now, 1.0)


def test_in_order_and_each_once() -> None:
    health = Health(3, POLICY)
    assert [picked(health, 0, *range(count)) for count in range(3)] == [Turn(at, Reason.HEALTHY) for at in range(3)]
    assert health.pick(0, (0, 1, 2)) is None


def test_out_after_failures_in_a_row_and_back_after_a_rest() -> None:
    health = Health(2, POLICY)
    fail(health, 0)
    health.succeeded(picked(health))
    fail(health, 0)
    assert health.out() == (False, False)
    fail(health, 0)
    assert health.out() == (True, False)
    assert picked(health, 9.9) == Turn(1, Reason.HEALTHY)
    assert health.pick(9.9, (1,)) is None
    probe = picked(health, 10)
    assert probe == Turn(0, Reason.PROBE)
    assert picked(health, 10) == Turn(1, Reason.HEALTHY)  # one probe at a time
    health.succeeded(probe)
    assert picked(health, 10) == Turn(0, Reason.HEALTHY)


def test_rests_double_up_to_a_limit_and_begin_anew() -> None:
    health = Health(2, POLICY)
    for _ in range(2):
        fail(health, 0)
    now = 0.0
    for rest in (10, 20, 30, 30):
        assert picked(health, now + rest - 0.1).index == 1
        now += rest
        fail(health, now)
    now += 30
    health.succeeded(picked(health, now))
    for _ in range(2):
        fail(health, now)
    assert picked(health, now + 10).reason is Reason.PROBE


def test_a_request_that_cannot_go_elsewhere_is_no_probe() -> None:
    health = Health(2, POLICY)
    for _ in range(2):
        fail(health, 0)
    assert picked(health, 100, may_probe=False) == Turn(1, Reason.HEALTHY)


def test_a_probe_that_nobody_waited_for_is_made_again() -> None:
    health = Health(2, POLICY)
    for _ in range(2):
        fail(health, 0)
    health.abandoned(picked(health, 10))
    assert picked(health, 10) == Turn(0, Reason.PROBE)


def test_when_all_are_out_the_one_that_is_back_first_is_asked() -> None:
    health = Health(2, POLICY)
    for now in (0, 0, 1, 1):
        fail(health, now)
    assert health.out() == (True, True)
    turn = picked(health, 2)
    assert turn == Turn(0, Reason.LAST_RESORT)
    health.failed(turn, 2, 1.0)
    assert picked(health, 10) == Turn(0, Reason.PROBE)
    health.succeeded(turn)  # it was asked while it was out: it is back
    assert health.out() == (False, True)


def test_an_answer_from_before_says_nothing_about_now() -> None:
    health = Health(1, POLICY)
    early = picked(health)
    for _ in range(2):
        fail(health, 0)
    health.succeeded(early)
    assert health.out() == (True,)
    health.failed(early, 5, 1.0)
    assert picked(health, 10).reason is Reason.PROBE


@pytest.mark.parametrize(("jitter", "rest"), [(0.0, 5), (0.5, 7.5), (0.999999, 10)])
def test_chance_spreads_rests_over_their_second_half(jitter: float, rest: float) -> None:
    health = Health(2, POLICY)
    for _ in range(2):
        health.failed(picked(health), 0, jitter)
    assert picked(health, rest - 0.01).index == 1
    assert picked(health, rest).index == 0


def test_what_makes_no_sense() -> None:
    for values in ({"failures": 0}, {"rest_seconds": 0}, {"rest_seconds": 5, "longest_rest_seconds": 4}):
        with pytest.raises(ValueError, match="ordered"):
            HealthPolicy(**values)
    with pytest.raises(ValueError, match="one base"):
        Health(0, POLICY)


class AnyHistory(RuleBasedStateMachine):
    """Some base is always asked, never one twice, and at most one probe of each is under way."""

    def __init__(self) -> None:
        super().__init__()
        self.health = Health(3, POLICY)
        self.now = 0.0
        self.open: list[Turn] = []

    @rule(tried=st.sets(st.integers(0, 2)), may_probe=st.booleans())
    def pick(self, tried: set[int], may_probe: bool) -> None:
        turn = self.health.pick(self.now, tried, may_probe=may_probe)
        assert (turn is not None) or tried
        if turn is not None:
            assert turn.index not in tried
            assert turn.reason is not Reason.PROBE or may_probe
            assert (turn.reason is Reason.HEALTHY) is not self.health.out()[turn.index]
            self.open.append(turn)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), how=st.sampled_from(["succeeded", "failed", "abandoned"]))
    def end(self, data: st.DataObject, how: str) -> None:
        turn = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        if how == "failed":
            self.health.failed(turn, self.now, 0.5)
        elif how == "succeeded":
            self.health.succeeded(turn)
            assert turn.reason is Reason.HEALTHY or not self.health.out()[turn.index]
        else:
            self.health.abandoned(turn)

    @rule(seconds=st.floats(0, 40))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def one_probe_each(self) -> None:
        probed = [turn.index for turn in self.open if turn.reason is Reason.PROBE]
        assert len(probed) == len(set(probed))


TestAnyHistory = AnyHistory.TestCase
