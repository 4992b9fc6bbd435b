"""What to do with a request, given what is stored: RFC 9111 §4, §5.2.1."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from origin.http.caching import Forward
from origin.http.dates import format_http_date
from origin.http.fields import Fields, values_of
from origin.httpcache.directives import RequestDirectives, request_directives
from origin.httpcache.freshness import Freshness, State, freshness
from origin.httpcache.policy import Policy
from origin.httpcache.stored import StoredResponse
from origin.httpcache.storing import allows_authorization
from origin.httpcache.variants import is_selected

_NOTHING_ASKED = RequestDirectives()


class Purged(Enum):
    """What a purge made of a stored response."""

    NONE = auto()
    SOFT = auto()  # stale from now on, but usable where a stale response is
    HARD = auto()  # not there


@dataclass(frozen=True, slots=True)
class Serve:
    """Answer with the stored response. Times in seconds; `ttl` is negative when it is stale."""

    age: float
    ttl: float
    is_stale: bool = False  # the client said that it takes one


@dataclass(frozen=True, slots=True)
class ServeWhileRevalidating:
    """Answer with the stored response, and validate it meanwhile (RFC 5861 §3)."""

    age: float
    ttl: float
    conditional: Fields


@dataclass(frozen=True, slots=True)
class Revalidate:
    """Ask the upstream first, with these conditions; none means that there is nothing to validate by."""

    conditional: Fields
    may_serve_on_error: bool  # the stored response may stand in when the upstream fails
    age: float
    ttl: float
    forward: Forward


@dataclass(frozen=True, slots=True)
class Fetch:
    """Ask the upstream: nothing that is stored is of use."""

    forward: Forward


@dataclass(frozen=True, slots=True)
class Unsatisfiable:
    """Answer 504: the client wants no more than what is stored, and that is not enough (§5.2.1.7)."""


Decision: TypeAlias = Serve | ServeWhileRevalidating | Revalidate | Fetch | Unsatisfiable


def decide(
    method: str,
    request_fields: Fields,
    stored: StoredResponse | None,
    now: float,
    policy: Policy,
    *,
    purged: Purged = Purged.NONE,
) -> Decision:
    """What to do with a request at `now` (Unix seconds), `stored` being what was found for its target and variant."""
    if method not in {"GET", "HEAD"}:
        return Fetch(Forward.METHOD)
    asked = request_directives(request_fields) if policy.honour_request else _NOTHING_ASKED
    decision = _decide(request_fields, stored, now, policy, asked, purged)
    if asked.only_if_cached and isinstance(decision, Revalidate | Fetch):
        return Unsatisfiable()
    return decision


def conditional_fields(stored: StoredResponse) -> Fields:
    """The fields that ask whether a stored response is still the current one (§4.3.1); none when it has no validator.

    Validators of anything but a success tell of nothing that a condition is about (RFC 9110 §13.1).
    """
    if not 200 <= stored.status < 300:
        return ()
    fields = []
    if stored.etag is not None:
        fields.append(("If-None-Match", str(stored.etag)))
    if (modified := stored.last_modified) is not None:
        fields.append(("If-Modified-Since", format_http_date(modified)))
    return tuple(fields)


def _decide(
    request_fields: Fields,
    stored: StoredResponse | None,
    now: float,
    policy: Policy,
    asked: RequestDirectives,
    purged: Purged,
) -> Decision:
    if stored is None:
        return Fetch(Forward.URI_MISS)
    if purged is Purged.HARD:
        return Fetch(Forward.MISS)
    if not is_selected(stored.vary, request_fields):
        return Fetch(Forward.VARY_MISS)
    if values_of(request_fields, "authorization") and not allows_authorization(policy.directives(stored.fields)):
        return Fetch(Forward.BYPASS)
    if asked.no_store:
        return Fetch(Forward.REQUEST)
    found = freshness(stored, now, policy, is_purged=purged is Purged.SOFT)
    if _is_too_old(found, asked):
        return _revalidate(stored, found, Forward.REQUEST)
    if found.state is State.FRESH:
        return Serve(found.age, found.ttl)
    if found.state is State.STALE_WHILE_REVALIDATE:
        return ServeWhileRevalidating(found.age, found.ttl, conditional_fields(stored))
    if purged is Purged.NONE and _takes_stale(found, asked):
        return Serve(found.age, found.ttl, is_stale=True)
    return _revalidate(stored, found, Forward.STALE)


def _is_too_old(found: Freshness, asked: RequestDirectives) -> bool:
    """Whether the client wants a younger response, or one that is fresh for longer."""
    if asked.no_cache:
        return True
    # max-age=0 is how a reload is asked for, and an age is hardly ever exactly zero.
    if asked.max_age is not None and (found.age > asked.max_age or asked.max_age == 0):
        return True
    return asked.min_fresh is not None and found.ttl < asked.min_fresh


def _takes_stale(found: Freshness, asked: RequestDirectives) -> bool:
    return found.state is State.STALE and asked.max_stale is not None and -found.ttl <= asked.max_stale


def _revalidate(stored: StoredResponse, found: Freshness, forward: Forward) -> Revalidate:
    return Revalidate(conditional_fields(stored), found.may_serve_on_error, found.age, found.ttl, forward)
