"""Facts of a viewer, and the condition that they still hold."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from auth.errors import Reason
from auth.request import Place, Request
from auth.rules import CONDITIONS
from auth.rules.viewer import Fact, SameViewer, fact
from auth.strict_json import JsonValue

REQUEST = Request(
    "GET",
    "https",
    "h",
    "/a",
    "x=1&y=&x=2&z=%41",
    headers=(("user-agent", "player/1"), ("via", "a"), ("via", "b")),
    client=ip_address("192.0.2.7"),
    place=Place(country="CA", subdivision="CA-QC", city="Laval"),
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client", "192.0.2.7"),
        ("country", "CA"),
        ("subdivision", "QC"),
        ("city", "Laval"),
        ("header:user-agent", "player/1"),
        ("header:via", "a\nb"),
        ("header:accept", None),
        ("query:x", "1\n2"),
        ("query:y", ""),
        ("query:z", "%41"),
        ("query:w", None),
        ("weather", None),
    ],
)
def test_facts(name: str, value: str | None) -> None:
    assert fact(REQUEST, name) == value


@pytest.mark.parametrize("name", ["client", "country", "subdivision", "city"])
def test_what_nobody_knows(name: str) -> None:
    assert fact(Request("GET", "https", "h", "/a"), name) is None


@pytest.mark.parametrize(
    ("address", "text"),
    [("2001:DB8::1", "2001:0db8:0000:0000:0000:0000:0000:0001"), ("::ffff:192.0.2.7", "192.0.2.7")],
)
def test_addresses_are_written_in_one_way(address: str, text: str) -> None:
    assert fact(replace(REQUEST, client=ip_address(address)), "client") == text


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (("client", "192.0.2.8"), Reason.WRONG_NETWORK),
        (("country", "FR"), Reason.WRONG_PLACE),
        (("city", "laval"), Reason.WRONG_PLACE),
        (("header:user-agent", None), Reason.WRONG_HEADER),
        (("header:accept", "x"), Reason.WRONG_HEADER),
        (("query:y", None), Reason.OUT_OF_SCOPE),
    ],
)
def test_another_viewer(one: Fact, reason: Reason) -> None:
    denied = SameViewer((("country", "CA"), one)).objection(REQUEST, 0)
    assert denied is None or denied.reason is reason
    assert denied is not None


def test_the_same_viewer() -> None:
    assert SameViewer((("client", "192.0.2.7"), ("header:accept", None))).objection(REQUEST, 0) is None


def test_it_travels_as_json() -> None:
    condition = SameViewer((("client", "192.0.2.7"), ("header:accept", None)))
    assert CONDITIONS[condition.WORD].from_json(condition.to_json()) == condition


@pytest.mark.parametrize("value", [None, 1, [], {}, [1], [["a"]], [["a", 1]], [["a", "b", "c"]], "x"])
def test_only_its_own_json_is_read(value: JsonValue) -> None:
    with pytest.raises(ValueError, match="viewer's fact"):
        SameViewer.from_json(value)
