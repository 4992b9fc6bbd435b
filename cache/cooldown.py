"""Which keys' sources failed a moment ago and are left alone while something stale can be served."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Cooldown(Generic[K]):
    """Keys that rest. Without it, every viewer in turn would wait for a failing source."""

    def __init__(self, seconds: float, limit: int = 4096) -> None:
        """A key rests for `seconds`; at most `limit` do, the newest."""
        self._seconds = seconds
        self._limit = limit
        self._until: dict[K, float] = {}  # in the order of their ends, since all rest equally long

    def start(self, key: K, now: float) -> None:
        """The key's source failed at `now`."""
        self._until.pop(key, None)
        self._until[key] = now + self._seconds
        while len(self._until) > self._limit:
            del self._until[next(iter(self._until))]

    def holds(self, key: K, now: float) -> bool:
        """Whether the key still rests. A clock that was set back ends a rest rather than stretching it."""
        until = self._until.get(key)
        if until is None:
            return False
        if until - self._seconds <= now < until:
            return True
        del self._until[key]
        return False
