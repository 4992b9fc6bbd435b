from __future__ import annotations

import traceback
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote
from uuid import uuid4

import obstore
import pytest
from obstore.store import LocalStore, MemoryStore, S3Store

from origin.http.fields import combined
from origin.storage.bucket_client import BucketClient, BucketOptions, bucket_client
from origin.storage.bucket_url import BucketPlace, BucketScheme
from origin.upstream.bucket import BucketOrigin
from origin.upstream.origin_server import Incoming, Outgoing, Trouble, UpstreamError
from tests.contracts.descriptors import eventually
from tests.contracts.origin_server import OriginServerContract, Stage, whole
from tests.relay import Break, Relay
from tests.s3_server import S3Server

needs_moto = pytest.mark.needs("moto")
DATA = bytes(range(256)) * 2_000
DIGITS = b"0123456789"
CLOSE = b"Connection: close\r\n\r\n"
WHOLE = b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: "x"\r\n' + CLOSE + DIGITS

OTHER_BYTES = b'HTTP/1.1 206 P\r\nContent-Length: 2\r\nContent-Range: bytes 0-1/10\r\nETag: "x"\r\n' + CLOSE + b"01"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A folder of a bucket, how to write to it, and an origin server that reads it through a relay."""

    store: S3Store | MemoryStore
    folder: str
    relay: Relay
    server: BucketOrigin

    async def put(self, target: str, data: bytes, attributes: Mapping[str, str] | None = None) -> str:
        """Its ETag."""
        key = f"{self.folder}{unquote(target)}"
        said = await obstore.put_async(self.store, key, data, attributes=dict(attributes or {}))
        return said["e_tag"] or ""

    async def get(self, target: str, *fields: tuple[str, str], method: str = "GET") -> tuple[Incoming, bytes]:
        incoming = await self.server.fetch(Outgoing(method, target, fields))
        try:
            return incoming, await whole(incoming)
        finally:
            await incoming.close()


def origin(relay: Relay, folder: str, **changes: object) -> BucketOrigin:
    options = BucketOptions(relay.endpoint, allow_http=True, timeout=30.0, connect_timeout=10.0, retries=0)
    place = BucketPlace(BucketScheme.S3, "media", folder)
    return BucketOrigin(bucket_client(place, replace(options, **changes)))  # type: ignore[arg-type]


@pytest.fixture
async def bucket(s3_server: S3Server) -> AsyncIterator[Bucket]:
    folder = uuid4().hex
    async with Relay(s3_server.port) as relay:
        server = origin(relay, folder)
        try:
            yield Bucket(s3_server.store(), folder, relay, server)
        finally:
            await server.close()


@needs_moto
class TestBucketOrigin(OriginServerContract):
    @pytest.fixture
    async def stage(self, bucket: Bucket) -> Stage:
        async def put(target: str, data: bytes) -> None:
            await bucket.put(target, data)

        async def cut(target: str, data: bytes, sent: int) -> None:
            await bucket.put(target, data)
            bucket.relay.breaks(target, Break(after=sent))

        async def hold(target: str, data: bytes, sent: int) -> None:
            await bucket.put(target, data)
            bucket.relay.breaks(target, Break(after=sent, hold=True))

        return Stage(bucket.server, put, cut, hold, lambda: bucket.relay.held, bucket.relay.vanish)


@needs_moto
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (None, (200, None, DIGITS)),
        ("bytes=-3", (206, "bytes 7-9/10", b"789")),
        ("bytes=-30", (206, "bytes 0-9/10", DIGITS)),
        ("bytes=4-", (206, "bytes 4-9/10", b"456789")),
        ("bytes=8-99", (206, "bytes 8-9/10", b"89")),
        ("bytes=8-99999999999999999999999999", (206, "bytes 8-9/10", b"89")),
        ("bytes=10-", (416, "bytes */10", b"")),
        ("bytes=99999999999999999999999999-", (416, "bytes */10", b"")),
        ("bytes=-0", (416, "bytes */10", b"")),
        ("bytes=0-1,4-5", (200, None, DIGITS)),
        ("bytes=5-4", (200, None, DIGITS)),
        ("items=0-1", (200, None, DIGITS)),
    ],
)
async def test_ranges(bucket: Bucket, asked: str | None, expected: tuple[int, str | None, bytes]) -> None:
    await bucket.put("/a.ts", DIGITS)
    incoming, body = await bucket.get("/a.ts", *([("Range", asked)] if asked else []))
    assert (incoming.status, combined(incoming.fields, "content-range"), body) == expected
    assert combined(incoming.fields, "content-length") == str(len(body))
    assert len(bucket.relay.requests) == 1


@needs_moto
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("If-None-Match", "{etag}", 304),
        ("If-None-Match", "W/{etag}", 304),
        ("If-None-Match", '"x", {etag}', 304),
        ("If-None-Match", "*", 304),
        ("If-None-Match", '"x"', 200),
        ("If-None-Match", '"x", "y"', 200),
        ("If-None-Match", "x", 200),
        ("If-Match", "{etag}", 200),
        ("If-Match", '"x", {etag}', 200),
        ("If-Match", "*", 200),
        ("If-Match", '"x"', 412),
        ("If-Match", '"x", "y"', 412),
        ("If-Match", "W/{etag}", 412),
        ("If-Match", "x", 412),
        ("If-Modified-Since", "{date}", 304),
        ("If-Modified-Since", "Fri, 01 Jan 2038 00:00:00 GMT", 304),
        ("If-Modified-Since", "Thu, 01 Jan 1970 00:00:01 GMT", 200),
        ("If-Modified-Since", "Mon, 01 Jan 0001 00:00:00 GMT", 200),
        ("If-Modified-Since", "yesterday", 200),
        ("If-Unmodified-Since", "{date}", 200),
        ("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:01 GMT", 412),
    ],
)
async def test_preconditions(bucket: Bucket, method: str, name: str, value: str, status: int) -> None:
    etag = await bucket.put("/a.ts", DIGITS)
    date = combined((await bucket.get("/a.ts"))[0].fields, "last-modified")
    bucket.relay.requests.clear()
    incoming, body = await bucket.get("/a.ts", (name, value.format(etag=etag, date=date)), method=method)
    assert incoming.status == status
    assert body == (DIGITS if (status, method) == (200, "GET") else b"")
    if status == 304 and name == "If-None-Match" and value != "*":
        assert combined(incoming.fields, "etag") in {etag, f"W/{etag}"}
    assert len(bucket.relay.requests) == 1


@needs_moto
async def test_a_precondition_comes_before_a_range(bucket: Bucket) -> None:
    etag = await bucket.put("/a.ts", DIGITS)
    for asked in ("bytes=2-3", "bytes=20-"):
        assert (await bucket.get("/a.ts", ("If-Match", '"x"'), ("Range", asked)))[0].status == 412
        assert (await bucket.get("/a.ts", ("If-None-Match", etag), ("Range", asked)))[0].status == 304
    incoming, body = await bucket.get("/a.ts", ("If-Match", etag), ("Range", "bytes=2-3"))
    assert (incoming.status, body) == (206, b"23")
    assert b"if-match" in bucket.relay.requests[-1].lower()


@needs_moto
async def test_entity_tags_overrule_dates(bucket: Bucket) -> None:
    etag = await bucket.put("/a.ts", DIGITS)
    late, early = "Fri, 01 Jan 2038 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:01 GMT"
    fields = [("If-None-Match", '"x"'), ("If-Modified-Since", late)]
    assert (await bucket.get("/a.ts", *fields))[0].status == 200
    fields = [("If-Match", etag), ("If-Unmodified-Since", early)]
    assert (await bucket.get("/a.ts", *fields))[0].status == 200


@needs_moto
async def test_if_range(bucket: Bucket) -> None:
    etag = await bucket.put("/a.ts", DIGITS)
    part = ("Range", "bytes=2-3")
    incoming, body = await bucket.get("/a.ts", part, ("If-Range", etag))
    assert (incoming.status, body) == (206, b"23")
    assert len(bucket.relay.requests) == 1
    for other in ('"x"', f"W/{etag}", "Thu, 01 Jan 1970 00:00:01 GMT"):
        incoming, body = await bucket.get("/a.ts", part, ("If-Range", other))
        assert (incoming.status, body) == (200, DIGITS)


@needs_moto
async def test_what_a_part_says(bucket: Bucket) -> None:
    etag = await bucket.put("/a.ts", DIGITS)
    incoming, _ = await bucket.get("/a.ts", ("Range", "bytes=2-3"), method="HEAD")
    assert (incoming.status, combined(incoming.fields, "content-length")) == (200, "10")  # a range is for GET alone
    incoming, _ = await bucket.get("/a.ts", ("Range", "bytes=2-3"))
    said = {name: value for name, value in incoming.fields if name != "Last-Modified"}
    assert said == {
        "Content-Type": "video/mp2t",
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Content-Length": "2",
        "Content-Range": "bytes 2-3/10",
    }


@needs_moto
async def test_what_was_stored_with_an_object_is_said(bucket: Bucket) -> None:
    stored = {
        "Content-Type": "text/plain",
        "Cache-Control": "max-age=3",
        "Content-Encoding": "gzip",
        "Content-Language": "de",
        "Content-Disposition": "inline",
    }
    await bucket.put("/a.ts", DIGITS, stored)
    incoming, body = await bucket.get("/a.ts")
    assert stored.items() <= dict(incoming.fields).items()
    assert body == DIGITS  # as it is stored


@needs_moto
async def test_a_type_that_says_nothing_is_replaced(bucket: Bucket) -> None:
    for kind in ("application/octet-stream", "binary/octet-stream"):
        await bucket.put("/a.m3u8", DIGITS, {"Content-Type": kind})
        assert combined((await bucket.get("/a.m3u8"))[0].fields, "content-type") == "application/vnd.apple.mpegurl"


@needs_moto
@pytest.mark.parametrize(
    "target", ["/", "/a/", "/a//b", "/.hidden", "/%ff", "/a%2Fb", "/" + "x" * 300, "/a" * 600 + "?x", "/a%C2%80"]
)
async def test_targets_that_no_object_can_have(bucket: Bucket, target: str) -> None:
    assert (await bucket.get(target))[0].status == 404
    assert bucket.relay.connections == 0


@needs_moto
async def test_queries_name_nothing(bucket: Bucket) -> None:
    await bucket.put("/a b", DIGITS)
    incoming, body = await bucket.get("/a%20b?x=/../y")
    assert (incoming.status, body) == (200, DIGITS)


@needs_moto
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get"])
async def test_other_methods_reach_nobody(bucket: Bucket, method: str) -> None:
    incoming, body = await bucket.get("/a", method=method)
    assert (incoming.status, combined(incoming.fields, "allow"), body) == (405, "GET, HEAD", b"")
    assert bucket.relay.connections == 0


async def trouble(server: BucketOrigin, target: str = "/topsecret") -> Trouble:
    """What fetching and reading the object at `target` runs into; no text of it tells a URL."""
    with pytest.raises(UpstreamError) as caught:
        await whole(await server.fetch(Outgoing("GET", target)))
    shown = traceback.format_exception_only(caught.value)[-1] + repr(caught.value)
    assert "127.0.0.1" not in shown
    assert "topsecret" not in shown
    return caught.value.trouble


@needs_moto
async def test_troubles(bucket: Bucket) -> None:
    await bucket.put("/a", DATA)
    bucket.relay.breaks("/held", Break(hold=True))
    bucket.relay.breaks("/a", Break(after=1_000, hold=True))
    bucket.relay.breaks("/reset", Break())
    for status in (b"500 Oh", b"503 Slow Down", b"400 Bad"):
        bucket.relay.breaks(
            f"/{int(status[:3])}", Break(instead=b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n" + CLOSE)
        )
        assert await trouble(bucket.server, f"/{int(status[:3])}") is Trouble.UNREACHABLE
    assert await trouble(bucket.server, "/reset") is Trouble.UNREACHABLE
    impatient = origin(bucket.relay, bucket.folder, timeout=0.2)
    assert await trouble(impatient, "/held") is Trouble.TIMED_OUT
    assert await trouble(impatient, "/a") is Trouble.TIMED_OUT
    assert await trouble(origin(bucket.relay, bucket.folder, anonymous=True)) is Trouble.UNREACHABLE


@needs_moto
async def test_a_wrong_secret_is_no_answer(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "topsecret" * 4)
    server = origin(bucket.relay, bucket.folder)
    assert await trouble(server) is Trouble.UNREACHABLE
    with pytest.raises(UpstreamError, match="permission denied"):
        await server.probe()


@needs_moto
async def test_a_body_that_breaks_goes_on_where_it_broke(bucket: Bucket) -> None:
    await bucket.put("/a", DATA)
    bucket.relay.breaks("/a", Break(after=100_000, times=2))
    incoming = await origin(bucket.relay, bucket.folder, retries=2).fetch(Outgoing("GET", "/a"))
    assert await whole(incoming) == DATA
    assert len(bucket.relay.requests) == 3


@needs_moto
async def test_a_body_never_goes_on_with_another_version(bucket: Bucket) -> None:
    await bucket.put("/a", DATA)
    bucket.relay.breaks("/a", Break(after=100_000, times=1))
    incoming = await origin(bucket.relay, bucket.folder, retries=2).fetch(Outgoing("GET", "/a"))
    await bucket.put("/a", b"other" * 200_000)
    with pytest.raises(UpstreamError) as caught:
        await whole(incoming)
    assert caught.value.trouble is Trouble.TRUNCATED
    assert len(bucket.relay.requests) == 2


@needs_moto
async def test_a_server_that_ignores_ranges(bucket: Bucket) -> None:
    await bucket.put("/a", DIGITS)
    bucket.relay.breaks(
        "/a",
        Break(instead=WHOLE),
    )
    incoming, body = await bucket.get("/a", ("Range", "bytes=2-3"))
    assert (incoming.status, body) == (200, DIGITS)


@needs_moto
async def test_a_server_that_sends_other_bytes(bucket: Bucket) -> None:
    bucket.relay.breaks("/a", Break(instead=OTHER_BYTES))
    for asked in ("bytes=2-3", "bytes=8-", "bytes=-3"):
        with pytest.raises(UpstreamError) as caught:
            await bucket.get("/a", ("Range", asked))
        assert caught.value.trouble is Trouble.WRONG_RANGE


@needs_moto
async def test_a_server_that_ignores_preconditions(bucket: Bucket) -> None:
    bucket.relay.breaks("/a", Break(instead=WHOLE))
    assert (await bucket.get("/a", ("If-None-Match", '"x"')))[0].status == 304
    assert (await bucket.get("/a", ("If-Match", '"y"')))[0].status == 412


@needs_moto
async def test_a_body_that_nobody_wants_is_let_go(bucket: Bucket) -> None:
    bucket.relay.breaks("/a", Break(instead=WHOLE.replace(CLOSE + DIGITS, b"\r\n0"), hold=True))
    for name, value, status in (("If-None-Match", '"x"', 304), ("If-Match", '"y"', 412)):
        assert (await bucket.server.fetch(Outgoing("GET", "/a", ((name, value),)))).status == status
        await eventually(lambda: bucket.relay.held == 0)
    bucket.relay.breaks("/a", Break(instead=OTHER_BYTES.replace(CLOSE + b"01", b"\r\n0"), hold=True))
    with pytest.raises(UpstreamError) as caught:
        await bucket.server.fetch(Outgoing("GET", "/a", (("Range", "bytes=-3"),)))
    await eventually(lambda: bucket.relay.held == 0)
    assert caught.value.trouble is Trouble.WRONG_RANGE  # and its traceback holds on to nothing


@needs_moto
async def test_a_store_is_told_no_weak_tags(bucket: Bucket) -> None:
    etag = await bucket.put("/a", DIGITS)
    await bucket.get("/a", ("If-None-Match", f"W/{etag}"))
    assert f"\r\nif-none-match: {etag}\r\n".encode() in bucket.relay.requests[-1].lower()
    await bucket.get("/a", ("If-Match", f"W/{etag}"))
    assert b"if-match" not in bucket.relay.requests[-1].lower()


@needs_moto
async def test_a_server_that_answers_what_was_not_asked(bucket: Bucket) -> None:
    for status in (b"304 Not Modified", b"412 Precondition Failed", b"416 Range Not Satisfiable"):
        said = b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n" + CLOSE
        bucket.relay.breaks("/a", Break(instead=said))
        assert await trouble(bucket.server, "/a") is Trouble.MALFORMED


async def test_an_empty_object_in_memory() -> None:
    store = MemoryStore()
    await obstore.put_async(store, "a", b"")
    server = BucketOrigin(BucketClient(lambda: store))
    for asked, status in (("bytes=0-", 416), ("bytes=-3", 200)):
        incoming = await server.fetch(Outgoing("GET", "/a", (("Range", asked),)))
        assert (incoming.status, await whole(incoming)) == (status, b"")


async def test_files_as_objects(tmp_path: Path) -> None:
    (tmp_path / "a b.mpd").write_bytes(DIGITS)
    server = BucketOrigin(BucketClient(lambda: LocalStore(tmp_path)))
    incoming = await server.fetch(Outgoing("GET", "/a%20b.mpd", (("Range", "bytes=2-3"),)))
    assert (incoming.status, await whole(incoming)) == (206, b"23")
    assert combined(incoming.fields, "content-type") == "application/dash+xml"
    await incoming.close()
    await server.probe()
