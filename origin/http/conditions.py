"""Conditional requests (RFC 9110 §13), evaluated in the order of §13.2.2."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto

from origin.http.dates import parse_http_date
from origin.http.etags import EntityTag, Wildcard, parse_entity_tag, parse_entity_tags
from origin.http.reply import Header

# Within its own second an object may change again, and then two versions share one date (§8.8.2.2). A client
# is bound to the same rule by the Date of what it holds.
_STRONG_DATE_AGE = 1  # seconds

_ATTRIBUTES = {
    "if-match": "if_match",
    "if-none-match": "if_none_match",
    "if-modified-since": "if_modified_since",
    "if-unmodified-since": "if_unmodified_since",
    "if-range": "if_range",
    "range": "range",
}
_READING = ("GET", "HEAD")
_UNCONDITIONAL = ("CONNECT", "OPTIONS", "TRACE")  # neither select nor modify a representation (§13.2.1)


@dataclass(frozen=True, slots=True)
class Conditions:
    """The fields that make a request conditional or partial, as received; None is absent."""

    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None
    if_unmodified_since: str | None = None
    if_range: str | None = None
    range: str | None = None

    @classmethod
    def from_fields(cls, fields: Iterable[Header]) -> Conditions:
        """From a request's fields with lower-case names.

        A repeated field is one list (§5.3). For a date, an If-Range or a Range such a list is malformed, and
        treated so.
        """
        found: dict[str, str] = {}
        for name, value in fields:
            if attribute := _ATTRIBUTES.get(name):
                found[attribute] = f"{found[attribute]}, {value}" if attribute in found else value
        return cls(**found) if found else UNCONDITIONAL


UNCONDITIONAL = Conditions()


@dataclass(frozen=True, slots=True)
class Validators:
    """What tells one version of a representation from another."""

    etag: EntityTag | None = None
    last_modified: int | None = None  # Unix seconds, exactly as Last-Modified says


class Verdict(Enum):
    """What the preconditions make of a request."""

    PROCEED = auto()
    NOT_MODIFIED = auto()  # 304
    PRECONDITION_FAILED = auto()  # 412


def evaluate(method: str, conditions: Conditions, current: Validators | None, now: float) -> Verdict:
    """The verdict of everything but If-Range; `current` None means that there is no current representation.

    To be asked only when the answer would otherwise be 2xx (§13.2.1). A malformed date is ignored together
    with its field. A malformed list of entity tags still takes precedence over the date, and errs on the safe
    side: If-Match fails; If-None-Match gives a reader the whole answer, and lets no writer overwrite.
    """
    if conditions is UNCONDITIONAL or method in _UNCONDITIONAL:
        return Verdict.PROCEED
    if _has_changed(conditions, current, now):
        return Verdict.PRECONDITION_FAILED
    if conditions.if_none_match is not None:
        reads = method in _READING
        if not _matches(conditions.if_none_match, current, EntityTag.matches_weakly, if_malformed=not reads):
            return Verdict.PROCEED
        return Verdict.NOT_MODIFIED if reads else Verdict.PRECONDITION_FAILED
    if method in _READING and _is_modified_since(conditions.if_modified_since, current, now) is False:
        return Verdict.NOT_MODIFIED
    return Verdict.PROCEED


def if_range_holds(conditions: Conditions, current: Validators, now: float) -> bool:
    """Whether Range may be honoured (§13.1.5): there is no If-Range, or it names exactly the current version.

    An entity tag has to match strongly. A date has to be the very date of Last-Modified, and strong: its
    second is over. Anything else does not hold, and the whole representation is sent.
    """
    value = conditions.if_range
    if value is None:
        return True
    if '"' in value[:3]:
        asked, etag = parse_entity_tag(value), current.etag
        return asked is not None and etag is not None and asked.matches_strongly(etag)
    modified = current.last_modified
    if modified is None or now - modified < _STRONG_DATE_AGE:
        return False
    return parse_http_date(value, now) == modified


def _has_changed(conditions: Conditions, current: Validators | None, now: float) -> bool:
    """Whether If-Match, or else If-Unmodified-Since, is false."""
    if conditions.if_match is not None:
        return not _matches(conditions.if_match, current, EntityTag.matches_strongly, if_malformed=False)
    return _is_modified_since(conditions.if_unmodified_since, current, now) is True


def _matches(
    value: str,
    current: Validators | None,
    same: Callable[[EntityTag, EntityTag], bool],
    *,
    if_malformed: bool,
) -> bool:
    if current is None:
        return False
    tags = parse_entity_tags(value)
    if tags is None:
        return if_malformed
    etag = current.etag
    return tags is Wildcard.ANY or (etag is not None and any(same(tag, etag) for tag in tags))


def _is_modified_since(value: str | None, current: Validators | None, now: float) -> bool | None:
    """None when the field is to be ignored: absent, malformed, or there is no date to compare with."""
    if value is None or current is None or current.last_modified is None:
        return None
    since = parse_http_date(value, now)
    return None if since is None else current.last_modified > since
