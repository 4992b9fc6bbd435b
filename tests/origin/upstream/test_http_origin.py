"""Pulling from HTTP origins: real connections over loopback, to servers that say exactly what a test tells them."""

from __future__ import annotations

import asyncio
import gc
import re
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from hashlib import sha256
from ipaddress import ip_network
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from auth.algorithms import Algorithm
from auth.http_signatures import METHOD, TARGET_URI, Component, SignaturePolicy, verify
from auth.keys import Key, KeyRing
from auth.request import Request
from auth.secret import Secret
from origin.http.fields import Fields, combined
from origin.upstream.health import HealthPolicy
from origin.upstream.http_config import MAX_REQUEST_BYTES, HttpOriginConfig
from origin.upstream.http_origin import Asked, HttpOrigin
from origin.upstream.origin_server import Outgoing, Trouble, UpstreamError, Viewer
from origin.upstream.outgoing import Additions, Forwarding, Signing
from tests.contracts.descriptors import eventually
from tests.contracts.origin_server import OriginServerContract, Stage, whole
from tests.liar import End, Liar, Script, response
from tests.redis_server import free_port

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
GET = Outgoing("GET", "/a")
OK = response(b"hello")


def settings_for(*bases: str, **more: object) -> HttpOriginConfig:
    """An upstream that does not repeat itself, on loopback."""
    return replace(HttpOriginConfig(bases, private_networks=LOOPBACK, retries=0), **more)  # type: ignore[arg-type]


@asynccontextmanager
async def pulling(*bases: str | Liar, **more: object) -> AsyncIterator[HttpOrigin]:
    """An origin for these bases; closed afterwards."""
    origin = HttpOrigin(settings_for(*(base.url if isinstance(base, Liar) else base for base in bases), **more))
    try:
        yield origin
    finally:
        await origin.close()


async def got(origin: HttpOrigin, request: Outgoing = GET) -> tuple[int, bytes]:
    """Status and body."""
    incoming = await origin.fetch(request)
    try:
        return incoming.status, await whole(incoming)
    finally:
        await incoming.close()


async def trouble(origin: HttpOrigin, request: Outgoing = GET) -> Trouble:
    """Why there is no answer."""
    with pytest.raises(UpstreamError) as caught:
        await got(origin, request)
    assert "127.0.0.1" not in str(caught.value)
    assert "http:" not in str(caught.value)
    return caught.value.trouble


def lines(request: bytes) -> list[str]:
    """The request line and the fields."""
    return request.partition(b"\r\n\r\n")[0].decode().split("\r\n")


class Shelf:
    """What a scripted server needs to behave: objects with ETags, ranges and conditions."""

    def __init__(self, liar: Liar) -> None:
        self._objects: dict[str, tuple[bytes, int | None, End | None]] = {}
        liar.answers(self._answer)

    async def put(self, target: str, content: bytes) -> None:
        self._objects[target] = (content, None, None)

    async def cut(self, target: str, content: bytes, sent: int) -> None:
        self._objects[target] = (content, sent, End.CLOSE)

    async def hold(self, target: str, content: bytes, sent: int) -> None:
        self._objects[target] = (content, sent, End.HOLD)

    def _answer(self, request: bytes, _number: int) -> Script:
        method, target, *_ = request.decode().split(" ")
        if target not in self._objects:
            return (response(b"nothing here" if method == "GET" else b"", status="404 Not Found"),)
        content, sent, end = self._objects[target]
        etag = f'"{sha256(content).hexdigest()}"'
        if f"If-None-Match: {etag}\r\n".encode() in request:
            return (f"HTTP/1.1 304 Not Modified\r\nETag: {etag}\r\n\r\n".encode(),)
        status, fields, body = "200 OK", [f"ETag: {etag}"], content
        asked = re.search(rb"Range: bytes=([0-9]+)-([0-9]*)", request)
        if asked:
            first, last = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
            if first >= len(content):
                return (response(b"", f"Content-Range: bytes */{len(content)}", status="416 Range Not Satisfiable"),)
            status, body = "206 Partial Content", content[first : last + 1]
            fields.append(f"Content-Range: bytes {first}-{last}/{len(content)}")
        head = response(b"", *fields, status=status, length=len(body))
        if method == "HEAD":
            return (head,)
        return (head + body,) if end is None else (head + body[:sent], end)


class TestHttpOrigin(OriginServerContract):
    """It owes what every origin server owes."""

    @pytest.fixture
    async def stage(self) -> AsyncIterator[Stage]:
        async with Liar() as liar, pulling(liar) as origin:
            shelf = Shelf(liar)
            yield Stage(origin, shelf.put, shelf.cut, shelf.hold, lambda: liar.held, liar.stop)


@pytest.fixture
async def liar() -> AsyncIterator[Liar]:
    async with Liar() as server:
        yield server


async def test_a_request_goes_out_as_it_is_and_with_our_name(liar: Liar) -> None:
    liar.says(OK)
    fields = (("x-Odd-CASE", "a,  b"), ("Range", "bytes=0-"), ("range", "x"), ("accept", "*/*"), ("X-ODD-case", "b"))
    async with pulling(f"{liar.url}/films/") as origin:
        await got(origin, Outgoing("GET", "/a%20b%2F|x?q=%zz&r", fields))
    assert lines(liar.requests[0]) == [
        "GET /films/a%20b%2F|x?q=%zz&r HTTP/1.1",
        f"Host: 127.0.0.1:{liar.port}",
        "x-Odd-CASE: a,  b",
        "Range: bytes=0-",
        "Range: x",
        "accept: */*",
        "x-Odd-CASE: b",
        "CDN-Loop: headgate",
        "Via: 1.1 headgate",
    ]


async def test_what_belongs_to_the_connection_does_not_go_out(liar: Liar) -> None:
    liar.says(OK)
    fields = (
        ("Host", "other.example"),
        ("Connection", "close, X-Hop"),
        ("X-Hop", "1"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "7"),
        ("TE", "trailers"),
        ("Expect", "100-continue"),
        ("Upgrade", "h2c"),
        ("Proxy-Authorization", "secret"),
    )
    async with pulling(liar) as origin:
        await got(origin, Outgoing("GET", "/a", fields))
    assert lines(liar.requests[0])[1:] == [f"Host: 127.0.0.1:{liar.port}", "CDN-Loop: headgate", "Via: 1.1 headgate"]


async def test_configuration_names_the_host_and_adds_fields(liar: Liar) -> None:
    liar.says(OK)
    additions = Additions("pull-1", ("at", "north"), "gate", Forwarding.CLEAR, fields=(("X-Origin-Token", "secret"),))
    viewer = Viewer("2001:db8::1", "https", "cdn.example:8443")
    fields = (("x-origin-token", "guess"), ("Via", "2 edge"), ("CDN-Loop", "edge"), ("Forwarded", "for=192.0.2.1"))
    async with pulling(liar, host="films.example", additions=additions) as origin:
        await got(origin, Outgoing("GET", "/a", fields, viewer=viewer))
    assert lines(liar.requests[0])[1:] == [
        "Host: films.example",
        "X-Origin-Token: secret",
        "CDN-Loop: edge, pull-1; at=north",
        "Via: 2 edge, 1.1 gate",
        'Forwarded: for=192.0.2.1, for="[2001:db8::1]";proto=https;host="cdn.example:8443"',
    ]


async def test_our_own_pulls_are_signed(liar: Liar) -> None:
    liar.says(OK)
    key = Key("k1", Algorithm.HS256, Secret(b"s" * 32))
    signing = Signing(key, (METHOD, TARGET_URI, Component("range")))
    async with pulling(liar, additions=Additions(signing=signing), host="films.example") as origin:
        for fields in ((("Range", "bytes=0-"), ("Signature", "x"), ("Signature-Input", "x")), ()):
            await got(origin, Outgoing("GET", "/a?b=1", fields))
    nonces = set()
    for request in liar.requests:
        pairs = [line.split(": ", 1) for line in lines(request)[1:]]
        headers = tuple((name.lower(), value) for name, value in pairs)
        what = Request("GET", "http", "films.example", "/a", "b=1", headers)
        said = verify(what, KeyRing([key]), float(next_created(headers)), SignaturePolicy(nonce_required=True))
        nonces.add(said.nonce)
    assert len(nonces) == 2


def next_created(headers: Fields) -> str:
    found = re.search("created=([0-9]+)", combined(headers, "signature-input") or "")
    assert found is not None
    return found[1]


async def test_a_request_that_has_been_here_goes_nowhere(liar: Liar) -> None:
    async with pulling(liar) as origin:
        assert await trouble(origin, Outgoing("GET", "/a", (("CDN-Loop", "x, HeadGate;a=b"),))) is Trouble.LOOP
    assert liar.connections == 0


@pytest.mark.parametrize(
    "request_",
    [
        Outgoing("GET", "/a", (("X", "a\r\nY: b"),)),
        Outgoing("GET", "/a", (("X\r\nY", "a"),)),
        Outgoing("GET", "/a", (("", "a"),)),
        Outgoing("GET", "/a", (("X", "\0"),)),
        Outgoing("GET", "/a", (("X", "\ud800"),)),
        Outgoing("GET /b HTTP/1.1\r\n", "/a"),
        Outgoing("CONNECT", "/a"),
        Outgoing("TRACE", "/a"),
        Outgoing("", "/a"),
    ],
    ids=range(9),
)
async def test_what_cannot_be_sent_goes_nowhere(liar: Liar, request_: Outgoing) -> None:
    async with pulling(liar) as origin:
        assert await trouble(origin, request_) is Trouble.BAD_TARGET
    assert liar.connections == 0


async def test_nothing_is_decoded_or_remembered(liar: Liar) -> None:
    liar.says(response(b"\x1f\x8b no gzip", "Content-Encoding: gzip", "Set-Cookie: a=b", "X: caf\u00e9", "x: 2"))
    async with pulling(liar) as origin:
        incoming = await origin.fetch(GET)
        assert await whole(incoming) == b"\x1f\x8b no gzip"
        assert incoming.fields[:-1] == (
            ("Content-Encoding", "gzip"),
            ("Set-Cookie", "a=b"),
            ("X", "caf\u00e9"),
            ("x", "2"),
        )
        await got(origin)
    assert not any(line.startswith("Cookie") for line in lines(liar.requests[1]))
    assert liar.connections == 1


async def test_no_proxy_of_the_environment_is_used(liar: Liar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    liar.says(OK)
    async with pulling(liar) as origin:
        assert await got(origin) == (200, b"hello")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_an_unsafe_request_is_sent_once_at_most(liar: Liar, method: str) -> None:
    async with pulling(liar, f"{liar.url}/other", retries=3) as origin:
        liar.says(OK)
        assert await got(origin, Outgoing(method, "/a", body=b"x" * MAX_REQUEST_BYTES)) == (200, b"hello")
        assert len(liar.requests[-1].partition(b"\r\n\r\n")[2]) == MAX_REQUEST_BYTES
        for script in (End.RESET, End.CLOSE, response(status="503 No")):  # over the connection in the pool, and others
            before = len(liar.requests)
            liar.says(script)
            if isinstance(script, bytes):
                assert (await got(origin, Outgoing(method, "/a", body=b"x")))[0] == 503
            else:
                assert await trouble(origin, Outgoing(method, "/a", body=b"x")) is Trouble.UNREACHABLE
            assert len(liar.requests) == before + 1


async def test_a_body_that_is_too_large_is_not_sent(liar: Liar) -> None:
    async with pulling(liar) as origin:
        request = Outgoing("POST", "/a", body=b"x" * (MAX_REQUEST_BYTES + 1))
        assert await trouble(origin, request) is Trouble.TOO_LARGE
    assert liar.connections == 0


@pytest.mark.parametrize("script", [(End.RESET,), (End.CLOSE,), (b"HTTP/1.1 200 OK\r\n", End.CLOSE)], ids=str)
async def test_a_safe_request_is_tried_again_before_the_first_byte(liar: Liar, script: Script) -> None:
    liar.says(script, script, (OK,))
    async with pulling(liar, retries=2, retry_seconds=0.0) as origin:
        assert await got(origin) == (200, b"hello")
    liar.says(script)
    async with pulling(liar, retries=2, retry_seconds=0.0) as origin:
        before = len(liar.requests)
        assert await trouble(origin) is Trouble.UNREACHABLE
        assert len(liar.requests) == before + 3


async def test_a_body_that_broke_is_not_tried_again(liar: Liar) -> None:
    liar.says(response(b"hel", length=5), End.CLOSE)
    async with pulling(liar, retries=2) as origin:
        assert await trouble(origin) is Trouble.TRUNCATED
    assert len(liar.requests) == 1


async def test_a_lie_is_not_asked_for_again(liar: Liar) -> None:
    liar.says(response(b"hello", "Content-Range: bytes 0-4/5", status="206 Partial"))
    async with pulling(liar, f"{liar.url}/other", retries=2) as origin:
        assert await trouble(origin) is Trouble.WRONG_RANGE
        assert origin.out() == {"0": False, "1": False}
    assert len(liar.requests) == 1


async def test_a_connection_that_closes_as_it_is_used_again_costs_nothing(liar: Liar) -> None:
    liar.answers(lambda _, number: (End.CLOSE,) if number == 1 else (OK,))
    async with pulling(liar) as origin:
        for _ in range(2):
            assert await got(origin) == (200, b"hello")
    assert (len(liar.requests), liar.connections) == (3, 2)


async def test_the_next_base_answers_for_one_that_cannot(liar: Liar) -> None:
    liar.says(OK)
    async with Liar() as other:
        for script in ((End.RESET,), (response(status="503 No"),), (b"nonsense\r\n\r\n", End.CLOSE)):
            other.says(script)
            asked: list[Asked] = []
            settings = settings_for(other.url, liar.url, labels=("first", "second"))
            origin = HttpOrigin(settings, observe=asked.append)
            assert await got(origin) == (200, b"hello")
            assert [each.label for each in asked] == ["first", "second"]
            assert asked[0].trouble is not None or asked[0].status == 503
            assert (asked[1].trouble, asked[1].status) == (None, 200)
            await origin.close()


async def test_when_all_bases_fail_the_last_one_has_the_word(liar: Liar) -> None:
    async with Liar() as other, pulling(liar, other) as origin:
        liar.says(response(b"first", status="503 No"))
        other.says(response(b"second", status="502 No"))
        assert await got(origin) == (502, b"second")
        other.says(End.RESET)
        assert await trouble(origin) is Trouble.UNREACHABLE


async def test_a_base_that_keeps_failing_is_left_alone_until_it_is_back(liar: Liar) -> None:
    time = 0.0
    health = HealthPolicy(failures=2, rest_seconds=10)
    async with Liar() as other:
        origin = HttpOrigin(settings_for(other.url, liar.url, health=health), clock=lambda: time)
        liar.says(OK)
        other.says(response(status="503 No"))
        for _ in range(5):
            assert await got(origin) == (200, b"hello")
        assert (len(other.requests), origin.out()) == (2, {"0": True, "1": False})
        time = 11
        other.says(response(b"back"))
        assert await got(origin) == (200, b"back")
        assert origin.out() == {"0": False, "1": False}
        await origin.close()


async def test_a_request_that_finds_out_and_is_cancelled_leaves_it_to_the_next(liar: Liar) -> None:
    time = 0.0
    health = HealthPolicy(failures=1, rest_seconds=10)
    async with Liar() as other:
        origin = HttpOrigin(settings_for(other.url, liar.url, health=health), clock=lambda: time)
        liar.says(OK)
        other.says(End.RESET)
        assert await got(origin) == (200, b"hello")
        time = 11
        other.says(End.HOLD)
        asking = asyncio.create_task(got(origin))
        await eventually(lambda: other.held == 1)
        assert await got(origin) == (200, b"hello")  # one at a time
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        other.says(response(b"back"))
        assert await got(origin) == (200, b"back")
        await origin.close()


async def test_an_answer_that_is_passed_over_is_let_go(liar: Liar) -> None:
    liar.says(OK)
    async with Liar() as other, pulling(other, liar) as origin:
        other.says(response(b"hel", status="503 No", length=5), End.HOLD)
        assert await got(origin) == (200, b"hello")
        await eventually(lambda: (len(other.requests), other.open_now) == (1, 0))


async def test_a_redirection_that_is_followed_is_let_go(redirecting: Redirecting) -> None:
    location = f"Location: {redirecting.other.url}/"
    redirecting.liar.says(response(b"hel", location, status="302 Away", length=5), End.HOLD)
    async with pulling(redirecting.liar, redirect_origins=(redirecting.other.url,), max_redirects=1) as origin:
        assert await got(origin) == (200, b"hello")
        await eventually(lambda: redirecting.liar.open_now == 0)


async def test_a_connection_in_the_pool_keeps_no_answer_alive(liar: Liar) -> None:
    liar.says(OK)
    async with pulling(liar) as origin:
        incoming = await origin.fetch(GET)
        await whole(incoming)
        alive = weakref.ref(incoming)
        del incoming
        gc.collect()
        assert alive() is None
        assert liar.open_now == 1


async def test_no_more_than_so_many_at_once(liar: Liar) -> None:
    liar.says(response(b"hel", length=5), End.HOLD)
    async with pulling(liar, max_connections=2, connect_seconds=0.5) as origin:
        held = [await origin.fetch(GET) for _ in range(2)]
        assert await trouble(origin) is Trouble.BUSY
        for _ in range(3):
            await held[0].close()
        liar.says(OK)
        assert await got(origin) == (200, b"hello")  # its place is free again
        assert await got(origin) == (200, b"hello")
        await held[1].close()


async def test_places_are_free_again_whatever_happens(liar: Liar) -> None:
    async with pulling(liar, max_connections=1, connect_seconds=2) as origin:
        for script in ((End.RESET,), (response(b"hel", length=5), End.CLOSE), (OK,), (response(length=2**60),)):
            liar.says(script)
            with suppress(UpstreamError):
                await whole(await origin.fetch(GET))  # and never closed
        liar.says(End.HOLD)
        waiting = asyncio.create_task(origin.fetch(GET))
        while not liar.held:
            await asyncio.sleep(0.001)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        liar.says(OK)
        assert await got(origin) == (200, b"hello")


async def test_time_outs_before_the_body(liar: Liar) -> None:
    async with pulling(liar, first_byte_seconds=0.05) as origin:
        liar.says(End.HOLD)
        assert await trouble(origin) is Trouble.TIMED_OUT
    async with pulling(liar, header_seconds=0.1) as origin:  # a header block that comes drop by drop
        drops: Script = (b"X: y\r\n", 0.02) * 100
        liar.says((b"HTTP/1.1 200 OK\r\n", *drops, End.HOLD))
        assert await trouble(origin) is Trouble.TIMED_OUT
        liar.says(b"HTTP/1.1 103 Early\r\n\r\n", End.ENDLESS)
        assert await trouble(origin) is Trouble.TIMED_OUT


async def test_time_outs_of_the_body(liar: Liar) -> None:
    async with pulling(liar, idle_seconds=0.05, first_byte_seconds=5) as origin:
        liar.says(response(b"hel", length=5), End.HOLD)
        assert await trouble(origin) is Trouble.TIMED_OUT
    async with pulling(liar, idle_seconds=30, first_byte_seconds=0.5) as origin:  # the body has its own
        liar.says(response(b"hel", length=5), 1.0, b"lo")
        assert await got(origin) == (200, b"hello")


async def test_connecting_takes_its_time_and_no_more() -> None:
    """A listener whose queue is full answers no connection: Linux drops the SYN."""
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        async with pulling(f"http://127.0.0.1:{port}", connect_seconds=0.1) as origin:
            assert await trouble(origin) is Trouble.TIMED_OUT
        for filler in fillers:
            filler.close()


class Redirecting:
    """Two servers, of which the first sends away."""

    def __init__(self, liar: Liar, other: Liar) -> None:
        self.liar, self.other = liar, other

    def to(self, location: str, status: int = 302) -> None:
        self.liar.says(response(b"away", f"Location: {location}", status=f"{status} Away"))


@pytest.fixture
async def redirecting(liar: Liar) -> AsyncIterator[Redirecting]:
    async with Liar() as other:
        other.says(OK)
        yield Redirecting(liar, other)


async def test_a_redirection_is_an_answer_unless_it_is_to_be_followed(redirecting: Redirecting) -> None:
    redirecting.to(redirecting.other.url)
    async with pulling(redirecting.liar, redirect_origins=(redirecting.other.url,)) as origin:
        assert await got(origin) == (302, b"away")
    async with pulling(redirecting.liar, redirect_origins=(redirecting.other.url,), max_redirects=1) as origin:
        assert await got(origin, Outgoing("POST", "/a")) == (302, b"away")
    assert redirecting.other.requests == []


async def test_a_redirect_is_followed_to_whom_is_allowed_and_takes_no_secret_along(redirecting: Redirecting) -> None:
    redirecting.to(f"{redirecting.other.url}/b?c=1#d")
    additions = Additions(fields=(("X-Token", "secret"),))
    fields = (("Authorization", "secret"), ("Cookie", "secret"), ("Range", "bytes=0-4"), ("X", "y"))
    redirecting.other.says(response(b"hello", "Content-Range: bytes 0-4/5", status="206 Partial"))
    async with pulling(
        redirecting.liar,
        redirect_origins=(redirecting.other.url,),
        max_redirects=1,
        additions=additions,
        host="films.example",
    ) as origin:
        assert await got(origin, Outgoing("GET", "/a", fields)) == (206, b"hello")
    assert lines(redirecting.other.requests[0])[:4] == [
        "GET /b?c=1 HTTP/1.1",
        f"Host: 127.0.0.1:{redirecting.other.port}",
        "Range: bytes=0-4",
        "X: y",
    ]
    assert b"secret" not in redirecting.other.requests[0]


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.1:1/a", "https://other.example/", "//other.example/a", "http://user@{host}/", "ftp://{host}/"],
)
async def test_a_redirect_to_another_place_is_refused(redirecting: Redirecting, location: str) -> None:
    redirecting.to(location.format(host=f"127.0.0.1:{redirecting.other.port}"))
    async with pulling(redirecting.liar, redirect_origins=(redirecting.other.url,), max_redirects=3) as origin:
        assert await trouble(origin) is Trouble.BAD_REDIRECT
    assert redirecting.other.connections == 0


async def test_redirects_end(redirecting: Redirecting) -> None:
    redirecting.to("/again")
    async with pulling(redirecting.liar, redirect_origins=(redirecting.liar.url,), max_redirects=3) as origin:
        assert await trouble(origin) is Trouble.BAD_REDIRECT
    assert len(redirecting.liar.requests) == 4


async def test_a_server_that_nobody_scripted(tmp_path: Path) -> None:
    """aiohttp's own, with files, ranges, conditions, and bodies in chunks."""
    content = bytes(range(256)) * 1_000
    (tmp_path / "film.m4s").write_bytes(content)

    async def echo(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        async for piece in request.content.iter_any():
            await answer.write(piece)
        return answer

    application = web.Application()
    application.router.add_static("/files", tmp_path)
    application.router.add_post("/echo", echo)
    async with TestServer(application) as server, pulling(str(server.make_url("/files"))) as origin:
        incoming = await origin.fetch(Outgoing("GET", "/film.m4s"))
        assert await whole(incoming) == content
        etag = combined(incoming.fields, "etag") or ""
        assert await got(origin, Outgoing("GET", "/film.m4s", (("Range", "bytes=7-9"),))) == (206, content[7:10])
        assert await got(origin, Outgoing("GET", "/film.m4s", (("Range", "bytes=-5"),))) == (206, content[-5:])
        assert (await got(origin, Outgoing("GET", "/film.m4s", (("Range", "bytes=256000-"),))))[0] == 416
        assert await got(origin, Outgoing("GET", "/film.m4s", (("If-None-Match", etag),))) == (304, b"")
        assert await got(origin, Outgoing("HEAD", "/film.m4s")) == (200, b"")
        assert (await got(origin, Outgoing("GET", "/nothing")))[0] == 404
        async with pulling(str(server.make_url("/"))) as whole_server:
            assert await got(whole_server, Outgoing("POST", "/echo", body=content)) == (200, content)


async def test_probing_takes_any_answer(liar: Liar) -> None:
    liar.says(response(status="404 Not Found"))
    async with pulling(f"http://127.0.0.1:{free_port()}", liar) as origin:
        await origin.probe()
    assert lines(liar.requests[0])[0] == "HEAD / HTTP/1.1"


async def test_who_is_busy_can_still_be_probed(liar: Liar) -> None:
    liar.says(response(b"hel", length=5), End.HOLD)
    async with pulling(liar, max_connections=1) as origin:
        incoming = await origin.fetch(GET)
        liar.says(response())
        await origin.probe()
        await incoming.close()


async def test_what_cannot_be_signed_is_not_sent(liar: Liar) -> None:
    key = Key("k1", Algorithm.HS256, Secret(b"s" * 32))
    async with pulling(liar, additions=Additions(signing=Signing(key, (Component("x"),)))) as origin:
        assert await trouble(origin, Outgoing("GET", "/a", (("X", "caf\u00e9"),))) is Trouble.BAD_TARGET
    assert liar.connections == 0


async def test_secrets_do_not_show() -> None:
    settings = settings_for("http://127.0.0.1:1", additions=Additions(fields=(("X", "secret"),), salt=b"secret"))
    assert "secret" not in repr(settings)
