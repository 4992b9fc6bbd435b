"""What a gateway must not let pass: requests that two programs could read in two ways."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec
import pytest

from tests.stories.gateway import running

GOOD = b"GET /open/a/1.m4s HTTP/1.1\r\nHost: a\r\n\r\n"
SMUGGLED = b"GET /open/a/smuggled.m4s HTTP/1.1\r\nHost: a\r\n\r\n"


def request(*lines: str, first: str = "GET /open/a/1.m4s HTTP/1.1") -> bytes:
    return "\r\n".join([first, "Host: a", *lines, "", ""]).encode("latin-1")


# each is refused, with one of these statuses or none, and nothing behind it is read
REFUSED: dict[str, tuple[bytes, set[int]]] = {
    "bare LF": (b"GET /open/a/1.m4s HTTP/1.1\nHost: a\n\n", {400}),
    "obs-fold": (request("X-A: b", "  c: d"), {400}),
    "two lengths": (request("Content-Length: 0", "Content-Length: 5"), {400}),
    "two equal lengths": (request("Content-Length: 5", "Content-Length: 5") + b"GET /", {400}),
    "length and chunks": (request("Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n", {400}),
    "a body": (request("Content-Length: 5") + b"abcde", {400}),
    "a body on HEAD": (request("Content-Length: 5", first="HEAD /open/a/1.m4s HTTP/1.1") + b"abcde", {400}),
    "chunks": (request("Transfer-Encoding: chunked") + b"0\r\n\r\n", {400}),
    "another coding": (request("Transfer-Encoding: xchunked"), {400}),
    "signed length": (request("Content-Length: +0"), {400}),
    "a blank before the colon": (request("X-A : b"), {400}),
    "NUL in a field": (request("X-A: a\0b"), {400}),
    "NUL in the target": (request(first="GET /open/a/\0 HTTP/1.1"), {400}),
    "a huge field": (request("X-A: " + "a" * 70_000), {400, 431}),
    "a huge target": (request(first="GET /" + "a" * 70_000 + " HTTP/1.1"), {400, 414}),
    "too many fields": (request(*(f"X-{number}: a" for number in range(500))), {400, 431}),
    "CONNECT": (b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", {400, 405}),
    "the HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}),
    "HTTP/2.0": (request(first="GET /open/a/1.m4s HTTP/2.0"), {400, 505}),
    "RTSP": (request(first="GET /open/a/1.m4s RTSP/1.0"), {400, 505}),
    "HTTP/0.9": (b"GET /open/a/1.m4s\r\n\r\n", {400}),
    "no Host": (b"GET /open/a/1.m4s HTTP/1.1\r\n\r\n", {400}),
    "two Hosts": (request("Host: b"), {400}),
    "a Host with a path": (b"GET /open/a/1.m4s HTTP/1.1\r\nHost: a/b\r\n\r\n", {400}),
    "a Host with a user": (b"GET /open/a/1.m4s HTTP/1.1\r\nHost: a@b\r\n\r\n", {400}),
    "a Host with a blank": (b"GET /open/a/1.m4s HTTP/1.1\r\nHost: a b\r\n\r\n", {400}),
    "an absolute target without a host": (request(first="GET http:///open/a/1.m4s HTTP/1.1"), {400}),
    "an absolute target with a user": (request(first="GET http://u@a/open/a/1.m4s HTTP/1.1"), {400}),
    "an asterisk": (request(first="OPTIONS * HTTP/1.1"), {400}),
    "a relative target": (request(first="GET open/a/1.m4s HTTP/1.1"), {400}),
    "POST with chunks": (
        request("Transfer-Encoding: chunked", first="POST /open/a/1.m4s HTTP/1.1") + b"0\r\n\r\n",
        {405},
    ),
    "PUT": (request("Content-Length: 3", first="PUT /open/a/1.m4s HTTP/1.1") + b"abc", {405}),
    "TRACE": (request(first="TRACE /open/a/1.m4s HTTP/1.1"), {405}),
    "noise": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", {400}),
}


@pytest.mark.parametrize("is_fast", [True, False], ids=["fast lane", "ordinary way"])
@pytest.mark.parametrize("name", REFUSED)
async def test_it_is_refused_and_nothing_behind_it_is_read(
    name: str, is_fast: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked, statuses = REFUSED[name]
    async with running(tmp_path, server={"fast_lane": is_fast}) as gateway:
        gateway.put("a/1.m4s", b"abc")
        gateway.put("a/smuggled.m4s", b"smuggled")
        async with gateway.wire() as wire:
            for good in (GOOD, SMUGGLED) * 3:  # until the lane knows whatever it will know
                await wire.send(good)
                assert (await wire.answer()).status == 200
            await wire.send(asked + SMUGGLED)
            received = await wire.rest()
        assert (await gateway.ask("/open/a/1.m4s")).body == b"abc"
    assert received.count(b"HTTP/1.") == 1
    head, _, body = received.partition(b"\r\n\r\n")
    assert int(head.split(b" ", 2)[1]) in statuses
    assert b"smuggled" not in body
    if not asked.startswith((b"HEAD", b"CONNECT")):
        problem = msgspec.json.decode(body)
        assert problem["status"] in statuses
        assert problem["reason"]
    assert b"application/problem+json" in head
    assert b"no-store" in head
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_trailer_never_reaches_the_next_request(tmp_path: Path) -> None:
    proxied = {"trusted_proxies": ["127.0.0.1/32"]}
    async with running(tmp_path, public=proxied) as gateway, gateway.wire() as wire:
        gateway.put("a/1.m4s", b"abc")
        chunked = request("Transfer-Encoding: chunked", "Trailer: Range", first="POST /open/a/1.m4s HTTP/1.1")
        await wire.send(chunked + b"1\r\na\r\n0\r\nRange: bytes=0-0\r\n\r\n" + GOOD)
        received = await wire.rest()
    assert received.startswith(b"HTTP/1.1 405")
    assert received.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "asked",
    [
        request("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQAAP__"),
        request("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"),
        request("Expect: 100-continue"),
        request("Content-Length: 0"),
        request(first="GET http://a/open/a/1.m4s HTTP/1.1"),
        request(first="GET HTTP://A:80/open/a/1.m4s HTTP/1.1"),
        b"GET /open/a/1.m4s HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
        b"GET /open/a/1.m4s HTTP/1.1\r\nHost: a:\r\n\r\n",
        b"GET /open/a/1.m4s HTTP/1.1\r\nHost:\r\n\r\n",
    ],
    ids=["h2c", "websocket", "expect", "no body", "absolute", "absolute, capitals", "IPv6", "empty port", "no host"],
)
async def test_it_is_answered_in_http_1_1_and_the_connection_goes_on(asked: bytes, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway, gateway.wire() as wire:
        gateway.put("a/1.m4s", b"abc")
        await wire.send(asked)
        first = await wire.answer()
        assert (first.status, first.body) == (200, b"abc")
        assert (await wire.ask("/open/a/1.m4s")).body == b"abc"


async def test_405_names_the_methods(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        answer = await gateway.ask("/open/a/1.m4s", method="DELETE")
    assert (answer.status, answer["allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize(
    "target", ["/open/../vod/a", "/open/%2e%2e/a", "/open//a", "/open/a%2fb", "/open/a%00", "/open/%zz"]
)
async def test_no_path_is_read_in_two_ways(target: str, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        assert (await gateway.ask(target)).status in {400, 404}
