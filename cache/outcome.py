"""How a look-up ended, in the words of RFC 9211 where it has one."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """The values double as metric labels."""

    HIT = "hit"  # fresh, in this process
    HIT_SHARED = "hit_shared"  # fresh, in the shared tier
    STALE = "stale"  # served stale while it is being refreshed
    STALE_ERROR = "stale_error"  # served stale because the source failed
    REVALIDATED = "revalidated"  # stale, asked the source, not changed
    MISS = "miss"  # loaded
    COLLAPSED = "collapsed"  # waited for somebody else's load
