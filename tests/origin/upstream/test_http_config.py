"""What an HTTP upstream may be configured to."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.upstream.http_config import Base, HttpOriginConfig, parse_base

GOOD = HttpOriginConfig(("https://origin.example",))


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("http://origin.example", Base("http", "origin.example")),
        ("HTTPS://Origin.Example:443/", Base("https", "origin.example")),
        ("http://origin.example:80", Base("http", "origin.example")),
        ("http://origin.example:443", Base("http", "origin.example:443")),
        ("https://a-b.example:8443/x%20y/z/", Base("https", "a-b.example:8443", "/x%20y/z")),
        ("http://8.8.8.8", Base("http", "8.8.8.8")),
        ("http://[2606:4700::1]:81/a", Base("http", "[2606:4700::1]:81", "/a")),
    ],
)
def test_bases(text: str, base: Base) -> None:
    assert parse_base(text) == base


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin.example",
        "//origin.example",
        "ftp://origin.example",
        "file:///etc/passwd",
        "http://",
        "http:///a",
        "http://user@origin.example",
        "http://user:secret@origin.example",
        "http://origin.example?secret",
        "http://origin.example/#secret",
        "http://origin.example/a?",
        "http://origin.example/../a",
        "http://origin.example//a",
        "http://origin.example/a b",
        "http://origin.example:",
        "http://origin.example:x",
        "http://origin.example:99999",
        "http://origin example",
        "http://ö.example",
        "http://[::1",
        "http://[v1.a]",
        "http://-a.example",
        "http://origin.example\\a",
        "http://a.example,b.example",
        "http://a.exa\nmple",
        "ht\ttp://a.example",
    ],
)
def test_what_is_no_base(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_base(text)
    assert "secret" not in str(caught.value)


@given(st.text() | st.text("htps:/@.a1[]?#\\% "))
def test_a_base_is_a_base_or_a_value_error(text: str) -> None:
    try:
        base = parse_base(text)
    except ValueError:
        return
    assert parse_base(base.origin + base.path) == base


def test_the_host_of_a_base() -> None:
    assert [parse_base(each).host for each in ("http://a.example:81/b", "http://[2606:4700::1]:81")] == [
        "a.example",
        "2606:4700::1",
    ]


@pytest.mark.parametrize(
    "host", ["localhost", "films.localhost", "localhost.", "127.0.0.1", "[::1]", "10.0.0.7", "[::ffff:10.0.0.7]"]
)
def test_a_private_host_takes_its_network(host: str) -> None:
    networks = tuple(map(ip_network, ("127.0.0.0/8", "::1/128", "10.0.0.0/8")))
    for more in ({"bases": (f"http://{host}:81",)}, {"redirect_origins": (f"http://{host}:81",)}):
        with pytest.raises(ValueError, match="private networks"):
            replace(GOOD, **more)  # type: ignore[arg-type]
        replace(GOOD, private_networks=networks, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "more",
    [
        {"bases": ()},
        {"bases": ("origin.example",)},
        {"labels": ("a", "b")},
        {"connect_seconds": 0},
        {"first_byte_seconds": -1},
        {"header_seconds": 0},
        {"idle_seconds": 0},
        {"max_response_bytes": 0},
        {"max_header_bytes": 0},
        {"max_fields": 0},
        {"max_connections": 0},
        {"max_redirects": -1},
        {"retries": -1},
        {"retry_seconds": -1},
        {"redirect_origins": ("https://a.example/path",)},
        {"redirect_origins": ("a.example",)},
        {"host": "a.example/b"},
        {"host": "a\r\nb"},
        {"host": ""},
    ],
    ids=str,
)
def test_what_cannot_work(more: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        replace(GOOD, **more)  # type: ignore[arg-type]


def test_labels() -> None:
    two = replace(GOOD, bases=("https://a.example", "https://b.example"))
    assert [two.label(0), two.label(1)] == ["0", "1"]
    assert replace(two, labels=("near", "far")).label(1) == "far"
