"""An upstream that lies: whatever bytes come, the answer is whole and true, or an error with the right reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from origin.upstream.http_config import HttpOriginConfig
from origin.upstream.http_origin import HttpOrigin
from origin.upstream.incoming import translated
from origin.upstream.origin_server import Outgoing, Trouble, UpstreamError
from tests.contracts.origin_server import whole
from tests.liar import End, Liar, Script, response
from tests.origin.upstream.test_http_origin import LOOPBACK

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"
HELLO = b"5\r\nhello\r\n"
OK = response(b"hello")
PART = (("Range", "bytes=2-6"),)


@pytest.fixture
async def liar() -> AsyncIterator[Liar]:
    async with Liar() as server:
        yield server


@pytest.fixture
async def origin(liar: Liar) -> AsyncIterator[HttpOrigin]:
    """Small bounds, long time-outs: none of these answers may be waited for."""
    config = HttpOriginConfig(
        (liar.url,),
        private_networks=LOOPBACK,
        retries=0,
        max_response_bytes=1_000,
        max_header_bytes=2_000,
        max_fields=20,
        first_byte_seconds=40,
        header_seconds=40,
        idle_seconds=40,
    )
    server = HttpOrigin(config)
    try:
        yield server
    finally:
        await server.close()


async def outcome(origin: HttpOrigin, request: Outgoing) -> tuple[int, bytes] | Trouble:
    """Status and body, or why there is none."""
    try:
        incoming = await origin.fetch(request)
        try:
            return incoming.status, await whole(incoming)
        finally:
            await incoming.close()
    except UpstreamError as error:
        return error.trouble


GOOD: list[tuple[str, Script, bytes]] = [
    ("length", (OK,), b"hello"),
    ("drop by drop", tuple(bytes([byte]) for byte in OK), b"hello"),
    ("no body", (response(),), b""),
    ("chunks", (CHUNKED + HELLO + HELLO + LAST,), b"hellohello"),
    ("no chunk", (CHUNKED + LAST,), b""),
    ("chunks with extensions and trailers", (CHUNKED + b'5;a="b"\r\nhello\r\n0;c\r\nX: y\r\n\r\n',), b"hello"),
    ("until the end", (HEAD + b"\r\nhello", 0.02, b" world", End.CLOSE), b"hello world"),
    ("HTTP/1.0", (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", End.CLOSE), b"hello"),
    ("informational", (b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK,), b"hello"),
    ("a thousand bytes", (response(b"x" * 1_000),), b"x" * 1_000),
    ("a thousand bytes in chunks", (CHUNKED + b"3e8\r\n" + b"x" * 1_000 + b"\r\n" + LAST,), b"x" * 1_000),
    ("no reason phrase", (b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello",), b"hello"),
]

# name, script, why
BAD: list[tuple[str, Script, Trouble]] = [
    ("short", (response(b"hel", length=5), End.CLOSE), Trouble.TRUNCATED),
    ("short later", (response(b"hel", length=5), 0.02, b"l", End.CLOSE), Trouble.TRUNCATED),
    ("short by a reset", (response(b"hel", length=5), 0.02, End.RESET), Trouble.TRUNCATED),
    ("nothing of it", (response(length=5), End.CLOSE), Trouble.TRUNCATED),
    ("long", (response(b"hello world", length=5),), Trouble.MALFORMED),
    ("long in two", (response(b"hel", length=5), 0.05, b"lo world"), Trouble.OVERLONG),
    ("another response behind it", (response(b"hel", length=5), 0.05, b"lo" + OK), Trouble.OVERLONG),
    ("another response at once", (OK + OK,), Trouble.OVERLONG),
    ("chunks without an end", (CHUNKED + HELLO, End.CLOSE), Trouble.TRUNCATED),
    ("chunks without an end, late", (CHUNKED + HELLO, 0.02, HELLO, 0.02, End.CLOSE), Trouble.TRUNCATED),
    ("half a chunk", (CHUNKED + b"5\r\nhel", 0.02, End.CLOSE), Trouble.TRUNCATED),
    ("half a chunk and a reset", (CHUNKED + b"5\r\nhel", 0.05, End.RESET), Trouble.TRUNCATED),
    ("half an end", (CHUNKED + HELLO + b"0\r\n", 0.02, End.CLOSE), Trouble.TRUNCATED),
    ("a chunk of no size", (CHUNKED + HELLO, 0.05, b"zz\r\n", End.HOLD), Trouble.MALFORMED),
    ("a chunk of no size at once", (CHUNKED + b"zz\r\n", End.HOLD), Trouble.MALFORMED),
    ("a chunk of no size, closed", (CHUNKED + HELLO, 0.05, b"zz\r\n", End.CLOSE), Trouble.MALFORMED),
    ("a negative chunk", (CHUNKED + b"-5\r\nhello", End.HOLD), Trouble.MALFORMED),
    ("an endless chunk", (CHUNKED + b"f" * 20 + b"\r\nhello", End.HOLD), Trouble.MALFORMED),
    ("a chunk longer than it says", (CHUNKED, 0.05, b"5\r\nhello!!0\r\n\r\n", End.HOLD), Trouble.MALFORMED),
    ("chunks by line feeds", (CHUNKED, 0.05, b"5\nhello\n0\n\n", End.HOLD), Trouble.MALFORMED),
    ("something behind the chunks", (CHUNKED, 0.05, HELLO + LAST + b"more"), Trouble.OVERLONG),
    ("a reset where the end is the end", (HEAD + b"\r\nhello", 0.05, End.RESET), Trouble.TRUNCATED),
    ("a reset at once", (HEAD + b"\r\nhello", End.RESET), Trouble.TRUNCATED),
    ("too long by announcement", (response(length=1_001),), Trouble.TOO_LARGE),
    ("too long in chunks", (CHUNKED + b"3e9\r\n" + b"x" * 1_001 + b"\r\n" + LAST,), Trouble.TOO_LARGE),
    ("endless", (HEAD + b"\r\n", b"x" * 999, End.ENDLESS), Trouble.TOO_LARGE),
    ("endless chunks", (CHUNKED, HELLO, End.ENDLESS), Trouble.TOO_LARGE),
    ("two lengths", (HEAD + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nhello",), Trouble.MALFORMED),
    ("the same length twice", (HEAD + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",), Trouble.MALFORMED),
    ("a list of lengths", (HEAD + b"Content-Length: 5, 5\r\n\r\nhello",), Trouble.MALFORMED),
    *[
        (f"length {value!r}", (HEAD + b"Content-Length: " + value + b"\r\n\r\nhello", End.HOLD), Trouble.MALFORMED)
        for value in (b"-5", b"+5", b"5x", b"", b"0x5", b"5 5", b"9" * 30, b"5;", b"\xb2")
    ],
    (
        "length and chunks",
        (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + HELLO + LAST,),
        Trouble.MALFORMED,
    ),
    (
        "chunks and length",
        (HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + HELLO + LAST,),
        Trouble.MALFORMED,
    ),
    ("another coding", (HEAD + b"Transfer-Encoding: gzip\r\n\r\nhello", End.CLOSE), Trouble.MALFORMED),
    ("two codings", (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + HELLO + LAST,), Trouble.MALFORMED),
    ("no coding", (HEAD + b"Transfer-Encoding: identity\r\n\r\nhello", End.CLOSE), Trouble.MALFORMED),
    (
        "chunks in chunks",
        (HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + HELLO + LAST,),
        Trouble.MALFORMED,
    ),
    ("HTTP/0.9", (b"<html>hello", End.CLOSE), Trouble.MALFORMED),
    ("garbage", (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", End.CLOSE), Trouble.MALFORMED),
    ("HTTP/2", (b"HTTP/2 200\r\n\r\n", End.CLOSE), Trouble.MALFORMED),
    ("HTTP/1.9", (b"HTTP/1.9 200 OK\r\nContent-Length: 5\r\n\r\nhello",), Trouble.MALFORMED),
    *[
        (f"status {value!r}", (b"HTTP/1.1 " + value + b" X\r\nContent-Length: 5\r\n\r\nhello",), Trouble.MALFORMED)
        for value in (b"000", b"099", b"20", b"1000", b"abc", b"-200", b"2 0", b"")
    ],
    ("upgraded", (b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello", End.HOLD), Trouble.MALFORMED),
    ("a long line", (b"HTTP/1.1 200 " + b"x" * 3_000 + b"\r\nContent-Length: 5\r\n\r\nhello",), Trouble.MALFORMED),
    ("a long field", (response(b"hello", "X: " + "x" * 3_000),), Trouble.MALFORMED),
    ("a long name", (response(b"hello", "X" * 3_000 + ": 1"),), Trouble.MALFORMED),
    ("many fields", (response(b"hello", *["X: 1"] * 30),), Trouble.MALFORMED),
    ("fields that are long together", (response(b"hello", *["X: " + "x" * 300] * 8),), Trouble.MALFORMED),
    ("endless fields", (HEAD, b"X: 1\r\n", End.ENDLESS), Trouble.MALFORMED),
    ("an endless field", (HEAD + b"X: ", b"x" * 1_000, End.ENDLESS), Trouble.MALFORMED),
    ("an endless line", (b"HTTP/1.1 200 ", b"x" * 1_000, End.ENDLESS), Trouble.MALFORMED),
    ("a NUL in a field", (response(b"hello", "X: a\0b"),), Trouble.MALFORMED),
    ("a control character in a field", (response(b"hello", "X: a\x01b"),), Trouble.MALFORMED),
    ("a carriage return in a field", (response(b"hello", "X: a\rb"),), Trouble.MALFORMED),
    ("a name that is none", (response(b"hello", "X(Y: 1"),), Trouble.MALFORMED),
    ("no name", (response(b"hello", ": 1"),), Trouble.MALFORMED),
    ("a space before the colon", (response(b"hello", "X : 1"),), Trouble.MALFORMED),
    ("304 unasked", (b"HTTP/1.1 304 Not Modified\r\n\r\n",), Trouble.MALFORMED),
    ("a body of 204", (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",), Trouble.MALFORMED),
    ("206 unasked", (response(b"hello", "Content-Range: bytes 0-4/5", status="206 Partial"),), Trouble.WRONG_RANGE),
]


@pytest.mark.parametrize(("script", "body"), [each[1:] for each in GOOD], ids=[each[0] for each in GOOD])
async def test_what_is_whole_is_given(liar: Liar, origin: HttpOrigin, script: Script, body: bytes) -> None:
    liar.says(script)
    assert await outcome(origin, Outgoing("GET", "/a")) == (200, body)


@pytest.mark.parametrize(("script", "trouble"), [each[1:] for each in BAD], ids=[each[0] for each in BAD])
async def test_what_is_not_is_an_error(liar: Liar, origin: HttpOrigin, script: Script, trouble: Trouble) -> None:
    liar.says(script)
    assert await outcome(origin, Outgoing("GET", "/a")) is trouble
    liar.says(OK)
    assert await outcome(origin, Outgoing("GET", "/a")) == (200, b"hello")  # and it spoils nothing for the next one


async def test_the_last_byte_is_given_when_the_end_is_known_to_be_good(liar: Liar, origin: HttpOrigin) -> None:
    liar.says(response(b"hel", length=5), 0.05, b"lo" + OK)
    incoming = await origin.fetch(Outgoing("GET", "/a"))
    pieces = aiter(incoming.chunks())
    assert await anext(pieces) == b"hel"
    with pytest.raises(UpstreamError, match=Trouble.OVERLONG):
        await anext(pieces)


async def test_what_follows_a_body_on_its_connection_is_another_request_s(liar: Liar, origin: HttpOrigin) -> None:
    liar.says((OK,), (OK + OK,))
    first = await origin.fetch(Outgoing("GET", "/a"))  # all of it is there, and nobody has read it
    second = await origin.fetch(Outgoing("GET", "/b"))
    assert liar.connections == 1
    assert await whole(first) == b"hello"
    with pytest.raises(UpstreamError, match=Trouble.OVERLONG):
        await whole(second)


@pytest.mark.parametrize("body", [OK, CHUNKED + HELLO + LAST], ids=["length", "chunks"])
async def test_what_becomes_of_a_connection_later_is_another_request_s(
    liar: Liar, origin: HttpOrigin, body: bytes
) -> None:
    liar.says((body,), (End.RESET,))
    first = await origin.fetch(Outgoing("GET", "/a"))
    with pytest.raises(UpstreamError):
        await (await origin.fetch(Outgoing("PUT", "/b"))).close()
    assert liar.connections == 1
    assert await whole(first) == b"hello"


def part(body: bytes, *fields: str, length: int | None = None) -> bytes:
    """A 206."""
    return response(body, *fields, status="206 Partial Content", length=length)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ((part(b"hello", "Content-Range: bytes 2-6/9"),), (206, b"hello")),
        ((part(b"hell", "Content-Range: bytes 2-5/9"),), (206, b"hell")),
        ((OK,), (200, b"hello")),
        ((part(b"hello", "Content-Range: bytes 3-7/9"),), Trouble.WRONG_RANGE),
        ((part(b"hello!", "Content-Range: bytes 2-7/9"),), Trouble.WRONG_RANGE),
        ((part(b"hello", "Content-Range: bytes 2-5/9"),), Trouble.WRONG_RANGE),
        ((part(b"hello"),), Trouble.WRONG_RANGE),
        ((part(b"hello", "Content-Type: multipart/byteranges; boundary=x"),), Trouble.WRONG_RANGE),
        ((part(b"hell", "Content-Range: bytes 2-6/9", length=5), End.CLOSE), Trouble.TRUNCATED),
    ],
    ids=range(9),
)
async def test_ranges(liar: Liar, origin: HttpOrigin, script: Script, expected: tuple[int, bytes] | Trouble) -> None:
    liar.says(script)
    assert await outcome(origin, Outgoing("GET", "/a", PART)) == expected


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        (HELLO, (206, b"hello")),
        (b"4\r\nhell\r\n", Trouble.TRUNCATED),
        (b"6\r\nhello!\r\n", Trouble.OVERLONG),
    ],
)
async def test_content_range_is_a_promise_too(
    liar: Liar, origin: HttpOrigin, chunks: bytes, expected: tuple[int, bytes] | Trouble
) -> None:
    head = b"HTTP/1.1 206 Partial\r\nTransfer-Encoding: chunked\r\nContent-Range: bytes 2-6/9\r\n\r\n"
    liar.says(head + chunks + LAST)
    assert await outcome(origin, Outgoing("GET", "/a", PART)) == expected


@pytest.mark.parametrize("late", [b"more", OK.replace(b"hello", b"other"), b"\r\n", b"\0"])
async def test_bytes_between_two_answers_are_nobodys(liar: Liar, origin: HttpOrigin, late: bytes) -> None:
    """What follows an answer on a connection in the pool would be the answer to the next request."""
    liar.says(OK, 0.02, late)
    for _ in range(2):
        assert await outcome(origin, Outgoing("GET", "/a")) == (200, b"hello")
        await asyncio.sleep(0.1)  # were it too short for the late bytes, only a wrong program would gain


async def test_the_answer_to_head_has_no_body(liar: Liar, origin: HttpOrigin) -> None:
    liar.says(response(length=500))
    incoming = await origin.fetch(Outgoing("HEAD", "/a"))
    assert (incoming.length, await whole(incoming)) == (0, b"")
    liar.says(response(b"hello"))
    assert await outcome(origin, Outgoing("HEAD", "/a")) is Trouble.MALFORMED


async def test_fields_are_given_as_they_came(liar: Liar, origin: HttpOrigin) -> None:
    liar.says(HEAD + b"x-A: caf\xc3\xa9\r\nX-a:  caf\xe9 \t\r\nContent-length: 0\r\n\r\n")
    incoming = await origin.fetch(Outgoing("GET", "/a"))
    assert incoming.fields == (("x-A", "caf\u00e9"), ("X-a", "caf\u00e9"), ("Content-length", "0"))
    await incoming.close()


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (UpstreamError(Trouble.LOOP), Trouble.LOOP),
        (aiohttp.ConnectionTimeoutError("to http://secret"), Trouble.TIMED_OUT),
        (aiohttp.SocketTimeoutError("http://secret"), Trouble.TIMED_OUT),
        (TimeoutError(), Trouble.TIMED_OUT),
        (aiohttp.ServerDisconnectedError("http://secret"), Trouble.UNREACHABLE),
        (aiohttp.ClientOSError(104, "http://secret"), Trouble.UNREACHABLE),
        (OSError("http://secret"), Trouble.UNREACHABLE),
        (aiohttp.ClientPayloadError("http://secret"), Trouble.MALFORMED),
        (ValueError("http://secret"), Trouble.MALFORMED),
    ],
)
def test_errors_are_translated_and_tell_no_url(error: Exception, trouble: Trouble) -> None:
    found = translated(error)
    assert found.trouble is trouble
    assert "secret" not in str(found)
