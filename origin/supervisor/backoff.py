"""How long to wait before a worker that ended is replaced."""

from __future__ import annotations

# A worker that has served for so long has shown that it can: what it died of then is a new story.
HEALTHY_SECONDS = 60.0

_FIRST_SECONDS = 0.5
_AT_MOST_SECONDS = 30.0


def failures_after(failures: int, served_seconds: float) -> int:
    """How many times in a row a place has failed, after a worker that served for so long ended, too."""
    return 1 if served_seconds >= HEALTHY_SECONDS else failures + 1


def delay_seconds(failures: int) -> float:
    """The wait after so many failures in a row, at least one: none after the first, then twice as long each time."""
    if failures <= 1:
        return 0.0
    return min(_FIRST_SECONDS * 2.0 ** min(failures - 2, 32), _AT_MOST_SECONDS)
