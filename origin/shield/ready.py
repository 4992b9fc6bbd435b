"""Hits that need no second thought: a fresh 200 on the disk, for a request that asks nothing of caches.

The answer is the one that `decide` and `reply_from` give, sooner: what is always the same about a response is worked
out once. Whatever is out of the ordinary about request or response has no answer here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

from origin.http.caching import CACHE_NAME, CacheStatus
from origin.http.caching import age as age_field
from origin.http.conditions import UNCONDITIONAL, Conditions
from origin.http.dates import parse_http_date
from origin.http.etags import EntityTag, parse_entity_tag
from origin.http.fields import Fields, combined, values_of, without
from origin.http.reply import FileSlice, Reply, Slices
from origin.http.represent import Representation, represent
from origin.http.spans import ByteSpan
from origin.httpcache.freshness import State, current_age, freshness, freshness_lifetime
from origin.httpcache.policy import Policy
from origin.httpcache.reuse import Purged
from origin.httpcache.stored import StoredResponse, Variant
from origin.httpcache.variants import is_selected
from origin.shield.answering import WRITTEN
from origin.shield.asked import Asked
from origin.shield.bodies import KeptBody, Shape
from origin.shield.records import unpack
from origin.shield.shelf import Kept

_RESPONSES_KEPT = 1024
_READING = frozenset({"GET", "HEAD"})
_ASKS_CACHES = frozenset({"authorization", "cache-control", "pragma"})
_UNUSUAL = ("Content-Range", "Location", "Content-Location", "Cache-Status")
_IMF_FIXDATE_LENGTH = 29  # of the other forms, one is read differently as time goes by


@dataclass(frozen=True, slots=True)
class _Ready:
    """What every hit on one response needs."""

    initial_age: float
    received_at: float
    requested_at: float
    lifetime: float
    tags: tuple[str, ...]
    vary: Variant
    fields: Fields  # those that `represent` does not write
    content_type: str | None
    etag: EntityTag | None
    modified: float | None
    whole: Fields | None  # all fields of a 200 to a plain GET, but for those that grow older


class ReadyHits:
    """The quick answers of one shield."""

    def __init__(self, policy: Policy, judge: Callable[[str, tuple[str, ...], float], Purged]) -> None:
        """`judge` says what has been purged."""
        self._judge = judge
        self._of = lru_cache(_RESPONSES_KEPT)(partial(_ready, policy))

    def reply(self, asked: Asked, kept: Kept, now: float) -> Reply | None:
        """The reply, which has `kept` or has given it back; None: not here, and `kept` is still its caller's."""
        length = kept.held.length
        if not length or asked.method not in _READING:
            return None
        ready = self._of(kept.held.head)
        if ready is None:
            return None
        age = ready.initial_age + max(now - ready.received_at, 0.0)
        if age - ready.lifetime >= 0 or self._judge(asked.url, ready.tags, ready.requested_at) is not Purged.NONE:
            return None
        fields = [(name.lower(), value) for name, value in asked.fields]
        names = dict(fields)
        if not _ASKS_CACHES.isdisjoint(names) or not is_selected(ready.vary, asked.fields):
            return None
        if ready.modified is None and "if-modified-since" in names:
            return None
        ageing = (age_field(age), _hit(int(ready.lifetime - age)))
        conditions = Conditions.from_fields(fields)
        body = KeptBody(kept.held, length)
        if conditions is UNCONDITIONAL and ready.whole is not None and asked.method == "GET" and kept.is_whole:
            return Reply(200, (*ready.whole, *ageing), FileSlice(body, ByteSpan(0, length)))
        content_type = ready.content_type or asked.content_type
        shown = Representation(body, content_type, ready.etag, ready.modified, (*ready.fields, *ageing))
        reply = represent(asked.method, conditions, shown, now, asked.boundary)
        if not kept.is_whole and not _is_there(reply, kept, asked.method):
            return None
        if reply.content is None:
            kept.release()
        return reply


def _ready(policy: Policy, head: bytes) -> _Ready | None:
    stored = unpack(head)
    if not isinstance(stored, StoredResponse) or stored.status != 200:
        return None
    if freshness(stored, stored.received_at, policy).state is not State.FRESH:
        return None
    if any(values_of(stored.fields, name) for name in _UNUSUAL):
        return None
    etag, modified = combined(stored.fields, "ETag"), combined(stored.fields, "Last-Modified")
    tag = None if etag is None else parse_entity_tag(etag)
    changed = None if modified is None else parse_http_date(modified, stored.received_at)
    # One that lies ahead is passed on as it came and compared as it cannot be (RFC 9110 §8.8.2.1).
    is_past = modified is None or (changed is not None and changed <= stored.received_at)
    is_date = modified is None or len(modified) == _IMF_FIXDATE_LENGTH
    if not is_date or not is_past or (etag is not None and tag is None):
        return None
    fields, content_type = without(stored.fields, WRITTEN | {"age"}), combined(stored.fields, "Content-Type")
    whole = None
    if content_type is not None and len(values_of(fields, "Vary")) < 2:
        shown = Representation(Shape(1), content_type, tag, changed, fields)
        whole = represent("GET", UNCONDITIONAL, shown, stored.received_at, "none").headers
    return _Ready(
        initial_age=current_age(stored, stored.received_at),
        received_at=stored.received_at,
        requested_at=stored.requested_at,
        lifetime=freshness_lifetime(stored, policy),
        tags=stored.tags,
        vary=stored.vary,
        fields=fields,
        content_type=content_type,
        etag=tag,
        modified=changed,
        whole=whole,
    )


@lru_cache(_RESPONSES_KEPT)
def _hit(ttl: int) -> tuple[str, str]:
    return ("Cache-Status", str(CacheStatus(CACHE_NAME, ttl=ttl)))


def _is_there(reply: Reply, kept: Kept, method: str) -> bool:
    """Whether all bytes of the reply are on the disk."""
    match reply.body:
        case FileSlice(span=span):
            return kept.held.extents.covers(span.start, span.stop)
        case Slices(parts=parts):
            return all(kept.held.extents.covers(part.span.start, part.span.stop) for part in parts)
        case _:
            return method == "HEAD" or reply.status != 200
