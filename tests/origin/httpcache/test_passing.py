from __future__ import annotations

import pytest
from hypothesis import given

from origin.http.fields import Fields
from origin.httpcache.passing import forwardable_request, forwardable_response, reply_fields
from origin.httpcache.stored import StoredResponse
from tests.origin.httpcache.exchanges import NOW, any_fields, date

OF_THE_CONNECTION = (
    "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Authorization",
    "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "HTTP2-Settings",
)  # fmt: skip
OF_ALL = (
    ("Test-Header", "1"),
    ("x-test-header", "2"),
    ("Content-Foo", "3"),
    ("Cache-Control", "max-age=1"),
    ("Set-Cookie", "a=b"),
    ("Set-Cookie", "c=d"),
    ("Content-Location", "/foo"),
    ("Content-Security-Policy", "default-src 'self'"),
    ("Clear-Site-Data", "cache"),
    ("CDN-Cache-Control", "foo"),
    ("Expires", date(5)),
)


@pytest.mark.parametrize("name", OF_THE_CONNECTION)
def test_what_ends_here(name: str) -> None:
    fields = ((name, "x"), (name.lower(), "y"), *OF_ALL)
    assert forwardable_response(fields) == OF_ALL
    assert forwardable_request(fields) == OF_ALL


def test_what_the_connection_names_ends_here_too() -> None:
    fields = (("Connection", "a, B"), ("connection", "c"), ("A", "1"), ("b", "2"), ("C", "3"), ("d", "4"))
    assert forwardable_response(fields) == (("d", "4"),)
    assert forwardable_request(fields) == (("d", "4"),)


def test_the_connection_cannot_take_what_is_for_all() -> None:
    secret = (("Cache-Control", "no-store"), ("Authorization", "x"), ("Vary", "*"))
    fields = (("Connection", "cache-control, authorization, vary, close"), *secret)
    assert forwardable_response(fields) == secret
    assert forwardable_request(fields) == secret


def test_what_is_about_one_request_of_one_client() -> None:
    names = ("Host", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range")
    fields = tuple((name, "x") for name in (*names, "Content-Length", "Expect"))
    assert forwardable_request((*fields, ("Cookie", "a"), ("Accept", "*/*"))) == (("Cookie", "a"), ("Accept", "*/*"))


def test_a_reply_has_the_stored_fields_and_the_present_age() -> None:
    fields = (("Date", date(0)), ("Age", "30"), ("age", "1"), ("Expires", date(60)), ("A", "1"))
    stored = StoredResponse(200, fields, NOW, NOW)
    assert reply_fields(stored, 33.9) == (("Date", date(0)), ("Expires", date(60)), ("A", "1"), ("Age", "33"))


@given(any_fields)
def test_nothing_is_added(fields: Fields) -> None:
    for passed in (forwardable_request(fields), forwardable_response(fields)):
        assert set(passed) <= set(fields)
        assert forwardable_response(passed) == passed
