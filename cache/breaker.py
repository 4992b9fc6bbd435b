"""Whether to ask something that may be hanging. Pure: time and chance are arguments.

    CLOSED     every operation goes ahead; `failures` of them failing in a row open the breaker
    OPEN       none does, until the rest is over
    HALF_OPEN  one probe is under way and nothing else: its success closes the breaker, its failure opens it

An operation that began before the breaker opened says nothing about now: only its own kind of answer counts
in each state.
"""

from __future__ import annotations

from enum import Enum, auto

from cache.outcome import BreakerState


class Admission(Enum):
    """What may be done now."""

    OPERATION = auto()  # go ahead
    PROBE = auto()  # find out, by one probe, whether it works again
    NOTHING = auto()


class Breaker:
    """The state machine. Times are seconds of any clock that never goes back."""

    def __init__(self, failures: int = 5, rest_seconds: float = 1.0, longest_rest_seconds: float = 10.0) -> None:
        """Open after `failures` in a row; rest `rest_seconds`, then twice as long after each failed probe."""
        if failures < 1 or not 0 <= rest_seconds <= longest_rest_seconds:
            raise ValueError("a breaker opens after one failure at least, and its rests are ordered")
        self.state = BreakerState.CLOSED
        self._limit = failures
        self._first_rest = rest_seconds
        self._longest_rest = longest_rest_seconds
        self._failures = 0
        self._rest = rest_seconds
        self._rests_until = 0.0

    def admit(self, now: float) -> Admission:
        """What may be done at `now`. After PROBE the caller owes `succeeded` or `failed` for that probe."""
        if self.state is BreakerState.CLOSED:
            return Admission.OPERATION
        if self.state is BreakerState.HALF_OPEN or now < self._rests_until:
            return Admission.NOTHING
        self.state = BreakerState.HALF_OPEN
        return Admission.PROBE

    def succeeded(self, admission: Admission) -> None:
        """What was admitted went well."""
        if admission is Admission.PROBE:
            self.state = BreakerState.CLOSED
            self._rest = self._first_rest
        if self.state is BreakerState.CLOSED:
            self._failures = 0

    def failed(self, admission: Admission, now: float, jitter: float) -> None:
        """What was admitted failed. `jitter` in [0, 1) spreads a fleet's rests over their second half."""
        if admission is Admission.PROBE:
            self._rest = min(self._rest * 2, self._longest_rest)
            self._open(now, jitter)
        elif self.state is BreakerState.CLOSED:
            self._failures += 1
            if self._failures >= self._limit:
                self._open(now, jitter)

    def _open(self, now: float, jitter: float) -> None:
        self.state = BreakerState.OPEN
        self._failures = 0
        self._rests_until = now + self._rest * (0.5 + jitter / 2)
