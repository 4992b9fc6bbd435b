"""Upstreams that lie, through the whole gateway: no viewer takes a lie for an answer, and nothing of it is kept."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contracts.descriptors import descriptors_below, eventually
from tests.liar import End, Liar, Script, response
from tests.stories.gateway import PATIENCE, Answer, Gateway, Wire, running

BODY = bytes(range(256)) * 40
FRESH = ("Cache-Control: max-age=600", 'ETag: "v1"')
GOOD = response(BODY, *FRESH)
MAX_BYTES = 64 * 1024


@asynccontextmanager
async def shielded(liar: Liar, folder: Path, **upstream: object) -> AsyncIterator[Gateway]:
    """A gateway whose only mount is pulled from `liar`."""
    asked = {
        "private_networks": ["127.0.0.0/8"],
        "retries": 0,
        "first_byte_seconds": 0.5,
        "idle_seconds": 0.5,
        "max_bytes": MAX_BYTES,
        **upstream,
    }
    mount: dict[str, object] = {
        "prefix": "/",
        "storage": liar.url,
        "access": "open",
        "upstream": asked,
        "shield": {"slice_bytes": 4096},
    }
    disk = {"directory": "cache"}
    async with running(folder, [mount], cache={"disk": disk}, log={"access": True}) as gateway:
        yield gateway


@dataclass(frozen=True, slots=True)
class Seen:
    """What a viewer got: an answer, whole or broken off."""

    head: Answer | None
    body: bytes = b""
    is_whole: bool = False


async def seen(gateway: Gateway, target: str, *fields: str) -> Seen:
    """Ask once and believe no more than a careful client would."""
    async with gateway.wire() as wire:
        await wire.send(
            "\r\n".join([f"GET {target} HTTP/1.1", "Host: cdn.example", "Connection: close", *fields, "", ""]).encode()
        )
        try:
            head = await wire.head()
        except ConnectionError:
            return Seen(None)
        return await _body(wire, head)


async def _body(wire: Wire, head: Answer) -> Seen:
    try:
        if "content-length" in head:
            length = int(head["content-length"])
            return Seen(head, await wire.exactly(length), is_whole=True)
        body = await wire.rest()
    except ConnectionError:
        return Seen(head)
    is_chunked = "transfer-encoding" in head
    return Seen(head, body, is_whole=not is_chunked or body.endswith(b"0\r\n\r\n"))


@dataclass(frozen=True, slots=True)
class Lie:
    """What an upstream says, and what has to come of it."""

    script: Script
    trouble: str
    status: int | None = None  # None: it comes out in the middle of the body
    fields: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()


def head(*fields: str, status: str = "200 OK") -> bytes:
    """A header block."""
    return "\r\n".join([f"HTTP/1.1 {status}", *FRESH, *fields, "", ""]).encode()


CHUNKED = head("Transfer-Encoding: chunked")
RANGE = ("Range: bytes=0-4095",)
LIES = {
    "shorter than announced": Lie((response(BODY, *FRESH, length=len(BODY) + 5), End.CLOSE), "upstream_truncated"),
    "longer than announced": Lie((response(BODY[:9], *FRESH, length=99), 0.1, BODY[:99]), "upstream_overlong"),
    "longer at once": Lie((response(BODY, *FRESH, length=9), End.CLOSE), "upstream_malformed", 502),
    "chunks that end too early": Lie((CHUNKED + b"5\r\nhello\r\n", End.CLOSE), "upstream_truncated"),
    "half a chunk": Lie((CHUNKED + b"ff\r\nhello", End.CLOSE), "upstream_truncated"),
    "chunks that are none": Lie(
        (CHUNKED + b"5\r\nhello\r\n", 0.1, b"zz\r\nmore\r\n0\r\n\r\n", End.HOLD), "upstream_malformed"
    ),
    "reset in the middle": Lie((response(BODY, *FRESH, length=len(BODY) * 2), 0.1, End.RESET), "upstream_truncated"),
    "silence in the middle": Lie((response(BODY, *FRESH, length=len(BODY) * 2), End.HOLD), "upstream_timed_out"),
    "without an end": Lie((CHUNKED, b"1000\r\n" + bytes(4096) + b"\r\n", End.ENDLESS), "upstream_too_large"),
    "without an end, of unknown length": Lie((head(), bytes(4096), End.ENDLESS), "upstream_too_large"),
    "reset where the end is the end": Lie((head() + BODY, 0.1, End.RESET), "upstream_truncated"),
    "too much announced": Lie((head("Content-Length: 99999999"), End.HOLD), "upstream_too_large", 502),
    "two lengths": Lie(
        (head("Content-Length: 5", "Content-Length: 6") + b"hello!", End.CLOSE), "upstream_malformed", 502
    ),
    "a length that is none": Lie((head("Content-Length: five") + b"hello", End.CLOSE), "upstream_malformed", 502),
    "length and chunks": Lie(
        (head("Content-Length: 5", "Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n", End.CLOSE),
        "upstream_malformed",
        502,
    ),
    "another coding": Lie((head("Transfer-Encoding: gzip") + b"hello", End.CLOSE), "upstream_malformed", 502),
    "many header fields": Lie(
        (head(*(f"X-{number}: bomb" for number in range(5000)), "Content-Length: 5") + b"hello", End.CLOSE),
        "upstream_malformed",
        502,
    ),
    "a huge header field": Lie(
        (head("X-Bomb: " + "x" * 200_000, "Content-Length: 5") + b"hello", End.CLOSE), "upstream_malformed", 502
    ),
    "no first byte": Lie((End.HOLD,), "upstream_timed_out", 504),
    "half a header block": Lie((b"HTTP/1.1 200 OK\r\nContent-Le", End.CLOSE), "upstream_unreachable", 502),
    "a header block that drips": Lie((b"HTTP/1.1 200 OK\r\n", End.HOLD), "upstream_timed_out", 504),
    "no HTTP": Lie((b"SSH-2.0-OpenSSH_9.2\r\n", End.CLOSE), "upstream_malformed", 502),
    "nothing": Lie((End.CLOSE,), "upstream_unreachable", 502),
    "reset": Lie((End.RESET,), "upstream_unreachable", 502),
    "304 without a question": Lie((head(status="304 Not Modified"),), "upstream_malformed", 502),
    "206 without a question": Lie(
        (response(BODY[:5], *FRESH, "Content-Range: bytes 0-4/10240", status="206 Partial Content"),),
        "upstream_wrong_range",
        502,
    ),
    "another range": Lie(
        (response(BODY[4096:8192], *FRESH, "Content-Range: bytes 4096-8191/10240", status="206 Partial Content"),),
        "upstream_wrong_range",
        502,
        asks=RANGE,
    ),
    "a range that is none": Lie(
        (response(BODY[:4096], *FRESH, "Content-Range: bytes 4095-0/10240", status="206 Partial Content"),),
        "upstream_wrong_range",
        502,
        asks=RANGE,
    ),
    "a range without its place": Lie(
        (response(BODY[:4096], *FRESH, status="206 Partial Content"),), "upstream_wrong_range", 502, asks=RANGE
    ),
    "a range shorter than announced": Lie(
        (
            response(
                BODY[:100], *FRESH, "Content-Range: bytes 0-4095/10240", status="206 Partial Content", length=4096
            ),
            End.CLOSE,
        ),
        "upstream_truncated",
        asks=RANGE,
    ),
    "a redirect elsewhere": Lie(
        (response(b"", "Location: http://169.254.169.254/latest", *FRESH, status="302 Found"),),
        "upstream_bad_redirect",
        502,
        fields=("redirects",),
    ),
}


@pytest.mark.parametrize("name", LIES)
async def test_a_lie_is_no_answer_and_leaves_nothing_behind(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    lie = LIES[name]
    more = {"redirects": ["http://store.example"]} if lie.fields else {}
    async with Liar() as liar, shielded(liar, tmp_path, **more) as gateway:
        liar.answers(lambda _request, _number: (0.1, *lie.script))
        viewers = await asyncio.gather(*(seen(gateway, "/a.bin", *lie.asks) for _ in range(3)))
        for viewer in viewers:
            _refused(viewer, lie)
        counter = f'headgate_upstream_broken_total{{mount="/",reason="{lie.trouble}"}}'
        assert await gateway.metric(counter) >= 1
        if lie.status is None:
            assert any(lie.trouble in record.getMessage() for record in caplog.records)
        else:
            access_log = Written(capfdbinary)
            await eventually(lambda: lie.trouble.encode() in access_log.so_far())
        await _is_clean(liar, tmp_path)
        liar.says(GOOD)
        healed = await seen(gateway, "/a.bin", *lie.asks)
        assert healed.head is not None
        assert "fwd=" in healed.head["cache-status"]
        assert (healed.head.status, healed.is_whole) == ((206 if lie.asks else 200), True)
        assert healed.body == (BODY[:4096] if lie.asks else BODY)
        again = await seen(gateway, "/a.bin")
        assert (again.body, again.is_whole) == (BODY, True)


class Written:
    """What this process writes to its standard output."""

    def __init__(self, capture: pytest.CaptureFixture[bytes]) -> None:
        self._capture = capture
        self._text = b""

    def so_far(self) -> bytes:
        """All of it."""
        self._text += self._capture.readouterr().out
        return self._text


def _refused(viewer: Seen, lie: Lie) -> None:
    """Either an error that says why, or a visible break."""
    if lie.status is None:
        assert not viewer.is_whole or (viewer.head is not None and viewer.head.status in {502, 504})
        return
    assert viewer.head is not None
    assert (viewer.head.status, viewer.is_whole) == (lie.status, True)
    assert viewer.head["content-type"] == "application/problem+json"
    assert lie.trouble.encode() in viewer.body


async def _is_clean(liar: Liar, folder: Path) -> None:
    """No body is kept, and no connection is open but one that waits for the next request."""
    bodies = folder / "cache/bodies"
    await eventually(lambda: not any(path.is_file() for path in bodies.rglob("*")))
    await eventually(lambda: not descriptors_below(bodies))
    await eventually(lambda: liar.open_now <= 1)


OTHER = BODY[::-1]


def sliced(request: bytes, body: bytes, tag: str) -> bytes:
    """The range that was asked for, whatever If-Range says."""
    found = re.search(rb"(?im)^range: bytes=([0-9]+)-([0-9]*)", request)
    fields = ("Cache-Control: max-age=600", f'ETag: "{tag}"')
    if found is None:
        return response(body, *fields)
    start, stop = int(found[1]), min(int(found[2] or len(body)) + 1, len(body))
    place = f"Content-Range: bytes {start}-{stop - 1}/{len(body)}"
    return response(body[start:stop], *fields, place, status="206 Partial Content")


@pytest.mark.parametrize("is_honest", [True, False], ids=["honours If-Range", "does not"])
async def test_two_versions_are_never_mixed(is_honest: bool, tmp_path: Path) -> None:
    async with Liar() as liar, shielded(liar, tmp_path) as gateway:
        liar.answers(lambda request, _number: (sliced(request, BODY, "v1"),))
        assert (await seen(gateway, "/a.bin", "Range: bytes=0-99")).body == BODY[:100]
        changed = response(OTHER, "Cache-Control: max-age=600", 'ETag: "v2"')
        liar.answers(lambda request, _number: (changed if is_honest else sliced(request, OTHER, "v2"),))
        for _ in range(2):
            viewers = await asyncio.gather(*(seen(gateway, "/a.bin") for _ in range(3)))
            assert all(not viewer.is_whole or viewer.body == OTHER for viewer in viewers)
        beginning = await seen(gateway, "/a.bin", "Range: bytes=0-99")
        assert beginning.body in {BODY[:100], OTHER[:100]}
        assert beginning.head is not None
        assert beginning.head["etag"] == ('"v1"' if beginning.body == BODY[:100] else '"v2"')


def _of_no_version(request: bytes) -> bytes:
    return sliced(request, OTHER, "v2")


def _gone(request: bytes) -> bytes:
    is_part = b"range: " in request.lower()
    return response(status="416 Too Short") if is_part else response(OTHER, *FRESH[:1], 'ETag: "v2"')


def _private(_request: bytes) -> bytes:
    return response(OTHER, "Cache-Control: no-store", 'ETag: "v2"')


def _longer(request: bytes) -> bytes:
    """The same tag on a body that has grown."""
    return sliced(request, OTHER + OTHER, "v1") if b"range: " in request.lower() else response(OTHER, *FRESH)


@pytest.mark.parametrize("said", [_of_no_version, _gone, _private, _longer])
async def test_a_version_that_cannot_be_completed_does_not_stay_in_the_way(
    said: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    async with Liar() as liar, shielded(liar, tmp_path) as gateway:
        liar.answers(lambda request, _number: (sliced(request, BODY, "v1"),))
        await seen(gateway, "/a.bin", "Range: bytes=0-99")
        async with asyncio.timeout(PATIENCE):
            while not await gateway.metric("headgate_disk_stored_bytes_total"):  # a moment after its viewer has it
                await asyncio.sleep(0.01)
        liar.answers(lambda request, _number: (said(request),))
        tries = [await seen(gateway, "/a.bin") for _ in range(3)]
        assert all(not each.is_whole or each.body == OTHER for each in tries)
        assert tries[-1].is_whole


@pytest.mark.parametrize("status", ["500 Oops", "502 Bad", "503 Busy", "504 Late"])
async def test_an_error_of_the_upstream_is_passed_on_and_not_kept(status: str, tmp_path: Path) -> None:
    async with Liar() as liar, shielded(liar, tmp_path) as gateway:
        liar.says((0.1, response(b"sorry", "Cache-Control: no-store", status=status)))
        viewers = await asyncio.gather(*(seen(gateway, "/a.bin") for _ in range(3)))
        assert {(viewer.head.status, viewer.body) for viewer in viewers if viewer.head} == {(int(status[:3]), b"sorry")}
        liar.says(GOOD)
        assert (await seen(gateway, "/a.bin")).body == BODY


async def test_a_stale_answer_outlives_lies_and_is_not_changed_by_them(tmp_path: Path) -> None:
    async with Liar() as liar, shielded(liar, tmp_path) as gateway:
        liar.says(response(BODY, "Cache-Control: max-age=0, stale-if-error=600", 'ETag: "v1"'))
        assert (await seen(gateway, "/a.bin")).body == BODY
        for lie in (
            (response(b"", 'ETag: "v2"', status="304 Not Modified"),),  # about something else, and so it is asked again
            (b"garbage\r\n\r\n", End.CLOSE),
            (head("Content-Length: 5", "Content-Length: 6") + b"hello", End.CLOSE),
        ):
            await asyncio.sleep(1.1)  # after a failure the upstream is left alone for a second
            liar.says(lie)
            viewer = await seen(gateway, "/a.bin")
            assert (viewer.is_whole, viewer.body) == (True, BODY)


async def test_redirects_are_followed_to_places_on_the_list_and_not_for_ever(tmp_path: Path) -> None:
    async with Liar() as liar, Liar() as store, shielded(liar, tmp_path, redirects=[store.url]) as gateway:
        liar.says(response(b"", f"Location: {store.url}/there", status="302 Found"))
        store.says(GOOD)
        assert (await seen(gateway, "/a.bin")).body == BODY
        store.says(response(b"", f"Location: {store.url}/there", status="302 Found"))
        looping = await seen(gateway, "/b.bin")
        assert looping.head is not None
        assert (looping.head.status, b"upstream_bad_redirect" in looping.body) == (502, True)
        assert len(store.requests) < 10
        store.says(GOOD)
        assert (await seen(gateway, "/b.bin")).body == BODY


@pytest.mark.parametrize(
    "target",
    [
        "http://{elsewhere}/a.bin",
        "http://cdn.example@{elsewhere}/a.bin",
        "//{elsewhere}/a.bin",
        "/%2F{elsewhere}/a.bin",
        "/%2f%2f{elsewhere}/a.bin",
        "/@{elsewhere}/a.bin",
        "@{elsewhere}/a.bin",
        ":80@{elsewhere}/a.bin",
        "/\\{elsewhere}/a.bin",
        "/..//{elsewhere}/a.bin",
        "/.%2e/%2e./a.bin",
        "/a.bin?u=http://{elsewhere}/",
        "/a.bin#@{elsewhere}/",
        "/http://{elsewhere}/a.bin",
        "/a.bin%0d%0aHost:%20{elsewhere}",
        "/a.bin%20HTTP/1.1%0d%0aX:",
    ],
)
async def test_no_request_chooses_the_upstream(target: str, tmp_path: Path) -> None:
    async with Liar() as liar, Liar() as other, shielded(liar, tmp_path) as gateway:
        for each in (liar, other):
            each.says(GOOD)
        elsewhere = f"127.0.0.1:{other.port}"
        async with gateway.wire() as wire:
            lines = [
                f"GET {target.format(elsewhere=elsewhere)} HTTP/1.1",
                f"Host: {elsewhere}",
                f"X-Forwarded-Host: {elsewhere}",
                f"Forwarded: host={elsewhere}",
                "Connection: close",
                "",
                "",
            ]
            await wire.send("\r\n".join(lines).encode())
            with contextlib.suppress(ConnectionError):
                await wire.rest()
        assert other.connections == 0
        for request in liar.requests:
            first, *rest = request.partition(b"\r\n\r\n")[0].split(b"\r\n")
            assert first.startswith(b"GET /")
            assert not first.startswith(b"GET //")
            hosts = [line for line in rest if line.lower().startswith(b"host:")]
            assert hosts == [f"Host: 127.0.0.1:{liar.port}".encode()]
            assert not any(line.lower().startswith(b"x:") for line in rest)


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n" + b"#EXTINF:4,\n0.ts\n" * 200 + b"#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ((response(PLAYLIST, *FRESH, length=len(PLAYLIST) + 5), End.CLOSE), 503),
        ((CHUNKED + b"8\r\n#EXTM3U\n\r\n", 0.1, End.CLOSE), 503),
        ((response(PLAYLIST[:300], *FRESH, length=len(PLAYLIST)), End.HOLD), 503),
        ((head() + PLAYLIST[:300], 0.1, End.RESET), 503),
        ((End.HOLD,), 504),
        ((b"garbage\r\n\r\n", End.CLOSE), 502),
        ((response(b"sorry", status="500 Oops"),), 503),
        ((response(b"<html>", *FRESH),), 502),
    ],
    ids=["short", "chunks", "silence", "reset", "nothing", "garbage", "500", "a page"],
)
async def test_no_lie_becomes_a_playlist(script: Script, status: int, tmp_path: Path) -> None:
    async with Liar() as liar:
        upstream = {"private_networks": ["127.0.0.0/8"], "retries": 0, "first_byte_seconds": 0.5, "idle_seconds": 0.5}
        mount: dict[str, object] = {"prefix": "/vod", "storage": liar.url, "access": "signed", "keys": "main"}
        async with running(tmp_path, [{**mount, "upstream": upstream}]) as gateway:
            target = f"/vod/a.m3u8?token={gateway.token()}"
            liar.answers(lambda _request, _number: (0.1, *script))
            for viewer in await asyncio.gather(*(seen(gateway, target) for _ in range(3))):
                assert viewer.head is not None
                assert (viewer.head.status, viewer.head["content-type"]) == (status, "application/problem+json")
                assert "no-store" in viewer.head["cache-control"]
            liar.says(response(PLAYLIST, *FRESH))
            if status == 502 and len(script) == 1:
                return  # what it is not is kept for as long as it was said to be fresh
            await eventually(lambda: liar.open_now <= 1)
            healed = await seen(gateway, target)
            assert healed.head is not None
            assert (healed.head.status, healed.is_whole) == (200, True)
            assert healed.body.count(b"#EXTINF") == 200
            assert not any(b"token" in request for request in liar.requests)
