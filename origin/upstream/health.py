"""Which of several bases to ask. Pure: time and chance are arguments.

They are asked in order. One that fails so many times in a row is out for a rest; then one request finds out whether it
is back, while the others still pass it by. When all are out, the one whose rest ends first is asked all the same.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """When a base is out, and for how long. Seconds."""

    failures: int = 3  # in a row
    rest_seconds: float = 5.0
    longest_rest_seconds: float = 60.0  # the rest doubles after each attempt that finds it still out

    def __post_init__(self) -> None:
        if self.failures < 1 or not 0 < self.rest_seconds <= self.longest_rest_seconds:
            raise ValueError("a base is out after one failure at least, and its rests are ordered")


class Reason(Enum):
    """Why a base is asked."""

    HEALTHY = auto()
    PROBE = auto()  # to find out whether it is back
    LAST_RESORT = auto()  # all are out


@dataclass(frozen=True, slots=True)
class Turn:
    """A base to ask, by its index. Whoever takes one owes `succeeded`, `failed` or `abandoned`."""

    index: int
    reason: Reason


@dataclass(slots=True)
class _Base:
    failures: int = 0
    is_out: bool = False
    is_probed: bool = False
    rest: float = 0.0
    rests_until: float = 0.0


class Health:
    """The state machine. Times are seconds of any clock that never goes back."""

    def __init__(self, count: int, policy: HealthPolicy) -> None:
        """All of `count` bases are well."""
        if count < 1:
            raise ValueError("there is one base at least")
        self._policy = policy
        self._bases = [_Base() for _ in range(count)]

    def out(self) -> tuple[bool, ...]:
        """For each base, whether it is out."""
        return tuple(base.is_out for base in self._bases)

    def pick(self, now: float, tried: Collection[int], *, may_probe: bool = True) -> Turn | None:
        """The next base to ask for a request that has tried others; None when no other is worth it.

        A request that cannot go elsewhere when it fails (`may_probe` false) finds out nothing while others are well.
        """
        for index, base in enumerate(self._bases):
            if index in tried:
                continue
            if not base.is_out:
                return Turn(index, Reason.HEALTHY)
            if may_probe and not base.is_probed and now >= base.rests_until:
                base.is_probed = True
                return Turn(index, Reason.PROBE)
        return None if tried else self._least_bad()

    def succeeded(self, turn: Turn) -> None:
        """It answered well."""
        base = self._bases[turn.index]
        if base.is_out and turn.reason is Reason.HEALTHY:
            return  # asked before it went out: that says nothing about now
        base.failures = 0
        base.is_out = False
        base.rest = 0.0
        self._end_probe(turn)

    def failed(self, turn: Turn, now: float, jitter: float) -> None:
        """It did not. `jitter` in [0, 1) spreads a fleet's rests over their second half."""
        base = self._bases[turn.index]
        self._end_probe(turn)
        if not base.is_out:
            base.failures += 1
            if base.failures >= self._policy.failures:
                base.is_out = True
                base.rest = self._policy.rest_seconds
                base.rests_until = now + base.rest * (0.5 + jitter / 2)
        elif turn.reason is Reason.PROBE:
            base.rest = min(base.rest * 2, self._policy.longest_rest_seconds)
            base.rests_until = now + base.rest * (0.5 + jitter / 2)

    def abandoned(self, turn: Turn) -> None:
        """Nobody waited for the answer."""
        self._end_probe(turn)

    def _least_bad(self) -> Turn:
        index = min(range(len(self._bases)), key=lambda each: self._bases[each].rests_until)
        return Turn(index, Reason.LAST_RESORT)

    def _end_probe(self, turn: Turn) -> None:
        if turn.reason is Reason.PROBE:
            self._bases[turn.index].is_probed = False
