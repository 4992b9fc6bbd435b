"""What can go wrong with a stored body. Each error has a stable reason that may be a metric label."""

from __future__ import annotations

from cache.errors import CacheError


class DiskError(CacheError):
    """A body cannot be kept or given."""

    reason = "disk_error"


class DiskFull(DiskError):  # noqa: N818  # named for what it is, like the others of the tree
    """Neither the disk nor the memory set aside for such times has room for the body."""

    reason = "disk_full"


class TooLarge(DiskError):  # noqa: N818
    """The body is larger than one body may be."""

    reason = "too_large"


class DiskUnavailable(DiskError):  # noqa: N818
    """The store is closed, or its index cannot be used now."""

    reason = "disk_unavailable"


class BodyBroken(DiskError):  # noqa: N818
    """The body will never be whole: its filling was given up, or its file is damaged."""

    def __init__(self, reason: str) -> None:
        """`reason` is a short word."""
        super().__init__(f"the body is broken: {reason}")
        self.reason = reason
