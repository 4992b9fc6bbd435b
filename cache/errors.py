"""What can go wrong with the cache itself; what the source says passes through untouched."""

from __future__ import annotations


class CacheError(Exception):
    """The cache could not answer. `reason` is a stable word for logs and metrics."""

    reason = "cache_error"


class BadRedisUrl(ValueError):  # noqa: N818  # named for what it is
    """A Redis URL that cannot be used. The text never repeats the URL: it may carry a password."""


class CacheClosed(CacheError):  # noqa: N818  # named for what it is, like the others of the tree
    """The cache was closed before the load that this caller waited for came back."""

    reason = "cache_closed"


class SecondTierUnavailable(CacheError):  # noqa: N818
    """The second tier did not answer a probe. Look-ups never see this: for them it is a miss."""

    reason = "second_tier_unavailable"
