"""Age and freshness of a stored response: RFC 9111 §4.2, with the windows of RFC 5861."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
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
    return _age_at(stored, _initial_age(stored), now)


def freshness_lifetime(stored: StoredResponse, policy: Policy) -> float:
    """The age up to which the response is fresh, in seconds (§4.2.1, §4.2.2)."""
    return _terms(stored, policy).lifetime


def freshness(stored: StoredResponse, now: float, policy: Policy, *, is_purged: bool = False) -> Freshness:
    """Judge the response at `now` (Unix seconds). `is_purged` softly: it counts as stale from now at the latest."""
    terms = _terms(stored, policy)
    age = _age_at(stored, terms.initial_age, now)
    lifetime = min(terms.lifetime, age) if is_purged else terms.lifetime
    overdue = age - lifetime
    if terms.is_never_fresh or (overdue >= 0 and terms.is_never_stale):
        return Freshness(age, lifetime, State.MUST_REVALIDATE, may_serve_on_error=False)
    may_serve_on_error = not terms.is_never_stale and overdue < max(terms.while_revalidating, terms.on_error)
    stale = State.STALE_WHILE_REVALIDATE if overdue < terms.while_revalidating else State.STALE
    return Freshness(age, lifetime, State.FRESH if overdue < 0 else stale, may_serve_on_error)


def _explicit_lifetime(fields: Fields, directives: ResponseDirectives, received_at: float) -> float | None:
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


@dataclass(frozen=True, slots=True)
class _Terms:
    """What does not change about a response while it is stored. Times in seconds."""

    initial_age: float
    lifetime: float
    while_revalidating: float
    on_error: float
    is_never_fresh: bool  # no-cache
    is_never_stale: bool


@lru_cache(maxsize=512)  # it is asked about whenever the response is
def _terms(stored: StoredResponse, policy: Policy) -> _Terms:
    directives = policy.directives(stored.fields)
    initial_age = _initial_age(stored)
    lifetime = _explicit_lifetime(stored.fields, directives, stored.received_at)
    chosen = chosen_seconds(stored.status, policy, is_explicit=lifetime is not None)
    if chosen is not None:
        lifetime = initial_age + chosen
    elif lifetime is None:
        lifetime = _heuristic_lifetime(stored, policy)
    on_error = directives.stale_if_error
    return _Terms(
        initial_age=initial_age,
        lifetime=lifetime,
        while_revalidating=directives.stale_while_revalidate or 0,
        on_error=policy.stale_if_error_default if on_error is None else on_error,
        is_never_fresh=directives.no_cache,
        is_never_stale=_forbids_stale(directives, policy),
    )


def _heuristic_lifetime(stored: StoredResponse, policy: Policy) -> float:
    modified = stored.last_modified
    may = stored.status in CACHEABLE_BY_DEFAULT or policy.directives(stored.fields).public
    if modified is None or not may:
        return 0.0
    made = stored.received_at if stored.date is None else stored.date
    return min(max(made - modified, 0.0) * policy.heuristic_fraction, policy.heuristic_max_seconds)


def _age_at(stored: StoredResponse, initial_age: float, now: float) -> float:
    return initial_age + max(now - stored.received_at, 0.0)


@lru_cache(maxsize=512)  # a crowd asks for it once a viewer, and a date takes its time to be read
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
