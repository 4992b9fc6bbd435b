"""Interleaved timing: every contender in every round, so that a noisy machine is noisy for all of them.

What is timed neither waits nor has threads, so the clock is the processor time of this one: whatever else runs on the
machine takes less part in it.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Operation = Callable[[], object]

_BATCH_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Timed:
    """Microseconds per call, one figure for each round."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return statistics.median(self.rounds)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, as a share of the median."""
        if len(self.rounds) < 4:
            return 0.0
        low, _, high = statistics.quantiles(self.rounds, n=4)
        return (high - low) / 2 / self.median


def interleaved(operations: Mapping[str, Operation], rounds: int) -> dict[str, Timed]:
    """Time each of `operations`, taking turns, `rounds` times."""
    batches = {name: _batch(operation) for name, operation in operations.items()}
    taken: dict[str, list[float]] = {name: [] for name in operations}
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, operation in operations.items():
                taken[name].append(_run(operation, batches[name]))
    finally:
        gc.enable()
    return {name: Timed(tuple(figures)) for name, figures in taken.items()}


def _batch(operation: Operation) -> int:
    """How many calls make a batch that the clock can measure."""
    count = 1
    while (spent := _run(operation, count) * count / 1e6) < _BATCH_SECONDS and count < 2**20:
        count *= 2 if spent > _BATCH_SECONDS / 8 else 8
    return count


def _run(operation: Operation, count: int) -> float:
    started = time.thread_time_ns()
    for _ in range(count):
        operation()
    return (time.thread_time_ns() - started) / count / 1000
