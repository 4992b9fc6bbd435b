"""The contract of the second tier: bytes that processes and nodes share."""

from __future__ import annotations

from typing import Protocol

from cache.key import CacheKey


class SecondTier(Protocol):
    """Shared bytes by key. It fails open: trouble is a miss, never an exception, and never takes long.

    What comes back may be anything that anybody put there, up to a size bound of the tier's own. Whether it
    may be served is judged by the reader: the time to live given here only says when it is of no use to
    anyone.
    """

    async def get(self, key: CacheKey) -> bytes | None:
        """The bytes last set, or None when there are none or the tier is in trouble."""
        ...

    async def set(self, key: CacheKey, value: bytes, ttl_seconds: float, fence: int | None = None) -> None:
        """Keep `value` for `ttl_seconds`, if it can; nothing empty, too large or with no time to live.

        With the fence of the lease that it was loaded under, it does not replace a value that is there with a higher
        one. Without, it replaces whatever is there, and the fence stays.
        """
        ...

    async def delete(self, key: CacheKey) -> None:
        """Forget the key, if that is possible."""
        ...

    async def probe(self) -> None:
        """Raise `SecondTierUnavailable` when the tier does not answer (for readiness and `doctor`)."""
        ...

    async def close(self) -> None:
        """Give back everything that is held open; afterwards every look-up is a miss. Idempotent."""
        ...
