"""What the header block of a response promises, and whether it may be believed (RFC 9110, RFC 9112)."""

from __future__ import annotations

import re
from typing import Protocol

from origin.http.fields import Fields, combined, values_of
from origin.http.ranges import IntRange, RangeSpec, parse_range
from origin.upstream.origin_server import Outgoing, Trouble, UpstreamError

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_CONTENT_RANGE = re.compile(r"(?i:bytes) +([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_DIGITS = re.compile(r"[0-9]{1,18}")
_CONDITIONS = ("if-none-match", "if-modified-since")


class Head(Protocol):
    """A status and header fields, as of an `Incoming`."""

    @property
    def status(self) -> int: ...

    @property
    def fields(self) -> Fields: ...


def check_head(request: Outgoing, head: Head, most_bytes: int) -> None:
    """Raise `UpstreamError` (MALFORMED, WRONG_RANGE) for a header block that is not to be believed.

    `most_bytes` is how large it may be, as names, values and four bytes for each.
    """
    if not 200 <= head.status <= 999:
        raise UpstreamError(Trouble.MALFORMED, "a status that no final response has")
    if sum(len(name) + len(value) + 4 for name, value in head.fields) > most_bytes:
        raise UpstreamError(Trouble.MALFORMED, f"a header block of more than {most_bytes} bytes")
    if any(not _NAME.fullmatch(name) or _CONTROL.search(value) for name, value in head.fields):
        raise UpstreamError(Trouble.MALFORMED, "a header field with characters that none has")
    if any(not _DIGITS.fullmatch(value) for value in values_of(head.fields, "content-length")):
        raise UpstreamError(Trouble.MALFORMED, "a Content-Length that is no number")
    # Anything else was not decoded, and its bytes are not those of the body.
    if (combined(head.fields, "transfer-encoding") or "chunked").lower() != "chunked":
        raise UpstreamError(Trouble.MALFORMED, "a transfer coding that is not known")
    if head.status == 304 and not any(values_of(request.fields, name) for name in _CONDITIONS):
        raise UpstreamError(Trouble.MALFORMED, "304 to a request without conditions")
    wrong = wrong_range(request, head)
    if wrong is not None:
        raise UpstreamError(Trouble.WRONG_RANGE, wrong)


def body_length(request: Outgoing, head: Head) -> int | None:
    """How many bytes of body are promised; None when that is not known.

    That is Content-Length, or what Content-Range says where chunks leave it open.
    """
    if request.method == "HEAD" or head.status in {204, 304}:
        return 0
    announced = combined(head.fields, "content-length")
    if announced is not None:
        return int(announced)
    partial = _partial(head) if head.status == 206 else None
    return None if partial is None else partial[1] - partial[0] + 1


def wrong_range(request: Outgoing, head: Head) -> str | None:
    """Why a 206 is not an answer to what was asked; None for one that is, and for all other answers (§15.3.7).

    Fewer bytes than were asked for are an answer, from the same start. Of an answer to several ranges only the form is
    judged.
    """
    if head.status != 206:
        return None
    asked = parse_range(combined(request.fields, "range") or "")
    if asked is None or request.method != "GET":
        return "206 without a range that was asked for"
    content_type = combined(head.fields, "content-type") or ""
    if content_type.lower().startswith("multipart/byteranges"):
        return "several parts where one range was asked for" if len(asked) == 1 else None
    partial = _partial(head)
    if partial is None:
        return "no Content-Range, or none that can be"
    first, last, total = partial
    if combined(head.fields, "content-length") not in {None, str(last - first + 1)}:
        return "Content-Range and Content-Length do not fit"
    return _other_bytes(asked[0], first, last, total) if len(asked) == 1 else None


def _partial(head: Head) -> tuple[int, int, int | None] | None:
    """First and last position and the complete length; None unless there is one Content-Range, and it makes sense."""
    found = _CONTENT_RANGE.fullmatch(combined(head.fields, "content-range") or "")
    if found is None:
        return None
    first, last, total = int(found[1]), int(found[2]), None if found[3] == "*" else int(found[3])
    if first > last or (total is not None and last >= total):
        return None
    return first, last, total


def _other_bytes(asked: RangeSpec, first: int, last: int, total: int | None) -> str | None:
    if isinstance(asked, IntRange):
        is_other = first != asked.first or (asked.last is not None and last > asked.last)
    elif total is None:
        is_other = last - first + 1 > asked.length
    else:
        is_other = first != max(total - asked.length, 0)
    return "other bytes than were asked for" if is_other else None
