"""Time for tests: it stands still until a test moves it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Clock:
    """A clock that shows `now`, in seconds since the epoch; call it where a `() -> float` is wanted."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        """The time it shows."""
        return self.now

    def advance(self, seconds: float) -> float:
        """Move on by `seconds` and return the new time."""
        self.now += seconds
        return self.now
