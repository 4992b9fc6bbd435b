"""Age and freshness of a stored response: RFC 9111 §4.2, with the windows of RFC 5861."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from math import floor

from origin.http.fields import Fields, values_of
from origin.httpcache.dates import date_of
from origin.httpcache.directives import MAX_SECONDS, ResponseDirectives
from origin.httpcache.policy import Policy
from origin.httpcache.stored import StoredResponse

# What may be kept without explicit freshness (RFC 9110 §15.1).
CACHEABLE_BY_DEFAULT = frozenset({200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501})

_AGE = re.compile(r"[ \t]*+0*+([0-9]*+)(?<=[0-9])[ \t]*+(?:,|\Z)")


class State(StrEnum):
    """What a stored response is good for, best first."""

    FRESH = "fresh"
    STALE_WHILE_REVALIDATE = "stale-while-revalidate"  # serve it, and validate it meanwhile
    STALE = "stale"  # validate it first; `Freshness.may_serve_on_error` says what if that fails
    MUST_REVALIDATE = "must-revalidate"  # never without a successful validation


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old a response is and how old it may get, in seconds."""

    age: float
    lifetime: float
    state: State
    may_serve_on_error: bool  # in place of a failed upstream (disconnected, or 500, 502, 503, 504)

    @property
    def ttl(self) -> float:
        """Seconds of freshness that are left; negative when it is stale."""
        return self.lifetime - self.age


def current_age(stored: StoredResponse, now: float) -> float:
    """Seconds since the response was made or validated at its source, as well as that can be known (§4.2.3)."""
    return _initial_age(stored) + max(now - stored.received_at, 0.0)


def freshness_lifetime(stored: StoredResponse, policy: Policy) -> float:
    """The age up to which the response is fresh, in seconds (§4.2.1, §4.2.2)."""
    explicit = explicit_lifetime(stored.fields, policy.directives(stored.fields), stored.received_at)
    chosen = chosen_seconds(stored.status, policy, is_explicit=explicit is not None)
    if chosen is not None:
        return _initial_age(stored) + chosen
    if explicit is not None:
        return explicit
    return _heuristic_lifetime(stored, policy)


def freshness(stored: StoredResponse, now: float, policy: Policy, *, is_purged: bool = False) -> Freshness:
    """Judge the response at `now` (Unix seconds). `is_purged` softly: it counts as stale from now at the latest."""
    directives = policy.directives(stored.fields)
    age, lifetime = current_age(stored, now), freshness_lifetime(stored, policy)
    if is_purged:
        lifetime = min(lifetime, age)
    overdue = age - lifetime
    is_bound = _forbids_stale(directives, policy)
    if directives.no_cache or (overdue >= 0 and is_bound):
        return Freshness(age, lifetime, State.MUST_REVALIDATE, may_serve_on_error=False)
    meanwhile = directives.stale_while_revalidate or 0
    on_error = policy.stale_if_error_default if directives.stale_if_error is None else directives.stale_if_error
    may_serve_on_error = not is_bound and overdue < max(meanwhile, on_error)
    stale = State.STALE_WHILE_REVALIDATE if overdue < meanwhile else State.STALE
    return Freshness(age, lifetime, State.FRESH if overdue < 0 else stale, may_serve_on_error)


def explicit_lifetime(fields: Fields, directives: ResponseDirectives, received_at: float) -> float | None:
    """The freshness lifetime that the response itself gives (§4.2.1), or None.

    Expires counts only where no directive does and none is targeted; a date that is none is in the past (§5.3).
    """
    if directives.s_maxage is not None:
        return directives.s_maxage
    if directives.max_age is not None:
        return directives.max_age
    if directives.is_targeted or not values_of(fields, "expires"):
        return None
    expires = date_of(fields, "expires", received_at)
    if expires is None:
        return 0.0
    date = date_of(fields, "date", received_at)
    return min(max(expires - (received_at if date is None else date), 0.0), MAX_SECONDS)


def chosen_seconds(status: int, policy: Policy, *, is_explicit: bool) -> float | None:
    """How long after its arrival the operator lets such a response be fresh, or None when that is left to others."""
    if policy.override_seconds is not None and status < 400 and (is_explicit or status in CACHEABLE_BY_DEFAULT):
        return policy.override_seconds
    return None if is_explicit else policy.default_negative_seconds.get(status)


def _heuristic_lifetime(stored: StoredResponse, policy: Policy) -> float:
    modified = stored.last_modified
    may = stored.status in CACHEABLE_BY_DEFAULT or policy.directives(stored.fields).public
    if modified is None or not may:
        return 0.0
    made = stored.received_at if stored.date is None else stored.date
    return min(max(made - modified, 0.0) * policy.heuristic_fraction, policy.heuristic_max_seconds)


def _initial_age(stored: StoredResponse) -> float:
    date = stored.date
    # Date has whole seconds, so the clock it is compared with has them too.
    apparent = 0.0 if date is None else max(floor(stored.received_at) - date, 0.0)
    delay = max(stored.received_at - stored.requested_at, 0.0)
    return max(apparent, _age_value(stored.fields) + delay)


def _age_value(fields: Fields) -> int:
    """The first member of Age, or 0 when that is not a number of seconds (§5.1)."""
    values = values_of(fields, "age")
    found = _AGE.match(values[0]) if values else None
    if found is None:
        return 0
    return MAX_SECONDS if len(found[1]) > len(str(MAX_SECONDS)) else min(int(found[1] or "0"), MAX_SECONDS)


def _forbids_stale(directives: ResponseDirectives, policy: Policy) -> bool:
    """Whether the response must not be served stale for any reason (§4.2.4)."""
    if directives.no_cache or directives.must_revalidate or directives.proxy_revalidate:
        return True
    if directives.s_maxage is None:
        return False
    windows = (directives.stale_while_revalidate, directives.stale_if_error)
    return policy.s_maxage_forbids_stale or windows == (None, None)
