"""Which bytes of something are there: sorted runs that neither touch nor overlap."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

Run = tuple[int, int]  # first byte, and the first byte after it


@dataclass(frozen=True, slots=True)
class Extents:
    """A set of byte positions. Raises ValueError for runs that are empty, unsorted, or touch each other."""

    runs: tuple[Run, ...] = ()

    def __post_init__(self) -> None:
        end = -1
        for start, stop in self.runs:
            if start <= end or stop <= start:
                raise ValueError("runs are sorted, not empty, and do not touch")
            end = stop

    @property
    def size(self) -> int:
        """How many bytes are there."""
        return sum(stop - start for start, stop in self.runs)

    def reach(self, start: int) -> int:
        """The end of the run of bytes that are there from `start` on; `start` itself when that one is not."""
        at = bisect_right(self.runs, (start, 1 << 63)) - 1
        return max(start, self.runs[at][1]) if at >= 0 else start

    def covers(self, start: int, stop: int) -> bool:
        """Whether all bytes from `start` up to `stop` are there."""
        return self.reach(start) >= stop

    def missing(self, start: int, stop: int) -> tuple[Run, ...]:
        """The runs between `start` and `stop` that are not there."""
        gaps, at = [], start
        while (at := self.reach(at)) < stop:
            following = next((first for first, _ in self.runs if first > at), stop)
            gaps.append((at, min(following, stop)))
            at = gaps[-1][1]
        return tuple(gaps)

    def with_run(self, start: int, stop: int) -> Extents:
        """These and the bytes from `start` up to `stop`."""
        return merged([*self.runs, (start, stop)]) if stop > start else self


def merged(runs: Iterable[Run]) -> Extents:
    """The union of `runs`, which may touch and overlap in any order; none is empty."""
    joined: list[Run] = []
    for start, stop in sorted(runs):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], stop))
        else:
            joined.append((start, stop))
    return Extents(tuple(joined))
