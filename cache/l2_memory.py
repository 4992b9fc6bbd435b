"""A second tier in memory: several caches of one process, and tests, share it."""

from __future__ import annotations

from collections.abc import Callable

from cache.errors import SecondTierUnavailable
from cache.key import CacheKey

LARGEST_VALUE_BYTES = 4 * 2**20


class MemorySecondTier:
    """A `SecondTier`, bounded in bytes; what was set first leaves first."""

    def __init__(
        self,
        clock: Callable[[], float],
        capacity_bytes: int = 64 * 2**20,
        largest_value_bytes: int = LARGEST_VALUE_BYTES,
    ) -> None:
        """`clock` gives seconds; only differences count."""
        self._clock = clock
        self._capacity_bytes = capacity_bytes
        self._largest_value_bytes = min(largest_value_bytes, capacity_bytes)
        self._slots: dict[str, tuple[bytes, float, int]] = {}  # value, its end, its fence
        self._size_bytes = 0
        self._is_closed = False

    async def get(self, key: CacheKey) -> bytes | None:
        """See `SecondTier`."""
        slot = self._slots.get(key.text)
        if slot is None:
            return None
        value, ends_at, _ = slot
        if self._clock() >= ends_at:
            self._drop(key.text)
            return None
        return value

    async def set(self, key: CacheKey, value: bytes, ttl_seconds: float, fence: int | None = None) -> None:
        """See `SecondTier`."""
        if self._is_closed or ttl_seconds <= 0 or not 0 < len(value) <= self._largest_value_bytes:
            return
        now = self._clock()
        _, ends_at, last = self._slots.get(key.text, (b"", now, 0))
        last = last if now < ends_at else 0
        if fence is not None and fence < last:
            return
        self._drop(key.text)
        self._slots[key.text] = (value, now + ttl_seconds, last if fence is None else fence)
        self._size_bytes += len(value)
        while self._size_bytes > self._capacity_bytes:
            self._drop(next(iter(self._slots)))

    async def delete(self, key: CacheKey) -> None:
        """See `SecondTier`."""
        self._drop(key.text)

    async def probe(self) -> None:
        """See `SecondTier`."""
        if self._is_closed:
            raise SecondTierUnavailable("closed")

    async def close(self) -> None:
        """See `SecondTier`."""
        self._is_closed = True
        self._slots.clear()
        self._size_bytes = 0

    def _drop(self, text: str) -> None:
        slot = self._slots.pop(text, None)
        if slot is not None:
            self._size_bytes -= len(slot[0])
