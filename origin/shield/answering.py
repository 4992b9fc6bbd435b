"""A response as it is kept, made into a reply to one request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from origin.http.caching import CacheStatus
from origin.http.conditions import Conditions
from origin.http.dates import parse_http_date
from origin.http.etags import parse_entity_tag
from origin.http.fields import Fields, combined, values_of, without
from origin.http.reply import Body, Empty, FileSlice, Header, Part, Reply, Slices, Stream
from origin.http.represent import Representation, represent
from origin.http.spans import ByteSpan
from origin.httpcache.passing import reply_fields
from origin.httpcache.stored import StoredResponse
from origin.shield.asked import Asked
from origin.shield.bodies import KeptBody, Locate, Shape, chunks_between
from origin.shield.shelf import Found, Kept

# What `represent` writes itself, where it can.
WRITTEN = frozenset({"content-type", "etag", "last-modified", "accept-ranges", "content-range", "content-length"})
_WITHOUT_BODY = frozenset({204, 304})


def reply_from(found: Found, asked: Asked, status: CacheStatus, age: float, now: float, locate: Locate) -> Reply:
    """The reply to `asked` from a response that is kept or arrives.

    Takes `found` over: where all of it is on the disk, the reply has it and whoever sends gives it back. Otherwise
    `locate` finds the bytes when they are wanted, which may be never.
    """
    reply = _decided(found, asked, status, age, now)
    if isinstance(reply.content, KeptBody):
        return reply
    found.release()
    if isinstance(reply.body, FileSlice | Slices | Stream):
        return replace(reply, body=_streamed(reply.body, locate))
    return reply


def passed_on(asked: Asked, stored: StoredResponse, status: CacheStatus, body: Body) -> Reply:
    """The reply to `asked` from a response that is not kept, as the upstream gave it."""
    fields = with_status(without(stored.fields, {"content-length"}), status)
    if stored.status in _WITHOUT_BODY:
        return Reply(stored.status, fields, Empty(None))
    return Reply(stored.status, fields, Empty(stored.content_length) if asked.method == "HEAD" else body)


def with_status(fields: Fields, status: CacheStatus) -> Fields:
    """The fields with this cache's own member behind those of caches further up (RFC 9211 §2)."""
    before = values_of(fields, "Cache-Status")
    return (*without(fields, {"cache-status"}), ("Cache-Status", ", ".join([*before, str(status)])))


def _decided(found: Found, asked: Asked, status: CacheStatus, age: float, now: float) -> Reply:
    stored = found.stored
    fields = with_status(reply_fields(stored, age), status)
    length = found.held.length if isinstance(found, Kept) else found.fill.length
    if stored.status == 200:
        return _represented(found, asked, fields, length, now)
    body: Body = Stream(_nothing(), length)
    if stored.status in _WITHOUT_BODY:
        body = Empty(None)
    elif asked.method == "HEAD" or length == 0:
        body = Empty(length)
    elif isinstance(found, Kept) and found.is_whole and length is not None:
        body = FileSlice(KeptBody(found.held, length), ByteSpan(0, length))
    return Reply(stored.status, without(fields, {"content-length"}), body)


def _represented(found: Found, asked: Asked, fields: Fields, length: int | None, now: float) -> Reply:
    """A 200 goes through preconditions and ranges like any file."""
    etag, modified = combined(fields, "ETag"), combined(fields, "Last-Modified")
    tag = None if etag is None else parse_entity_tag(etag)
    changed = None if modified is None else parse_http_date(modified, now)
    # A validator that cannot be compared is passed on as it came.
    foreign: tuple[Header, ...] = (
        *((("ETag", etag),) if etag is not None and tag is None else ()),
        *((("Last-Modified", modified),) if modified is not None and changed is None else ()),
    )
    source: KeptBody | Shape = Shape(1 if length is None else length)
    if isinstance(found, Kept) and found.is_whole and length is not None:
        source = KeptBody(found.held, length)
    shown = Representation(
        source=source,
        content_type=combined(fields, "Content-Type") or asked.content_type,
        etag=tag,
        modified=changed,
        headers=(*without(fields, WRITTEN), *foreign),
    )
    conditions = _dated(asked.conditions(), found.stored)
    if length is None:
        # Of a body whose end is not known no range can be told.
        conditions = replace(conditions, range=None) if conditions != Conditions() else conditions
    # A response that came just now may say that it was changed after the viewer's request began.
    by = now if changed is None else max(now, changed)
    reply = represent(asked.method, conditions, shown, by, asked.boundary)
    odd = combined(fields, "Content-Range")
    if reply.status == 200 and odd is not None:
        reply = reply.with_headers(("Content-Range", odd))  # it means nothing there (RFC 9110 §14.4), and is kept
    if length is None and reply.status == 200:
        body: Body = Empty(None) if asked.method == "HEAD" else Stream(_nothing(), None)
        return replace(reply, body=body)
    return reply


def _dated(conditions: Conditions, stored: StoredResponse) -> Conditions:
    """The conditions where a response says not when it was changed: its Date stands in (RFC 9111 §4.3.2).

    A response that was made, or else received, no later than the viewer's copy was changed is no news.
    """
    asked = conditions.if_modified_since
    if asked is None or conditions.if_none_match is not None or values_of(stored.fields, "Last-Modified"):
        return conditions
    since = parse_http_date(asked, stored.received_at)
    made = stored.received_at if stored.date is None else stored.date
    # What matches any representation makes the same 304 of it.
    return conditions if since is None or made > since else replace(conditions, if_none_match="*")


def _streamed(body: FileSlice | Slices | Stream, locate: Locate) -> Stream:
    match body:
        case FileSlice(span=span):
            return Stream(chunks_between(span.start, span.stop, locate), span.length)
        case Slices(parts=parts, tail=tail):
            return Stream(_parts(parts, tail, locate), body.length)
        case Stream(length=length):
            return Stream(chunks_between(0, length, locate), length)


async def _parts(parts: tuple[Part, ...], tail: bytes, locate: Locate) -> AsyncIterator[bytes]:
    for part in parts:
        yield part.head
        async for chunk in chunks_between(part.span.start, part.span.stop, locate):
            yield chunk
    yield tail


async def _nothing() -> AsyncIterator[bytes]:
    """Stands for a body until it is known where its bytes are."""
    chunks: tuple[bytes, ...] = ()
    for chunk in chunks:
        yield chunk
