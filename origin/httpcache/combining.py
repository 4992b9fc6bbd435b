"""Parts of a representation and what they may be joined to (RFC 9111 §3.4, RFC 9110 §14.4 and §15.3.7.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from origin.http.fields import Fields, combined, values_of, without
from origin.http.spans import ByteSpan
from origin.httpcache.stored import StoredResponse

_CONTENT_RANGE = re.compile(r"(?i:bytes) (?:([0-9]{1,18})-([0-9]{1,18})|\*)/(?:([0-9]{1,18})|\*)")
_STRONG_DATE_AGE = 60  # seconds from Last-Modified to Date that no two clocks nor two changes share


@dataclass(frozen=True, slots=True)
class ContentRange:
    """What a body is of a representation, in bytes."""

    span: ByteSpan | None  # None: of nothing (in a 416)
    complete_length: int | None  # None: the sender does not know it


def parse_content_range(value: str) -> ContentRange | None:
    """A Content-Range of bytes, or None when it is malformed or contradicts itself."""
    found = _CONTENT_RANGE.fullmatch(value)
    if found is None:
        return None
    first, last, length = (None if text is None else int(text) for text in found.groups())
    if first is None or last is None:
        return None if length is None else ContentRange(None, length)
    if last < first or (length is not None and last >= length):
        return None
    return ContentRange(ByteSpan(first, last - first + 1), length)


def part_of(status: int, fields: Fields) -> ContentRange | None:
    """What a 206 has of its representation; None for any other status and for what cannot be told.

    That is: several parts, several or no Content-Range, or a Content-Length that says something else.
    """
    values = values_of(fields, "content-range")
    part = parse_content_range(values[0]) if status == 206 and len(values) == 1 else None
    if part is None or part.span is None:
        return None
    kind = (combined(fields, "content-type") or "").partition(";")[0].strip(" \t").lower()
    lengths = set(values_of(fields, "content-length"))
    is_honest = kind != "multipart/byteranges" and lengths <= {str(part.span.length)}
    return part if is_honest else None


def may_combine(stored: StoredResponse, response_status: int, response_fields: Fields) -> bool:
    """Whether bytes of this 206 belong to the same representation as those of the stored 200 or 206 (§3.4).

    Both have the same strong validator, the same coding, and do not disagree about the complete length.
    """
    part = part_of(response_status, response_fields)
    if part is None or stored.status not in {200, 206}:
        return False
    if combined(stored.fields, "content-encoding") != combined(response_fields, "content-encoding"):
        return False
    known, told = complete_length(stored), part.complete_length
    if known is not None and (told or known) != known:
        return False
    return _has_same_strong_validator(stored, replace(stored, status=response_status, fields=response_fields))


def complete_length(stored: StoredResponse) -> int | None:
    """How many bytes the representation has of which all or a part is stored, if that is known."""
    if stored.status != 206:
        return stored.content_length
    part = part_of(stored.status, stored.fields)
    return None if part is None else part.complete_length


def as_complete(stored: StoredResponse, length: int) -> StoredResponse:
    """The head of a 200 with `length` bytes, for a stored 206 of whose representation all bytes are there now."""
    fields = without(stored.fields, {"content-range", "content-length"})
    return replace(stored, status=200, fields=(*fields, ("Content-Length", str(length))))


def _has_same_strong_validator(stored: StoredResponse, new: StoredResponse) -> bool:
    """An equal strong tag, or, without tags, an equal Last-Modified that both saw a minute later or more."""
    if values_of(stored.fields, "etag") or values_of(new.fields, "etag"):
        return stored.etag is not None and new.etag is not None and stored.etag.matches_strongly(new.etag)
    modified = stored.last_modified
    if modified is None or modified != new.last_modified:
        return False
    return all(date is not None and date - modified >= _STRONG_DATE_AGE for date in (stored.date, new.date))
