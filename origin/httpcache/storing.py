"""Whether a response may be stored, and what of it: RFC 9111 §3."""

from __future__ import annotations

from enum import StrEnum

from origin.http.dates import format_http_date
from origin.http.fields import Fields, values_of, without
from origin.httpcache.combining import part_of
from origin.httpcache.dates import date_of
from origin.httpcache.directives import ResponseDirectives, request_directives
from origin.httpcache.freshness import CACHEABLE_BY_DEFAULT, chosen_seconds, freshness_lifetime
from origin.httpcache.passing import forwardable_response
from origin.httpcache.policy import Policy
from origin.httpcache.references import same_origin_target
from origin.httpcache.stored import StoredResponse
from origin.httpcache.tags import tags_of
from origin.httpcache.variants import selected_by, vary_names

__all__ = ["Policy", "StoreVerdict", "may_store", "stored_of"]

# Whose caching requirements are kept here (must-understand, §5.2.2.3).
_UNDERSTOOD = CACHEABLE_BY_DEFAULT | {201, 202, 302, 303, 307, 400, 401, 403, 406, 409, 451, 500, 502, 503, 504}
# Never final for the target: they answer a precondition, a range or an expectation of one request.
_NEVER = frozenset({304, 412, 416, 417})


class StoreVerdict(StrEnum):
    """Whether to store, or else the first reason not to. The values are metric labels and reasons in logs."""

    STORE = "store"
    METHOD = "method"  # neither GET, nor a POST whose answer is that to a GET
    STATUS = "status"  # not final, about one request only, or not understood though it must be
    PARTIAL = "partial"  # a 206 of which it cannot be told what it has
    NO_STORE = "no_store"
    PRIVATE = "private"
    AUTHORIZATION = "authorization"  # the request had it, and the response does not allow it (§3.5)
    VARY_STAR = "vary_star"  # no request will ever match
    SET_COOKIE = "set_cookie"
    NOT_EXPLICIT = "not_explicit"  # the status is not cacheable by default, and nothing else allows it
    NOT_REUSABLE = "not_reusable"  # stale at once, and nothing to validate it by


def may_store(
    method: str,
    request_fields: Fields,
    status: int,
    response_fields: Fields,
    policy: Policy,
    *,
    target_uri: str | None = None,
) -> StoreVerdict:
    """Whether the response to `method` may answer later GET requests for the same target.

    `target_uri` (absolute, or in origin form) is needed for a POST alone: it is stored when Content-Location says
    that it is what a GET would get (RFC 9110 §9.3.3).
    """
    directives = policy.directives(response_fields)
    if not _is_answer_to_get(method, status, response_fields, target_uri):
        return StoreVerdict.METHOD
    if refusal := _refused_status(status, response_fields, directives):
        return refusal
    if refusal := _refused(request_fields, response_fields, directives, policy):
        return refusal
    has_freshness = _has_freshness(response_fields, directives)
    if method == "POST" and not has_freshness:
        return StoreVerdict.NOT_EXPLICIT
    if not (has_freshness or directives.public or _is_cacheable_anyway(status, policy)):
        return StoreVerdict.NOT_EXPLICIT
    if _has_cookie(response_fields, directives) and not (policy.store_set_cookie and has_freshness):
        return StoreVerdict.SET_COOKIE
    return StoreVerdict.STORE if _is_reusable(status, response_fields, directives, policy) else _useless(has_freshness)


def stored_of(
    status: int,
    response_fields: Fields,
    policy: Policy,
    *,
    request_fields: Fields,
    requested_at: float,
    received_at: float,
) -> StoredResponse:
    """What is to be kept of a response that may be stored: no fields of the connection, none that it excludes itself
    (§3.1, §5.2.2.4, §5.2.2.7), and a Date (RFC 9110 §6.6.1). Times in Unix seconds."""
    fields = storable_fields(response_fields, policy)
    if date_of(fields, "date", received_at) is None:
        fields = (*without(fields, {"date"}), ("Date", format_http_date(received_at)))
    variant = selected_by(fields, request_fields)
    return StoredResponse(status, fields, requested_at, received_at, variant, tags_of(response_fields))


def storable_fields(response_fields: Fields, policy: Policy) -> Fields:
    """The fields of a response that may be kept.

    Those that no-cache names may be used after a validation only, so they are not kept: what validates brings them.
    """
    directives = policy.directives(response_fields)
    return without(forwardable_response(response_fields), directives.no_cache_fields | directives.private_fields)


def allows_authorization(directives: ResponseDirectives) -> bool:
    """Whether a response may be shared between requests with Authorization and others (§3.5)."""
    return directives.public or directives.must_revalidate or directives.s_maxage is not None


def _is_answer_to_get(method: str, status: int, response_fields: Fields, target_uri: str | None) -> bool:
    if method != "POST":
        return method == "GET"
    locations = values_of(response_fields, "content-location")
    if target_uri is None or status != 200 or len(locations) != 1:
        return False
    own = same_origin_target(target_uri, "")
    return own is not None and own == same_origin_target(target_uri, locations[0])


def _refused_status(status: int, response_fields: Fields, directives: ResponseDirectives) -> StoreVerdict | None:
    if status < 200 or status in _NEVER:
        return StoreVerdict.STATUS
    if directives.must_understand and status not in _UNDERSTOOD:
        return StoreVerdict.STATUS
    if status == 206 and part_of(status, response_fields) is None:
        return StoreVerdict.PARTIAL
    return None


def _refused(
    request_fields: Fields, response_fields: Fields, directives: ResponseDirectives, policy: Policy
) -> StoreVerdict | None:
    # must-understand is there for caches that would otherwise see no-store alone (§5.2.2.3).
    if directives.no_store and not directives.must_understand:
        return StoreVerdict.NO_STORE
    if policy.honour_request and request_directives(request_fields).no_store:
        return StoreVerdict.NO_STORE
    if directives.private:
        return StoreVerdict.PRIVATE
    if values_of(request_fields, "authorization") and not allows_authorization(directives):
        return StoreVerdict.AUTHORIZATION
    if vary_names(response_fields) is None:
        return StoreVerdict.VARY_STAR
    return None


def _has_freshness(response_fields: Fields, directives: ResponseDirectives) -> bool:
    if directives.max_age is not None or directives.s_maxage is not None:
        return True
    return not directives.is_targeted and bool(values_of(response_fields, "expires"))


def _has_cookie(response_fields: Fields, directives: ResponseDirectives) -> bool:
    """Whether a Set-Cookie would be stored."""
    is_excluded = "set-cookie" in directives.no_cache_fields | directives.private_fields
    return not is_excluded and bool(values_of(response_fields, "set-cookie"))


def _is_cacheable_anyway(status: int, policy: Policy) -> bool:
    return status in CACHEABLE_BY_DEFAULT or status in policy.default_negative_seconds


def _is_reusable(status: int, response_fields: Fields, directives: ResponseDirectives, policy: Policy) -> bool:
    """Whether it can ever be of use: fresh, or by being validated, or in place of an error."""
    made = date_of(response_fields, "date", 0.0) or 0.0  # what Expires is compared with
    fresh = StoredResponse(status, response_fields, made, made)
    if fresh.etag is not None or fresh.last_modified is not None:
        return True
    if directives.no_cache:
        return False
    if chosen_seconds(status, policy, is_explicit=_has_freshness(response_fields, directives)):
        return True
    windows = (directives.stale_while_revalidate, directives.stale_if_error)
    return any(windows) or freshness_lifetime(fresh, policy) > 0


def _useless(has_freshness: bool) -> StoreVerdict:
    return StoreVerdict.NOT_REUSABLE if has_freshness else StoreVerdict.NOT_EXPLICIT
