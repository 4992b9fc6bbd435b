"""What a validation makes of a stored response: RFC 9111 §3.2, §4.3.4 and §4.3.5."""

from __future__ import annotations

from dataclasses import replace

from origin.http.dates import format_http_date
from origin.http.etags import parse_entity_tag
from origin.http.fields import Fields, values_of, without
from origin.httpcache.dates import date_of, read_date
from origin.httpcache.policy import Policy
from origin.httpcache.stored import StoredResponse
from origin.httpcache.storing import storable_fields
from origin.httpcache.tags import bounded, tags_of
from origin.httpcache.variants import selected_by

# What says how the stored bytes are to be read: they stay as they were, so it does too (§3.2).
_OF_THE_BODY = frozenset({"content-encoding", "content-length", "content-range"})
# What is about one message and not about the representation: without a new one there is none.
_OF_THE_MESSAGE = frozenset({"age", "date"})


def is_match_for(stored: StoredResponse, response_fields: Fields) -> bool:
    """Whether a 304 to a request that carried the validators of `stored` (and no others) is about it (§4.3.4).

    A strong tag has to be the same one, else a weak tag, else the date. A 304 without any validator answers the
    condition that it was asked, and that was about `stored`. If it is no match, nothing may be updated or reused:
    ask again without a condition.
    """
    if values := values_of(response_fields, "etag"):
        told = parse_entity_tag(values[0])
        if told is None or stored.etag is None:
            return False
        return stored.etag.matches_weakly(told) if told.weak else stored.etag.matches_strongly(told)
    if values := values_of(response_fields, "last-modified"):
        modified = read_date(values[0], stored.received_at)
        return modified is not None and modified == stored.last_modified
    return True


def freshened(
    stored: StoredResponse,
    response_fields: Fields,
    policy: Policy,
    *,
    request_fields: Fields,
    requested_at: float,
    received_at: float,
) -> StoredResponse:
    """`stored` with the fields of a 304 that is about it, or of a 206 that it was combined with; times Unix seconds.

    Every field that is there replaces those of its name, but for what describes the stored bytes. Whether the
    result may be stored is to be asked anew: a 304 can forbid it.
    """
    update = without(storable_fields(response_fields, policy), _OF_THE_BODY)
    names = {name.lower() for name, _ in update}
    fields = (*without(stored.fields, names | _OF_THE_MESSAGE), *update)
    if date_of(fields, "date", received_at) is None:
        fields = (*without(fields, {"date"}), ("Date", format_http_date(received_at)))
    directives = policy.directives(fields)
    fields = without(fields, directives.private_fields | directives.no_cache_fields)  # those of `stored`, too
    return replace(
        stored,
        fields=fields,
        requested_at=requested_at,
        received_at=received_at,
        vary=selected_by(fields, request_fields) if "vary" in names else stored.vary,
        tags=bounded([*stored.tags, *tags_of(response_fields)]),
    )


def freshened_by_head(
    stored: StoredResponse,
    response_status: int,
    response_fields: Fields,
    policy: Policy,
    *,
    request_fields: Fields,
    requested_at: float,
    received_at: float,
    length: int | None = None,
) -> StoredResponse | None:
    """`stored` with the fields of a response to HEAD, or None when that tells of something else (§4.3.5).

    Then `stored` is to be treated as stale. `length` is the number of stored bytes, if all are there.
    """
    known = stored.content_length if length is None else length
    told = replace(stored, fields=response_fields)
    if response_status != 200 or stored.status != 200:
        return None
    if values_of(response_fields, "etag") and (told.etag is None or told.etag != stored.etag):
        return None
    if values_of(response_fields, "last-modified") and told.last_modified != stored.last_modified:
        return None
    if values_of(response_fields, "content-length") and known not in {None, told.content_length}:
        return None
    return freshened(
        stored,
        response_fields,
        policy,
        request_fields=request_fields,
        requested_at=requested_at,
        received_at=received_at,
    )
