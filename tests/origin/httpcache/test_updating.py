from __future__ import annotations

import pytest
from hypothesis import given

from origin.http.fields import Fields, values_of
from origin.httpcache.reuse import Serve
from origin.httpcache.stored import StoredResponse
from origin.httpcache.updating import freshened, freshened_by_head, is_match_for
from tests.origin.httpcache.exchanges import NOW, POLICY, any_fields, ask, date, kept, response

MODIFIED = ("Last-Modified", date(-5000))
TAG = ("ETag", '"a"')


def updated(stored: StoredResponse, *fields: tuple[str, str], request: Fields = ()) -> StoredResponse:
    return freshened(stored, fields, POLICY, request_fields=request, requested_at=NOW + 9, received_at=NOW + 10)


def by_head(
    stored: StoredResponse, *fields: tuple[str, str], status: int = 200, length: int | None = None
) -> StoredResponse | None:
    return freshened_by_head(
        stored, status, fields, POLICY, request_fields=(), requested_at=NOW + 9, received_at=NOW + 10, length=length
    )


@pytest.mark.parametrize(
    ("known", "told", "is_match"),
    [
        ((TAG,), (TAG,), True),
        ((TAG,), (("ETag", '"b"'),), False),
        ((TAG,), (("ETag", 'W/"a"'),), True),  # weak in the 304: compared weakly
        ((("ETag", 'W/"a"'),), (TAG,), False),  # strong in the 304: the same strong one
        ((("ETag", 'W/"a"'),), (("ETag", 'W/"a"'),), True),
        ((TAG,), (("ETag", "a"),), False),
        ((MODIFIED,), (TAG,), False),
        ((TAG, MODIFIED), (TAG, ("Last-Modified", date(-1))), True),
        ((TAG, MODIFIED), (MODIFIED,), True),
        ((MODIFIED,), (MODIFIED,), True),
        ((MODIFIED,), (("Last-Modified", date(-4999)),), False),
        ((MODIFIED,), (("Last-Modified", "0"),), False),
        ((TAG,), (MODIFIED,), False),
        ((TAG,), (), True),  # the answer to a condition about this response
        ((MODIFIED,), (("Date", date(0)),), True),
    ],
)
def test_which_stored_response_a_304_is_about(known: Fields, told: Fields, is_match: bool) -> None:
    assert is_match_for(kept(*known), told) is is_match


@pytest.mark.parametrize(
    "name",
    [
        "Test-Header", "X-Test-Header", "Content-Foo", "X-Content-Foo", "Cache-Control", "Content-Location",
        "Content-MD5", "Content-Security-Policy", "Content-Type", "Clear-Site-Data", "Expires", "Set-Cookie",
        "X-Frame-Options",
    ],
)  # fmt: skip
def test_a_304_replaces_fields(name: str) -> None:
    stored = kept(*response((name, "old"), (name, "older"), TAG))
    assert values_of(updated(stored, (name.lower(), "new")).fields, name) == ["new"]
    assert values_of(updated(stored).fields, name) == ["old", "older"]


@pytest.mark.parametrize("name", ["Content-Length", "Content-Encoding", "Content-Range"])
def test_a_304_does_not_change_what_describes_the_stored_bytes(name: str) -> None:
    assert values_of(updated(kept(*response((name, "36"), TAG)), (name, "10")).fields, name) == ["36"]


@pytest.mark.parametrize("name", ["Connection", "Keep-Alive", "Transfer-Encoding", "Proxy-Authenticate", "Upgrade"])
def test_a_304_brings_no_fields_of_the_connection(name: str) -> None:
    assert values_of(updated(kept(*response(TAG)), (name, "x")).fields, name) == []


def test_the_age_begins_anew() -> None:
    stored = kept(("Date", date(-100)), ("Age", "50"), ("Cache-Control", "max-age=160"), TAG)
    fresh = updated(stored)
    assert ask(fresh, after=10) == Serve(1.0, 159.0)  # the second that the validation took
    assert values_of(fresh.fields, "date") == [date(10)]
    assert values_of(fresh.fields, "age") == []
    assert ask(updated(stored, ("Date", date(10)), ("Age", "30")), after=10) == Serve(31.0, 129.0)
    assert (fresh.status, fresh.requested_at, fresh.received_at) == (200, NOW + 9, NOW + 10)


def test_a_304_may_change_what_the_response_depends_on() -> None:
    stored = kept(("Vary", "Foo"), TAG, request=(("Foo", "1"),))
    request = (("Foo", "1"), ("Bar", "2"))
    assert updated(stored, request=request).vary == (("foo", "1"),)
    assert updated(stored, ("Vary", "Bar, Foo"), request=request).vary == (("bar", "2"), ("foo", "1"))
    assert not isinstance(ask(updated(stored, ("Vary", "*"), request=request), *request), Serve)


def test_fields_that_are_excluded_stay_out() -> None:
    stored = kept(("Cache-Control", 'max-age=60, no-cache="a"'), ("a", "1"), ("b", "2"), TAG)
    fresh = updated(stored, ("A", "3"), ("B", "4"))
    assert (values_of(fresh.fields, "a"), values_of(fresh.fields, "b")) == ([], ["4"])
    named_later = updated(stored, ("Cache-Control", 'max-age=60, private="b"'))
    assert values_of(named_later.fields, "b") == []


def test_tags_are_added() -> None:
    stored = kept(("Cache-Tag", "one"), TAG)
    assert updated(stored, ("Cache-Tag", "two")).tags == ("one", "two")
    assert updated(stored).tags == ("one",)


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ((), ()),
        ((TAG, MODIFIED, ("Content-Length", "12")), (TAG, MODIFIED, ("Content-Length", "12"))),
        ((TAG, MODIFIED), (TAG,)),
        ((TAG,), (("Content-Length", "12"),)),
        ((), (("X", "1"),)),
    ],
)
def test_head_updates(known: Fields, told: Fields) -> None:
    stored = kept(("Cache-Control", "max-age=2"), ("A", "1"), ("B", "1"), *known)
    fresh = by_head(stored, ("Cache-Control", "max-age=1000"), ("A", "2"), *told, length=12)
    assert fresh is not None
    assert (values_of(fresh.fields, "a"), values_of(fresh.fields, "b")) == (["2"], ["1"])
    assert isinstance(ask(fresh, after=20), Serve)


@pytest.mark.parametrize(
    ("known", "told", "status"),
    [
        ((TAG,), (("ETag", '"b"'),), 200),
        ((TAG,), (("ETag", 'W/"a"'),), 200),
        ((TAG,), (("ETag", "a"),), 200),
        ((), (TAG,), 200),
        ((MODIFIED,), (("Last-Modified", date(-1)),), 200),
        ((), (MODIFIED,), 200),
        ((MODIFIED,), (("Last-Modified", "0"),), 200),
        ((("Content-Length", "12"),), (("Content-Length", "13"),), 200),
        ((("Content-Length", "12"),), (("Content-Length", "x"),), 200),
        ((TAG,), (TAG,), 410),
        ((TAG,), (TAG,), 304),
    ],
)
def test_head_tells_of_something_else(known: Fields, told: Fields, status: int) -> None:
    assert by_head(kept(*known), *told, status=status) is None


def test_head_knows_the_length_of_what_is_stored() -> None:
    assert by_head(kept(TAG), TAG, ("Content-Length", "12"), length=13) is None
    assert by_head(kept(TAG), TAG, ("Content-Length", "12"), length=12) is not None
    assert by_head(kept(TAG), TAG, ("Content-Length", "12")) is not None  # nobody knows
    assert by_head(kept(TAG, status=404), TAG) is None


@given(any_fields, any_fields)
def test_no_field_is_too_much(known: Fields, told: Fields) -> None:
    stored = kept(*known)
    is_match_for(stored, told)
    fresh = updated(stored, *told, request=known)
    assert len(values_of(fresh.fields, "date")) >= 1
    assert fresh.status == stored.status
    by_head(stored, *told)
