from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from uuid import uuid4

import obstore
import pytest
from obstore.store import MemoryStore

from origin.storage.bucket_client import BucketBody, BucketClient, BucketError, BucketOptions, Failure, bucket_client
from origin.storage.bucket_url import BadBucketUrl, BucketPlace, BucketScheme
from tests.s3_server import S3Server

needs_moto = pytest.mark.needs("moto")
OBJECT = b"""HTTP/1.1 200 OK\r
Content-Length: 1\r
Last-Modified: Wed, 25 Nov 2026 14:00:00 GMT\r
ETag: "1"\r
\r
x"""


@asynccontextmanager
async def service(answer: bytes) -> AsyncIterator[tuple[BucketOptions, list[bytes]]]:
    """How to reach somebody who gives every request the same answer, and the request heads that came."""
    requests: list[bytes] = []
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    options = BucketOptions(f"http://127.0.0.1:{port}", allow_http=True, anonymous=True, retries=0)
    try:
        yield options, requests
    finally:
        server.close()
        for writer in writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def content(client: BucketClient, path: str) -> bytes:
    body = BucketBody(await client.get(path, {}))
    data = b""
    while piece := await body.read():
        data += piece
    assert await body.read() == b""
    return data


async def failure(client: BucketClient, path: str) -> Failure:
    with pytest.raises(BucketError) as caught:
        await content(client, path)
    assert str(caught.value) == caught.value.failure.value
    return caught.value.failure


async def test_the_store_is_made_when_it_is_needed_and_once() -> None:
    made = list[MemoryStore]()

    def connect() -> MemoryStore:
        made.append(MemoryStore())
        return made[-1]

    client = BucketClient(connect)
    assert made == []
    for _ in range(2):
        assert await failure(client, "a") is Failure.ABSENT
    assert len(made) == 1
    client.close()
    assert await failure(client, "a") is Failure.CLOSED


@pytest.mark.parametrize("path", ["", "a/", "/a", "a//b", "../a", "a\n", "a\0", "\ud800", "x" * 1025], ids=ascii)
async def test_names_that_no_object_has(path: str) -> None:
    assert await failure(BucketClient(MemoryStore), path) is Failure.ABSENT


async def test_bytes_that_are_not_there() -> None:
    store = MemoryStore()
    await obstore.put_async(store, "a", b"0123456789")
    with pytest.raises(BucketError) as caught:
        await BucketClient(lambda: store).get("a", {"range": (10, 12)})
    assert (caught.value.failure, caught.value.size) == (Failure.RANGE, 10)


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        (BucketScheme.S3, b"GET /media/vod/a%20b/%C3%BC.ts HTTP/1.1"),
        (BucketScheme.GCS, b"GET /media/vod%2Fa%20b%2F%C3%BC%2Ets HTTP/1.1"),
        (BucketScheme.AZURE, b"GET /media/vod/a%20b/%C3%BC.ts HTTP/1.1"),
    ],
)
async def test_each_service_is_asked_in_its_own_way(scheme: BucketScheme, expected: bytes) -> None:
    async with service(OBJECT) as (options, requests):
        client = bucket_client(BucketPlace(scheme, "media", "vod"), replace(options, account="acc", region="r"))
        assert await content(client, "a b/ü.ts") == b"x"
        assert requests[0].split(b"\r\n")[0] == expected
        assert b"authorization" not in requests[0].lower()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n", Failure.WRONG_REGION),
        (b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n", Failure.REFUSED),
        (b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", Failure.FORBIDDEN),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", Failure.REFUSED),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"[:20], Failure.UNREACHABLE),
        (b"220 smtp.example ESMTP\r\n\r\n", Failure.BROKEN),
        (OBJECT[:-1], Failure.BROKEN),
    ],
)
async def test_answers_that_are_none(answer: bytes, expected: Failure) -> None:
    async with service(answer) as (options, _):
        assert await failure(bucket_client(BucketPlace(BucketScheme.S3, "media"), options), "a") is expected


async def test_clients_share_few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKIO_WORKER_THREADS", "")
    monkeypatch.delenv("TOKIO_WORKER_THREADS")
    async with service(OBJECT) as (options, _):
        assert await content(bucket_client(BucketPlace(BucketScheme.S3, "media"), options), "a") == b"x"
    assert os.environ["TOKIO_WORKER_THREADS"] == "2"


async def test_ranges_that_are_not_understood() -> None:
    async with service(OBJECT) as (options, _):
        client = bucket_client(BucketPlace(BucketScheme.AZURE, "media"), replace(options, account="acc"))
        for span in ((0, 1), {"suffix": 1}):
            with pytest.raises(BucketError) as caught:
                await client.get("a", {"range": span})  # type: ignore[typeddict-item]
            assert caught.value.failure is Failure.NOT_PARTIAL


async def test_options_that_are_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    client = bucket_client(BucketPlace(BucketScheme.AZURE, "media"), BucketOptions())
    assert await failure(client, "a") is Failure.MISCONFIGURED


def test_an_endpoint_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(BadBucketUrl):
        bucket_client(BucketPlace(BucketScheme.S3, "media"), BucketOptions("http://127.0.0.1"))


@needs_moto
async def test_a_missing_bucket_is_no_missing_object(s3_server: S3Server) -> None:
    options = BucketOptions(s3_server.endpoint, allow_http=True)
    assert await failure(bucket_client(BucketPlace(BucketScheme.S3, "nowhere"), options), "a") is Failure.NO_BUCKET
    client = bucket_client(BucketPlace(BucketScheme.S3, "media"), options)
    assert await failure(client, uuid4().hex) is Failure.ABSENT
    # Nor can a name talk us into one, or into anything else.
    for told in ("<Code>NoSuchBucket</Code>", "Server returned non-2xx status code: 500", "HttpError {\nkind: Connect"):
        assert await failure(client, told) is Failure.ABSENT


@needs_moto
async def test_the_size_comes_with_a_range_that_lies_behind(s3_server: S3Server) -> None:
    name = uuid4().hex
    await obstore.put_async(s3_server.store(), name, b"0123456789")
    client = bucket_client(BucketPlace(BucketScheme.S3, "media"), BucketOptions(s3_server.endpoint, allow_http=True))
    with pytest.raises(BucketError) as caught:
        await client.get(name, {"range": (10, 12)})
    assert (caught.value.failure, caught.value.size) == (Failure.RANGE, 10)
