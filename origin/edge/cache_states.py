"""A look-up's outcome as a Cache-Status member (RFC 9211)."""

from __future__ import annotations

from typing import assert_never

from cache import Outcome
from origin.http.caching import CACHE_NAME, CacheStatus, Forward


def status_of(outcome: Outcome, ttl_seconds: float) -> CacheStatus:
    """`ttl_seconds` of freshness left, negative when stale."""
    ttl = int(ttl_seconds)
    match outcome:
        case Outcome.HIT:
            return CacheStatus(CACHE_NAME, ttl=ttl)
        case Outcome.HIT_SHARED:
            return CacheStatus(CACHE_NAME, ttl=ttl, detail="shared")
        case Outcome.STALE:
            return CacheStatus(CACHE_NAME, ttl=ttl, detail="revalidating")
        case Outcome.STALE_ERROR:
            return CacheStatus(CACHE_NAME, forward=Forward.STALE, ttl=ttl, detail="source-failed")
        case Outcome.REVALIDATED:
            return CacheStatus(CACHE_NAME, forward=Forward.STALE, forward_status=304, ttl=ttl, stored=True)
        case Outcome.MISS:
            return CacheStatus(CACHE_NAME, forward=Forward.URI_MISS, ttl=ttl, stored=True)
        case Outcome.COLLAPSED:
            return CacheStatus(CACHE_NAME, forward=Forward.URI_MISS, ttl=ttl, collapsed=True)
        case Outcome.PARTIAL:
            return CacheStatus(CACHE_NAME, forward=Forward.PARTIAL, ttl=ttl, stored=True)
        case Outcome.BYPASS:
            return CacheStatus(CACHE_NAME, forward=Forward.BYPASS)
        case _:
            assert_never(outcome)
