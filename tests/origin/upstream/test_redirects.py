"""Where redirections lead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.upstream.http_config import Base
from origin.upstream.origin_server import Trouble, UpstreamError
from origin.upstream.redirects import followed
from origin.upstream.target import check_target

HERE = Base("http", "a.example", "/films")
ALLOWED = frozenset({"http://a.example", "https://b.example", "https://b.example:8443"})


def led(location: str, status: int = 302) -> tuple[str, str] | None:
    place = followed(status, (("location", location),), HERE, "/x/y?z", ALLOWED)
    if place is None:
        return None
    base, target = place
    assert base.path == ""
    return base.origin, target


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("https://b.example/q?r=1", ("https://b.example", "/q?r=1")),
        ("HTTPS://B.example:443/q#f", ("https://b.example", "/q")),
        ("https://b.example", ("https://b.example", "/")),
        ("https://b.example?r=1", ("https://b.example", "/?r=1")),
        ("https://b.example:8443/", ("https://b.example:8443", "/")),
        ("//a.example/q", ("http://a.example", "/q")),
        ("/q", ("http://a.example", "/q")),
        ("q", ("http://a.example", "/films/x/q")),
        ("../q", ("http://a.example", "/films/q")),
        ("?r", ("http://a.example", "/films/x/y?r")),
    ],
)
def test_where_it_leads(location: str, place: tuple[str, str]) -> None:
    assert led(location) == place


@pytest.mark.parametrize(
    "location",
    [
        "http://b.example/",
        "https://b.example:444/",
        "https://c.example/",
        "//c.example/",
        "https://b.example@c.example/",
        "https://user@b.example/",
        "https://b.example\\@c.example/",
        "\\\\c.example/",
        "ftp://b.example/",
        "javascript:alert(1)",
        "https:b.example",
        "https:///q",
        "https://b.example/%2e%2e/q",
        "https://b.example//q",
        "/a b",
        "/ü",
        "/a\r\nb",
        "http://[::1/",
    ],
)
def test_where_nobody_goes(location: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        led(location)
    assert caught.value.trouble is Trouble.BAD_REDIRECT


def test_what_is_an_answer() -> None:
    for status in (200, 201, 300, 304, 305, 404):
        assert led("https://c.example/", status) is None
    assert followed(302, (), HERE, "/", ALLOWED) is None


def test_several_locations_are_refused() -> None:
    fields = (("Location", "/a"), ("location", "/b"))
    with pytest.raises(UpstreamError):
        followed(302, fields, HERE, "/", ALLOWED)
    assert followed(302, (("Location", "/a"),) * 2, HERE, "/", ALLOWED) is not None


@given(st.text() | st.text("htps:/@.ab[]?#\\% example"))
def test_any_location_leads_to_an_allowed_place_or_nowhere(location: str) -> None:
    try:
        place = led(location)
    except UpstreamError as error:
        if error.trouble is Trouble.BAD_REDIRECT:
            return
        raise
    assert place is not None
    assert place[0] in ALLOWED
    check_target(place[1])
