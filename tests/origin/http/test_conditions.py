from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.http.conditions import (
    UNCONDITIONAL,
    Conditions,
    Validators,
    Verdict,
    evaluate,
    if_range_holds,
)
from origin.http.dates import format_http_date
from origin.http.etags import EntityTag

MODIFIED = 1_700_000_000
NOW = MODIFIED + 3600.0
CURRENT = Validators(EntityTag("v2"), MODIFIED)
WEAK = Validators(EntityTag("v2", weak=True), MODIFIED)
SAME, EARLIER, LATER = (format_http_date(MODIFIED + shift) for shift in (0, -1, 1))
PROCEED, NOT_MODIFIED, FAILED = Verdict.PROCEED, Verdict.NOT_MODIFIED, Verdict.PRECONDITION_FAILED


def asked(**fields: str) -> Conditions:
    return Conditions(**fields)


@pytest.mark.parametrize(
    ("conditions", "current", "reading", "writing"),
    [
        (asked(), CURRENT, PROCEED, PROCEED),
        # If-Match (RFC 9110 §13.1.1): strong comparison
        (asked(if_match='"v2"'), CURRENT, PROCEED, PROCEED),
        (asked(if_match='"v1", "v2"'), CURRENT, PROCEED, PROCEED),
        (asked(if_match='"v1"'), CURRENT, FAILED, FAILED),
        (asked(if_match="*"), CURRENT, PROCEED, PROCEED),
        (asked(if_match="*"), None, FAILED, FAILED),
        (asked(if_match='"v2"'), None, FAILED, FAILED),
        (asked(if_match='W/"v2"'), CURRENT, FAILED, FAILED),
        (asked(if_match='"v2"'), WEAK, FAILED, FAILED),
        (asked(if_match='W/"v2"'), WEAK, FAILED, FAILED),
        (asked(if_match='"v2"'), Validators(), FAILED, FAILED),
        (asked(if_match="*"), Validators(), PROCEED, PROCEED),
        (asked(if_match="v2"), CURRENT, FAILED, FAILED),  # malformed
        (asked(if_match=""), CURRENT, FAILED, FAILED),  # names no tag
        # If-None-Match (§13.1.2): weak comparison
        (asked(if_none_match='"v2"'), CURRENT, NOT_MODIFIED, FAILED),
        (asked(if_none_match='W/"v2"'), CURRENT, NOT_MODIFIED, FAILED),
        (asked(if_none_match='"v2"'), WEAK, NOT_MODIFIED, FAILED),
        (asked(if_none_match='"v1" , W/"v2"'), CURRENT, NOT_MODIFIED, FAILED),
        (asked(if_none_match='"v1"'), CURRENT, PROCEED, PROCEED),
        (asked(if_none_match='"V2"'), CURRENT, PROCEED, PROCEED),
        (asked(if_none_match="*"), CURRENT, NOT_MODIFIED, FAILED),
        (asked(if_none_match="*"), None, PROCEED, PROCEED),
        (asked(if_none_match='"v2"'), Validators(), PROCEED, PROCEED),
        (asked(if_none_match="v2"), CURRENT, PROCEED, FAILED),  # malformed: safe both ways
        (asked(if_none_match='"v2", v3'), CURRENT, PROCEED, FAILED),
        (asked(if_none_match="v2"), None, PROCEED, PROCEED),
        # If-Modified-Since (§13.1.3): GET and HEAD only
        (asked(if_modified_since=SAME), CURRENT, NOT_MODIFIED, PROCEED),
        (asked(if_modified_since=LATER), CURRENT, NOT_MODIFIED, PROCEED),
        (asked(if_modified_since=EARLIER), CURRENT, PROCEED, PROCEED),
        (asked(if_modified_since="yesterday"), CURRENT, PROCEED, PROCEED),
        (asked(if_modified_since=f"{SAME}, {SAME}"), CURRENT, PROCEED, PROCEED),
        (asked(if_modified_since="Fri, 31 Dec 99999 23:59:59 GMT"), CURRENT, PROCEED, PROCEED),
        (asked(if_modified_since=SAME), Validators(), PROCEED, PROCEED),
        (asked(if_modified_since=SAME), None, PROCEED, PROCEED),
        # If-Unmodified-Since (§13.1.4)
        (asked(if_unmodified_since=SAME), CURRENT, PROCEED, PROCEED),
        (asked(if_unmodified_since=LATER), CURRENT, PROCEED, PROCEED),
        (asked(if_unmodified_since=EARLIER), CURRENT, FAILED, FAILED),
        (asked(if_unmodified_since="yesterday"), CURRENT, PROCEED, PROCEED),
        (asked(if_unmodified_since=EARLIER), Validators(), PROCEED, PROCEED),
        # precedence (§13.2.2)
        (asked(if_match='"v2"', if_unmodified_since=EARLIER), CURRENT, PROCEED, PROCEED),
        (asked(if_match="v2", if_unmodified_since=LATER), CURRENT, FAILED, FAILED),
        (asked(if_match='"v1"', if_none_match='"v2"'), CURRENT, FAILED, FAILED),
        (asked(if_match='"v2"', if_none_match='"v2"'), CURRENT, NOT_MODIFIED, FAILED),
        (asked(if_unmodified_since=EARLIER, if_none_match='"v2"'), CURRENT, FAILED, FAILED),
        (asked(if_none_match='"v1"', if_modified_since=LATER), CURRENT, PROCEED, PROCEED),
        (asked(if_none_match="v2", if_modified_since=LATER), CURRENT, PROCEED, FAILED),
        (asked(if_none_match='"v2"', if_modified_since=EARLIER), CURRENT, NOT_MODIFIED, FAILED),
        # If-Range and Range play no part in it
        (asked(if_range='"v1"', range="bytes=0-1"), CURRENT, PROCEED, PROCEED),
    ],
)
def test_verdicts(conditions: Conditions, current: Validators | None, reading: Verdict, writing: Verdict) -> None:
    for method in ("GET", "HEAD"):
        assert evaluate(method, conditions, current, NOW) is reading
    for method in ("PUT", "POST", "DELETE"):
        assert evaluate(method, conditions, current, NOW) is writing
    for method in ("OPTIONS", "TRACE", "CONNECT"):
        assert evaluate(method, conditions, current, NOW) is PROCEED


@pytest.mark.parametrize(
    ("if_range", "current", "now", "holds"),
    [
        (None, CURRENT, NOW, True),
        ('"v2"', CURRENT, NOW, True),
        ('"v1"', CURRENT, NOW, False),
        ('W/"v2"', CURRENT, NOW, False),  # weak never matches strongly
        ('"v2"', WEAK, NOW, False),
        ('W/"v2"', WEAK, NOW, False),
        ('"v2"', Validators(None, MODIFIED), NOW, False),
        ('"v2", "v3"', CURRENT, NOW, False),  # one tag, not a list
        ("*", CURRENT, NOW, False),
        ("v2", CURRENT, NOW, False),
        ("garbage", CURRENT, NOW, False),
        ("", CURRENT, NOW, False),
        ('"', CURRENT, NOW, False),
        (SAME, CURRENT, NOW, True),
        (EARLIER, CURRENT, NOW, False),
        (LATER, CURRENT, NOW, False),  # exact, not "not later than"
        (SAME, Validators(EntityTag("v2")), NOW, False),
        (SAME, CURRENT, MODIFIED + 1.0, True),
        (SAME, CURRENT, MODIFIED + 0.99, False),  # its second is not over: a weak date
    ],
)
def test_if_range(if_range: str | None, current: Validators, now: float, *, holds: bool) -> None:
    assert if_range_holds(Conditions(if_range=if_range, range="bytes=0-1"), current, now) is holds


def test_fields_of_a_request() -> None:
    fields = [
        ("host", "cdn.example"),
        ("if-none-match", '"a"'),
        ("range", "bytes=0-1"),
        ("if-none-match", '"b"'),
        ("if-range", '"c"'),
    ]
    assert Conditions.from_fields(fields) == Conditions(if_none_match='"a", "b"', range="bytes=0-1", if_range='"c"')


def test_a_plain_request_has_no_conditions() -> None:
    assert Conditions.from_fields([("host", "cdn.example")]) is UNCONDITIONAL


def test_a_repeated_date_is_no_date() -> None:
    conditions = Conditions.from_fields([("if-modified-since", LATER), ("if-modified-since", LATER)])
    assert evaluate("GET", conditions, CURRENT, NOW) is PROCEED


names = st.sampled_from(["v1", "v2", "v3"])
entity_tags = st.builds(EntityTag, names, st.booleans())
tag_lists = st.just(None) | st.just("*") | st.lists(entity_tags, min_size=1, max_size=3)
dates = st.none() | st.integers(MODIFIED - 2, MODIFIED + 2)


def status_by_the_numbered_steps(
    method: str,
    if_match: str | list[EntityTag] | None,
    unmodified_since: int | None,
    if_none_match: str | list[EntityTag] | None,
    modified_since: int | None,
    current: Validators | None,
) -> int:
    """§13.2.2 again, as flatly as its numbered steps stand there."""
    tag = current.etag if current else None
    modified = current.last_modified if current else None
    if if_match is not None:
        if isinstance(if_match, str):
            holds = current is not None
        else:
            strong = {each.opaque for each in if_match if not each.weak}
            holds = tag is not None and not tag.weak and tag.opaque in strong
        if not holds:
            return 412
    elif unmodified_since is not None and modified is not None and modified > unmodified_since:
        return 412
    if if_none_match is not None:
        if isinstance(if_none_match, str):
            found = current is not None
        else:
            found = tag is not None and tag.opaque in {each.opaque for each in if_none_match}
        if found:
            return 304 if method in {"GET", "HEAD"} else 412
    elif (
        method in {"GET", "HEAD"} and modified_since is not None and modified is not None and modified <= modified_since
    ):
        return 304
    return 200


def as_list(tags: str | list[EntityTag] | None) -> str | None:
    return ", ".join(map(str, tags)) if isinstance(tags, list) else tags


def as_date(at: int | None) -> str | None:
    return None if at is None else format_http_date(at)


@given(
    st.sampled_from(["GET", "HEAD", "PUT", "DELETE"]),
    tag_lists,
    dates,
    tag_lists,
    dates,
    st.none() | st.builds(Validators, st.none() | entity_tags, dates),
)
def test_verdicts_agree_with_the_numbered_steps(
    method: str,
    if_match: str | list[EntityTag] | None,
    unmodified_since: int | None,
    if_none_match: str | list[EntityTag] | None,
    modified_since: int | None,
    current: Validators | None,
) -> None:
    conditions = Conditions(
        if_match=as_list(if_match),
        if_unmodified_since=as_date(unmodified_since),
        if_none_match=as_list(if_none_match),
        if_modified_since=as_date(modified_since),
    )
    expected = status_by_the_numbered_steps(method, if_match, unmodified_since, if_none_match, modified_since, current)
    statuses = {PROCEED: 200, NOT_MODIFIED: 304, FAILED: 412}
    assert statuses[evaluate(method, conditions, current, NOW)] == expected


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_no_text_makes_it_raise(tags: str, date: str, if_range: str) -> None:
    conditions = Conditions(tags, tags, date, date, if_range, "bytes=0-1")
    evaluate("GET", conditions, CURRENT, NOW)
    if_range_holds(conditions, CURRENT, NOW)
