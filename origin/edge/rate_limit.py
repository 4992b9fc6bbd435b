"""How often one subject may ask: a bucket of tokens for each, by memory of this process."""

from __future__ import annotations

from collections import OrderedDict

_SUBJECTS_KEPT = 100_000


class RateLimit:
    """Buckets that hold a minute's worth and fill evenly. Those that nobody has asked of for longest are forgotten."""

    def __init__(self, per_minute: int, subjects: int = _SUBJECTS_KEPT) -> None:
        """At most `subjects` buckets are kept; a forgotten one is full again."""
        self._per_minute = per_minute
        self._subjects = subjects
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is left, and when that was so

    def wait(self, subject: str, now: float) -> float:
        """Take one; 0 when it was there, else how many seconds until it will be."""
        rate = self._per_minute / 60
        left, at = self._buckets.pop(subject, (float(self._per_minute), now))
        left = min(float(self._per_minute), left + max(0.0, now - at) * rate)
        is_there = left >= 1
        self._buckets[subject] = (left - is_there, now)
        while len(self._buckets) > self._subjects:
            self._buckets.popitem(last=False)
        return 0.0 if is_there else (1 - left) / rate
