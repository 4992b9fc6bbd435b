"""May this entry be served now?"""

from __future__ import annotations

from enum import IntEnum

from cache.entry import Lifetime

CLOCK_TOLERANCE = 1.0  # seconds by which the clocks of two nodes may disagree


class Freshness(IntEnum):
    """Best first: a smaller value may be served whenever a larger one may."""

    FRESH = 0
    STALE_USABLE = 1  # serve it and refresh it meanwhile
    STALE_IF_ERROR = 2  # serve it if the source fails
    EXPIRED = 3  # never serve it


def freshness(stored_at: float, lifetime: Lifetime, now: float) -> Freshness:
    """Judge an entry by its age at `now` (Unix seconds); from then on it never gets better (RFC 9111 §4.2).

    A `stored_at` in the future means that two clocks disagree or that this one was set back. Up to
    `CLOCK_TOLERANCE` the age counts as zero, which is all that a value can be served beyond its lifetime.
    Beyond it the age cannot be known, and the entry counts as expired: better to ask the source than to serve
    an hour too long.
    """
    age = max(now - stored_at, 0.0)
    if stored_at - now > CLOCK_TOLERANCE or age >= lifetime.total:
        return Freshness.EXPIRED
    if age < lifetime.fresh:
        return Freshness.FRESH
    if age < lifetime.fresh + lifetime.stale_while_revalidate:
        return Freshness.STALE_USABLE
    return Freshness.STALE_IF_ERROR
