"""What an unsafe request makes of stored responses (RFC 9111 §4.4, RFC 9875 §3)."""

from __future__ import annotations

from urllib.parse import urlsplit

from origin.http.fields import Fields, values_of
from origin.httpcache.references import origin_form, same_origin_target
from origin.httpcache.tags import groups_in

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110 §9.2.1; a method that is not known is not safe


def invalidated(method: str, target_uri: str, status: int, response_fields: Fields) -> tuple[str, ...]:
    """The targets of which nothing stored may be used without validation any more, in origin form, each once.

    The target itself comes first, then what Location and Content-Location name on the same origin. Nothing is
    invalidated by a safe method, nor by an answer that is an error.
    """
    if not _changes(method, status):
        return ()
    try:
        own = origin_form(urlsplit(target_uri))
    except ValueError:
        return ()
    references = [*values_of(response_fields, "location"), *values_of(response_fields, "content-location")]
    others = (same_origin_target(target_uri, reference) for reference in references[:4])
    return tuple(dict.fromkeys([own, *(target for target in others if target is not None)]))


def invalidated_groups(method: str, status: int, response_fields: Fields) -> tuple[str, ...]:
    """The tags whose responses are to be invalidated too: those of Cache-Group-Invalidation (RFC 9875 §3)."""
    return groups_in(response_fields, "cache-group-invalidation") if _changes(method, status) else ()


def _changes(method: str, status: int) -> bool:
    return method not in _SAFE and 200 <= status < 400
