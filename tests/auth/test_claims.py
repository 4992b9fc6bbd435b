"""Readers take a value at its word or refuse it."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.claims import read_list, read_method, read_network, read_one_or_more, read_text, read_time
from auth.errors import Denied, Reason
from auth.strict_json import JsonValue


@pytest.mark.parametrize("value", [0, 1, 1.5, 2**53, float(2**53)])
def test_times(value: float) -> None:
    assert read_time("exp", value) == value


@pytest.mark.parametrize(
    "value", [True, False, None, "1", [], {}, -1, -0.1, 2**53 + 1, 1e300, float("inf"), float("nan")]
)
def test_not_times(value: JsonValue) -> None:
    with pytest.raises(Denied, match="exp") as denied:
        read_time("exp", value)
    assert denied.value.reason is Reason.MALFORMED


@given(st.text())
def test_text_is_printable(value: str) -> None:
    try:
        assert read_text("sub", value) == value
    except Denied:
        assert not value or not value.isprintable() or len(value) > 512


@pytest.mark.parametrize(
    ("value", "network"),
    [
        ("192.0.2.1", "192.0.2.1/32"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("2001:DB8::1", "2001:db8::1/128"),
        ("::ffff:192.0.2.1", "192.0.2.1/32"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::/0", "::/0"),
        ("::/96", "::/96"),
    ],
)
def test_networks(value: str, network: str) -> None:
    assert read_network("networks", value) == ip_network(network)


@pytest.mark.parametrize(
    "value",
    [
        1,
        None,
        True,
        [],
        "",
        "x",
        "192.0.2.1/24",
        "192.0.2.0/33",
        "192.0.2",
        "192.0.2.0/255.255.255.0",
        "192.0.2.0/0.0.0.255",
        " 192.0.2.1",
        "192.0.2.1\n",
        "::1%lo",
        "[::1]",
        "192.0.2.01",
        "192.0.2.0/",
        "1" * 100,
        "\u0661.1.1.1",
    ],
)
def test_not_networks(value: JsonValue) -> None:
    with pytest.raises(Denied, match="networks"):
        read_network("networks", value)


def test_lists_are_bounded() -> None:
    assert read_list("aud", ["a"] * 64, read_text) == ("a",) * 64
    values: list[JsonValue] = [[], ["a"] * 65, "a", None, {"a": 1}]
    for value in values:
        with pytest.raises(Denied, match="aud"):
            read_list("aud", value, read_text)


def test_one_or_more() -> None:
    assert read_one_or_more("aud", "a") == ("a",)
    assert read_one_or_more("aud", ["a", "b"]) == ("a", "b")


@pytest.mark.parametrize("value", ["get", "", "G ET", "GET\n", None, 1, "X" * 17])
def test_not_methods(value: JsonValue) -> None:
    with pytest.raises(Denied, match="methods"):
        read_method("methods", value)
