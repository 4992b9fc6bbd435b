"""The whole answer for one representation: preconditions, ranges, HEAD, in the order of RFC 9110 §13.2.2.

Who releases the `Content`: the reply owns it exactly when `reply.content` is that object, and then the sender
releases it. In every other case (304, 412, 416, HEAD, nothing to send) the caller still owns it and releases
it at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from origin.http.caching import fold_vary
from origin.http.conditions import Conditions, Validators, Verdict, evaluate, if_range_holds
from origin.http.dates import format_http_date
from origin.http.etags import EntityTag
from origin.http.multipart import byteranges, byteranges_in_memory, byteranges_type
from origin.http.problem import Problem, problem_reply
from origin.http.ranges import (
    Multiple,
    Selection,
    Single,
    Unsatisfiable,
    Whole,
    content_range,
    select,
    unsatisfied_range,
)
from origin.http.reply import Body, Bytes, Content, Empty, FileSlice, Header, Reply
from origin.http.spans import ByteSpan

# Fields that describe the bytes of a 200 and say nothing new to whoever holds them (§15.4.5).
_DESCRIBES_BYTES = frozenset({"content-encoding", "content-language", "content-disposition", "repr-digest"})
# Fields that are true of the representation, and false of a page that says why it is not sent.
_ABOUT_REPRESENTATION = _DESCRIBES_BYTES | {
    "age",
    "cache-control",
    "cdn-cache-control",
    "content-location",
    "expires",
    "surrogate-control",
}


@dataclass(frozen=True, slots=True)
class Representation:
    """The selected representation (§3.2) and its facts.

    `headers` go with every part of it (caching, CORS, Vary, Content-Encoding), so no Content-Digest, and none
    of the fields that `represent` writes itself: Content-Type, ETag, Last-Modified, Accept-Ranges,
    Content-Range.
    """

    source: Content | bytes
    content_type: str
    etag: EntityTag | None = None
    modified: float | None = None  # Unix seconds
    headers: tuple[Header, ...] = ()

    @property
    def length(self) -> int:
        """Bytes in the whole representation."""
        return len(self.source) if isinstance(self.source, bytes) else self.source.size

    def validators(self, now: float) -> Validators:
        """Its validators at `now`: Last-Modified in whole seconds, and never later than Date (§8.8.2.1)."""
        modified = None if self.modified is None else math.floor(min(self.modified, now))
        return Validators(self.etag, modified)


def represent(method: str, conditions: Conditions, representation: Representation, now: float, boundary: str) -> Reply:
    """The answer to a GET or HEAD whose target has this representation: 200, 206, 304, 412 or 416.

    `now` in Unix seconds; `boundary` divides the parts of a multipart answer, as `multipart` describes it.
    """
    validators = representation.validators(now)
    match evaluate(method, conditions, validators, now):
        case Verdict.NOT_MODIFIED:
            return _not_modified(representation, validators)
        case Verdict.PRECONDITION_FAILED:
            return _precondition_failed(method, representation)
        case Verdict.PROCEED:
            pass
    if method == "HEAD":
        return _complete(representation, validators, Empty(representation.length))
    is_partial = conditions.range is not None and if_range_holds(conditions, validators, now)
    selection = select(method, conditions.range if is_partial else None, representation.length)
    return _answer(selection, representation, validators, boundary)


def _answer(selection: Selection, shown: Representation, validators: Validators, boundary: str) -> Reply:
    match selection:
        case Whole():
            return _complete(shown, validators, _body(shown.source, ByteSpan(0, shown.length)))
        # A 206 repeats all fields of a 200, after If-Range too, though §15.3.7 would rather spare them there:
        # a cache that passes the part on may no longer have them.
        case Single(span):
            head = _head(shown.content_type, validators)
            place = ("Content-Range", content_range(span, shown.length))
            return Reply(206, (*head, place, *fold_vary(shown.headers)), _body(shown.source, span))
        case Multiple(spans):
            head = _head(byteranges_type(boundary), validators)
            return Reply(206, (*head, *fold_vary(shown.headers)), _bodies(shown, spans, boundary))
        case Unsatisfiable():
            return _unsatisfiable(shown)


def _complete(shown: Representation, validators: Validators, body: Body) -> Reply:
    return Reply(200, (*_head(shown.content_type, validators), *fold_vary(shown.headers)), body)


def _head(content_type: str, validators: Validators) -> tuple[Header, ...]:
    head: list[Header] = [("Content-Type", content_type), ("Accept-Ranges", "bytes")]
    if validators.etag is not None:
        head.append(("ETag", str(validators.etag)))
    if validators.last_modified is not None:
        head.append(("Last-Modified", format_http_date(validators.last_modified)))
    return tuple(head)


def _body(source: Content | bytes, span: ByteSpan) -> Body:
    if span.length == 0:
        return Empty()
    if isinstance(source, bytes):
        return Bytes(source[span.start : span.stop])
    return FileSlice(source, span)


def _bodies(shown: Representation, spans: tuple[ByteSpan, ...], boundary: str) -> Body:
    if isinstance(shown.source, bytes):
        return byteranges_in_memory(shown.source, spans, shown.content_type, boundary)
    return byteranges(shown.source, spans, shown.content_type, boundary)


def _not_modified(shown: Representation, validators: Validators) -> Reply:
    """304: the fields a 200 would have had, without those that describe bytes (§15.4.5)."""
    validator: tuple[Header, ...] = ()
    if validators.etag is not None:
        validator = (("ETag", str(validators.etag)),)
    elif validators.last_modified is not None:
        validator = (("Last-Modified", format_http_date(validators.last_modified)),)
    return Reply(304, (*validator, *_without(_DESCRIBES_BYTES, shown.headers)), Empty(None))


def _precondition_failed(method: str, shown: Representation) -> Reply:
    problem = Problem(412, "precondition_failed", detail="The object is not the version that was asked for.")
    reply = problem_reply(problem, *_without(_ABOUT_REPRESENTATION, shown.headers))
    if method == "HEAD":
        return replace(reply, body=Empty(len(problem.document())))
    return reply


def _unsatisfiable(shown: Representation) -> Reply:
    problem = Problem(416, "range_not_satisfiable", detail="The object ends before the range that was asked for.")
    place = ("Content-Range", unsatisfied_range(shown.length))
    return problem_reply(problem, place, *_without(_ABOUT_REPRESENTATION, shown.headers))


def _without(names: frozenset[str], headers: tuple[Header, ...]) -> tuple[Header, ...]:
    return fold_vary([header for header in headers if header[0].lower() not in names])
