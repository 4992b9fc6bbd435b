"""A bucket as an upstream: questions in the words of HTTP, each answered with one request to the object store.

A second request is made only where the first one shows that no part may or can be sent: If-Range names another
version, or the store does not know such ranges. Preconditions go to the store, so that it need not send a body; what it
answers is judged again here, because not every store knows all of them.

Whoever may not read, and a bucket that is not there, are faults of ours and of no concern to a viewer: errors, no
answers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from weakref import WeakSet

from origin.http.conditions import Conditions, Validators, Verdict, evaluate, if_range_holds
from origin.http.dates import format_http_date, parse_http_date
from origin.http.etags import EntityTag, Wildcard, parse_entity_tag, parse_entity_tags
from origin.http.fields import Fields
from origin.http.ranges import (
    IntRange,
    RangeSpec,
    Single,
    Unsatisfiable,
    Whole,
    content_range,
    parse_range,
    resolve,
    unsatisfied_range,
)
from origin.http.spans import ByteSpan
from origin.media.kinds import format_of
from origin.media.target import MountName, Refused, parse_target
from origin.storage.bucket_client import BucketBody, BucketClient, BucketError, Failure
from origin.upstream.origin_server import Incoming, Outgoing, Trouble, UpstreamError
from origin.upstream.target import check_target

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult, OffsetRange, SuffixRange

_CHUNK = 64 * 1024  # bytes at least, but for the last one
_EVERYTHING = (MountName("/", asset_depth=0),)
_FURTHEST = 2**62  # no object reaches there; a range that does is cut, so that its numbers fit everywhere
# What stores say of objects that were uploaded without a type.
_NO_TYPES = frozenset({"", "binary/octet-stream", "application/octet-stream"})
_KEPT = ("Cache-Control", "Content-Encoding", "Content-Language", "Content-Disposition")

_IN_BODIES = {Failure.BROKEN: Trouble.TRUNCATED, Failure.PRECONDITION: Trouble.CHANGED}
_TROUBLES = {
    Failure.TIMED_OUT: Trouble.TIMED_OUT,
    Failure.WRONG_RANGE: Trouble.WRONG_RANGE,
    Failure.NOT_PARTIAL: Trouble.WRONG_RANGE,
    Failure.NOT_MODIFIED: Trouble.MALFORMED,  # where nobody had asked for it
    Failure.PRECONDITION: Trouble.MALFORMED,
    Failure.RANGE: Trouble.MALFORMED,
}


class BucketOrigin:
    """An `OriginServer` over the objects that `client` sees. A target's query is ignored: no key has one."""

    def __init__(self, client: BucketClient, *, clock: Callable[[], float] = time.time) -> None:
        """Touches nothing yet. `clock` gives Unix seconds."""
        self._client = client
        self._clock = clock
        self._under_way: WeakSet[_Answer] = WeakSet()
        self._is_closed = False

    async def fetch(self, request: Outgoing) -> Incoming:
        """The answer to a GET or HEAD, with the fields of RFC 9110 §13.1 and one byte range honoured; 405 for others.

        A target that no object can have is 404, one that is none BAD_TARGET. Several ranges are answered with the
        whole object, which is always allowed.
        """
        check_target(request.target)
        if request.method not in {"GET", "HEAD"}:
            return _Answer(405, (("Allow", "GET, HEAD"), ("Content-Length", "0")))
        path = _path_of(request.target)
        if path is None:
            return _bare(404)
        conditions = Conditions.from_fields((name.lower(), value) for name, value in request.fields)
        question = _Question(path, request.method, conditions, _range_of(request.method, conditions), self._clock())
        answer = await self._ask(question)
        if self._is_closed:
            await answer.close()
            raise UpstreamError(Trouble.UNREACHABLE, Failure.CLOSED.value)
        self._under_way.add(answer)
        return answer

    async def probe(self) -> None:
        """Raise `UpstreamError` unless the bucket lets us list what is below the prefix."""
        try:
            await self._client.check()
        except BucketError as error:
            raise _trouble(error) from None

    async def close(self) -> None:
        """Begin nothing more, and break off the bodies that are under way; idempotent."""
        self._is_closed = True
        self._client.close()
        for answer in list(self._under_way):
            await answer.close()

    async def _ask(self, question: _Question) -> _Answer:
        try:
            found = await self._client.get(question.path, _options(question))
        except BucketError as error:
            if question.range is not None and error.failure is Failure.NOT_PARTIAL:
                return await self._ask(replace(question, range=None))
            return _refusal(error, question)
        body = BucketBody(found, at_least=_CHUNK)
        try:
            answer = _judged(found, question)
        except UpstreamError:
            body.close()
            raise
        if answer is not None and answer.status in {200, 206} and question.method == "GET":
            start, stop = found.range
            answer.carry(body, stop - start)
            return answer
        body.close()
        return answer or await self._ask(replace(question, range=None))


@dataclass(frozen=True, slots=True)
class _Question:
    path: str
    method: str
    conditions: Conditions
    range: RangeSpec | None
    now: float  # Unix seconds


class _Answer:
    """An `Incoming` whose body, if it has one, is still at the store."""

    def __init__(self, status: int, fields: Fields) -> None:
        self.status = status
        self.fields = fields
        self.length: int | None = 0
        self._body: BucketBody | None = None
        self._left = 0
        self._reading: asyncio.Task[bytes] | None = None
        self._is_closed = False

    def carry(self, body: BucketBody, length: int) -> None:
        self.length = self._left = length
        self._body = body

    async def chunks(self) -> AsyncIterator[bytes]:
        while self._left:
            chunk = await self._next()
            self._left -= len(chunk)
            if self._left < 0:
                raise UpstreamError(Trouble.OVERLONG)
            if not chunk:
                raise UpstreamError(Trouble.TRUNCATED)
            yield chunk

    async def close(self) -> None:
        self._is_closed = True
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
        body, self._body = self._body, None
        if body is not None:
            body.close()

    async def _next(self) -> bytes:
        """The next piece; empty at the end."""
        if self._body is None:
            raise UpstreamError(Trouble.UNREACHABLE, "closed before it was read")
        self._reading = asyncio.create_task(self._body.read())
        try:
            return await self._reading
        except BucketError as error:
            raise _trouble(error, in_body=True) from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._is_closed and task is not None and not task.cancelling():
                raise UpstreamError(Trouble.UNREACHABLE, "closed while it was read") from None
            raise
        finally:
            self._reading = None


def _judged(found: GetResult, question: _Question) -> _Answer | None:
    """The answer that `found` makes, still without its body; None where the whole object has to be asked for."""
    current, size = _validators(found), found.meta["size"]
    if question.range is not None and not if_range_holds(question.conditions, current, question.now):
        return None
    verdict = evaluate(question.method, question.conditions, current, question.now)
    if verdict is Verdict.NOT_MODIFIED:
        return _Answer(304, _facts(found, question.path))
    if verdict is Verdict.PRECONDITION_FAILED:
        return _bare(412)
    selected = Whole() if question.range is None else resolve((question.range,), size)
    if isinstance(selected, Unsatisfiable):
        return _bare(416, ("Content-Range", unsatisfied_range(size)))
    span = selected.span if isinstance(selected, Single) else ByteSpan(0, size)
    if found.range != (span.start, span.stop):
        raise UpstreamError(Trouble.WRONG_RANGE, "other bytes than those that were asked for")
    fields = (*_facts(found, question.path), ("Content-Length", str(span.length)))
    if isinstance(selected, Single):
        return _Answer(206, (*fields, ("Content-Range", content_range(span, size))))
    return _Answer(200, fields)


def _path_of(target: str) -> str | None:
    try:
        return parse_target(target.partition("?")[0], _EVERYTHING).path
    except Refused:
        return None


def _range_of(method: str, conditions: Conditions) -> RangeSpec | None:
    """The one range that is asked for, if there is one and it is one."""
    specs = parse_range(conditions.range) if conditions.range is not None and method == "GET" else None
    return specs[0] if specs is not None and len(specs) == 1 else None


def _options(question: _Question) -> GetOptions:
    options: GetOptions = {}
    if question.method == "HEAD":
        options["head"] = True
    if question.range is not None:
        options["range"] = _asked(question.range)
    return options | _preconditions(question)


def _asked(spec: RangeSpec) -> tuple[int, int] | OffsetRange | SuffixRange:
    if not isinstance(spec, IntRange):
        return {"suffix": min(spec.length, _FURTHEST)}
    first = min(spec.first, _FURTHEST)
    return {"offset": first} if spec.last is None else (first, min(spec.last, _FURTHEST) + 1)


def _preconditions(question: _Question) -> GetOptions:
    """Those that every store understands: one entity tag, or one date. The rest is judged by us alone."""
    conditions = question.conditions
    options: GetOptions = {}
    if conditions.if_match is not None:
        tag = _only_tag(conditions.if_match)
        if tag is None or tag.weak:
            return {}
        options["if_match"] = str(tag)
    elif conditions.if_unmodified_since is not None:
        return {}
    if conditions.if_none_match is not None:
        if tag := _only_tag(conditions.if_none_match):
            options["if_none_match"] = str(replace(tag, weak=False))
    elif conditions.if_modified_since is not None:
        since = parse_http_date(conditions.if_modified_since, question.now)
        if since is not None:
            options["if_modified_since"] = datetime.fromtimestamp(since, UTC)
    return options


def _only_tag(value: str) -> EntityTag | None:
    tags = parse_entity_tags(value)
    return tags[0] if tags is not None and tags is not Wildcard.ANY and len(tags) == 1 else None


def _refusal(error: BucketError, question: _Question) -> _Answer:
    """The answer that a store's refusal is; raises `UpstreamError` where it is none."""
    conditions = question.conditions
    match error.failure:
        case Failure.ABSENT:
            return _bare(404)
        case Failure.NOT_MODIFIED if conditions.if_none_match is not None:
            tag = _only_tag(conditions.if_none_match)
            return _Answer(304, (("ETag", str(tag)),) if tag else ())
        case Failure.NOT_MODIFIED if conditions.if_modified_since is not None:
            return _Answer(304, ())
        case Failure.PRECONDITION if conditions.if_match is not None:
            return _bare(412)
        case Failure.RANGE if question.range is not None:
            size = () if error.size is None else (("Content-Range", unsatisfied_range(error.size)),)
            return _bare(416, *size)
        case _:
            raise _trouble(error) from None


def _trouble(error: BucketError, *, in_body: bool = False) -> UpstreamError:
    trouble = _IN_BODIES.get(error.failure) if in_body else None
    return UpstreamError(trouble or _TROUBLES.get(error.failure, Trouble.UNREACHABLE), str(error))


def _bare(status: int, *fields: tuple[str, str]) -> _Answer:
    return _Answer(status, (*fields, ("Content-Length", "0")))


def _validators(found: GetResult) -> Validators:
    said = found.meta["e_tag"]
    modified = int(found.meta["last_modified"].timestamp())
    return Validators(None if said is None else parse_entity_tag(said), modified or None)


def _facts(found: GetResult, path: str) -> Fields:
    """What a 200 and a 304 have in common."""
    current, said = _validators(found), found.attributes
    kind = said.get("Content-Type", "")
    fields = [("Content-Type", format_of(path).content_type if kind in _NO_TYPES else kind), ("Accept-Ranges", "bytes")]
    if current.etag is not None:
        fields.append(("ETag", str(current.etag)))
    if current.last_modified is not None:
        fields.append(("Last-Modified", format_http_date(current.last_modified)))
    fields += [(name, said[name]) for name in _KEPT if name in said]
    return tuple(fields)
