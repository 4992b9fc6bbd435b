from __future__ import annotations

import pytest

from origin.http.cors import ALLOWED_HEADERS, EXPOSED_HEADERS, CorsPolicy, cors_headers, preflight
from origin.http.reply import Empty, Header

PAGE = "https://player.example"
OPEN = CorsPolicy()
COOKIES = CorsPolicy(credentials=True)
LISTED = CorsPolicy(origins=frozenset({PAGE, "http://localhost:3000"}))
LISTED_COOKIES = CorsPolicy(origins=frozenset({PAGE}), credentials=True)


def field(headers: tuple[Header, ...], name: str) -> str | None:
    values = [value for key, value in headers if key == name]
    assert len(values) < 2
    return values[0] if values else None


@pytest.mark.parametrize(
    ("policy", "origin", "allowed", "credentials", "vary"),
    [
        (OPEN, PAGE, "*", None, None),
        (OPEN, None, "*", None, None),  # the same for all, so that a CDN may keep one copy
        (OPEN, "null", "*", None, None),
        (OPEN, "garbage\r\n", "*", None, None),
        (COOKIES, PAGE, PAGE, "true", "Origin"),
        (COOKIES, "http://[::1]:8080", "http://[::1]:8080", "true", "Origin"),
        (COOKIES, None, None, None, "Origin"),
        (COOKIES, "null", None, None, "Origin"),
        (COOKIES, "*", None, None, "Origin"),
        (COOKIES, "https://a.example, https://b.example", None, None, "Origin"),
        (COOKIES, "https://a.example/path", None, None, "Origin"),
        (COOKIES, "https://a.example\r\nX: y", None, None, "Origin"),
        (COOKIES, "https://" + "a" * 5000, None, None, "Origin"),
        (LISTED, PAGE, PAGE, None, "Origin"),
        (LISTED, "http://localhost:3000", "http://localhost:3000", None, "Origin"),
        (LISTED, "https://other.example", None, None, "Origin"),
        (LISTED, "https://player.example.evil.example", None, None, "Origin"),
        (LISTED, "http://player.example", None, None, "Origin"),
        (LISTED, None, None, None, "Origin"),
        (LISTED_COOKIES, PAGE, PAGE, "true", "Origin"),
        (LISTED_COOKIES, "https://other.example", None, None, "Origin"),
    ],
)
def test_who_may_read(
    policy: CorsPolicy, origin: str | None, allowed: str | None, credentials: str | None, vary: str | None
) -> None:
    answer, options = cors_headers(policy, origin), preflight(policy, origin)
    for headers in (answer, options.headers):
        assert field(headers, "Access-Control-Allow-Origin") == allowed
        assert field(headers, "Access-Control-Allow-Credentials") == credentials
        assert field(headers, "Vary") == vary
    assert (field(answer, "Access-Control-Expose-Headers") is not None) is (allowed is not None)
    for name in ("Methods", "Headers"):
        assert (field(options.headers, f"Access-Control-Allow-{name}") is not None) is (allowed is not None)
    assert options.status == 204
    assert options.body == Empty(None)  # a 204 has no Content-Length (RFC 9110 §8.6)


def test_an_answer_to_a_preflight() -> None:
    headers = preflight(CorsPolicy(max_age=600, methods=("GET", "POST")), PAGE).headers
    assert field(headers, "Access-Control-Allow-Methods") == "GET, POST"
    assert field(headers, "Access-Control-Max-Age") == "600"
    assert field(headers, "Allow") == "GET, POST"
    allowed = field(headers, "Access-Control-Allow-Headers")
    assert allowed is not None
    assert allowed.split(", ") == list(ALLOWED_HEADERS)


@pytest.mark.parametrize(
    "name",
    [
        "Range",
        "Authorization",
        "If-None-Match",
        "Content-Type",
        "CMCD-Object",
        "CMCD-Request",
        "CMCD-Session",
        "CMCD-Status",
        "CTA-Common-Access-Token",
        "Common-Access-Token",
    ],
)
def test_players_may_send(name: str) -> None:
    assert name in ALLOWED_HEADERS


@pytest.mark.parametrize(
    "name",
    [
        "Date",
        "Age",
        "Content-Length",
        "Content-Range",
        "Accept-Ranges",
        "ETag",
        "Retry-After",
        "CMSD-Static",
        "CMSD-Dynamic",
        "CTA-Common-Access-Token",
        "Common-Access-Token",
        "Cache-Status",
        "Server-Timing",
    ],
)
def test_players_may_read(name: str) -> None:
    exposed = field(cors_headers(OPEN, PAGE), "Access-Control-Expose-Headers")
    assert exposed is not None
    assert name in exposed.split(", ")
    assert name in EXPOSED_HEADERS
