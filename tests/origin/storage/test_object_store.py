from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import obstore
import pytest
from obstore.store import LocalStore, MemoryStore

from origin.http.spans import ByteSpan
from origin.storage.bucket_client import BucketClient, BucketOptions, bucket_client
from origin.storage.bucket_url import BucketPlace, BucketScheme
from origin.storage.object_store import ObjectStore
from origin.storage.store import ObjectChanged, StoreUnavailable
from tests.contracts.descriptors import eventually
from tests.contracts.store import NO_OBJECT_PATHS, Stage, StoreContract, opened, whole
from tests.relay import Break, Relay
from tests.s3_server import S3Server

needs_moto = pytest.mark.needs("moto")
DATA = bytes(range(256)) * 2_000


def quick(endpoint: str) -> BucketOptions:
    """Patient with a busy machine, and with no failure."""
    return BucketOptions(endpoint=endpoint, allow_http=True, timeout=30.0, connect_timeout=10.0, retries=0)


def reader(options: BucketOptions, prefix: str = "", bucket: str = "media") -> ObjectStore:
    return ObjectStore(bucket_client(BucketPlace(BucketScheme.S3, bucket, prefix), options))


class TestInMemory(StoreContract):
    @pytest.fixture
    def stage(self) -> Stage:
        store = MemoryStore()

        async def put(path: str, data: bytes) -> None:
            await obstore.put_async(store, path, data)

        async def delete(path: str) -> None:
            await obstore.delete_async(store, path)

        return Stage(ObjectStore(BucketClient(lambda: store)), put, delete, keeps_versions=False)


@needs_moto
class TestS3(StoreContract):
    @pytest.fixture
    def stage(self, s3_server: S3Server) -> Stage:
        store, prefix = s3_server.store(), uuid4().hex

        async def put(path: str, data: bytes) -> None:
            await obstore.put_async(store, f"{prefix}/{path}", data)

        async def delete(path: str) -> None:
            await obstore.delete_async(store, f"{prefix}/{path}")

        return Stage(reader(quick(s3_server.endpoint), prefix), put, delete, keeps_versions=False)


async def test_files_as_objects(tmp_path: Path) -> None:
    (tmp_path / "vod").mkdir()
    (tmp_path / "vod" / "a b").write_bytes(b"0123456789")
    store = ObjectStore(BucketClient(lambda: LocalStore(tmp_path), "vod"))
    found = await opened(store, "a b")
    assert await found.read(ByteSpan(2, 3)) == b"234"
    (tmp_path / "vod" / "a b").write_bytes(b"another one")
    with pytest.raises(ObjectChanged):
        await found.read(ByteSpan(2, 3))
    assert await store.open("b") is None


async def test_a_closed_store_is_unavailable() -> None:
    memory = MemoryStore()
    await obstore.put_async(memory, "a", b"x")
    store = ObjectStore(BucketClient(lambda: memory))
    found = await opened(store, "a")
    await store.close()
    for work in (store.open("a"), store.probe(), found.read(ByteSpan(0, 1))):
        with pytest.raises(StoreUnavailable, match="closed"):
            await work
    found.release()


@pytest.fixture
def folder() -> str:
    """A prefix of a test's own."""
    return uuid4().hex


@needs_moto
async def test_the_etag_is_the_same_on_every_node(s3_server: S3Server, folder: str) -> None:
    said = await obstore.put_async(s3_server.store(), f"{folder}/a", b"x")
    infos = [(await opened(reader(quick(s3_server.endpoint), folder), "a")).info for _ in range(2)]
    assert infos[0] == infos[1]
    assert infos[0].etag_source == (said["e_tag"] or "").strip('"') != ""


@needs_moto
async def test_only_what_lies_below_the_prefix_is_seen(s3_server: S3Server, folder: str) -> None:
    await obstore.put_async(s3_server.store(), f"{folder}2/a", b"x")
    await obstore.put_async(s3_server.store(), "a", b"x")
    store = reader(quick(s3_server.endpoint), folder)
    assert await store.open("a") is None
    assert await store.open("../a") is None
    assert await store.open(f"../{folder}2/a") is None


@needs_moto
async def test_keys_have_an_end(s3_server: S3Server, folder: str) -> None:
    store = reader(quick(s3_server.endpoint), folder)
    name = "x" * (1024 - len(folder) - 1)
    await obstore.put_async(s3_server.store(), f"{folder}/{name}", b"x")
    assert await whole(await opened(store, name)) == b"x"
    async with Relay(s3_server.port) as relay:
        store = reader(quick(relay.endpoint), folder)
        assert await store.open(name + "x") is None
        for path in NO_OBJECT_PATHS[:16]:
            assert await store.open(path) is None
        assert relay.connections == 0


@needs_moto
async def test_an_object_costs_one_request_and_one_for_each_read(s3_server: S3Server, folder: str) -> None:
    await obstore.put_async(s3_server.store(), f"{folder}/a", DATA)
    async with Relay(s3_server.port) as relay:
        found = await opened(reader(quick(relay.endpoint), folder), "a")
        await found.read(ByteSpan(5, 10))
        await found.read(ByteSpan(0, 0))
        head, get = (request.lower() for request in relay.requests)
        assert head.startswith(b"head ")
        assert b"\r\nrange: bytes=5-14\r\n" in get
        assert f'\r\nif-match: "{found.info.etag_source}"\r\n'.encode() in get


@pytest.fixture
def wrong_secret(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "topsecret" * 4)
    return s3_server


async def unavailable(store: ObjectStore, path: str = "topsecret/a") -> str:
    """Why `store` cannot open: the words of the error, which must be the same for `probe` and tell no secret."""
    with pytest.raises(StoreUnavailable) as opening:
        await store.open(path)
    with pytest.raises(StoreUnavailable) as probing:
        await store.probe()
    for caught in (opening, probing):
        shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(store)
        assert "127.0.0.1" not in shown
        assert "topsecret" not in shown.replace('path: str = "topsecret/a"', "")
        assert caught.value.reason == "store_unavailable"
    assert str(opening.value) == str(probing.value)
    return str(opening.value)


@needs_moto
async def test_a_wrong_secret(wrong_secret: S3Server) -> None:
    assert await unavailable(reader(quick(wrong_secret.endpoint))) == "permission denied"


@needs_moto
async def test_anonymous_requests_are_not_signed(s3_server: S3Server, folder: str) -> None:
    async with Relay(s3_server.port) as relay:
        assert await unavailable(reader(replace(quick(relay.endpoint), anonymous=True))) != ""
        assert relay.requests
        assert not any(b"\r\nauthorization:" in request.lower() for request in relay.requests)


@needs_moto
async def test_no_credentials_anywhere(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, free_port: int) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"http://127.0.0.1:{free_port}")
    assert await unavailable(reader(quick(s3_server.endpoint))) == "no credentials found"


async def test_nobody_listens(s3_credentials: None, free_port: int) -> None:
    assert await unavailable(reader(quick(f"http://127.0.0.1:{free_port}"))) == "no connection"


@pytest.fixture
def s3_credentials(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "topsecret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "topsecret")
    return iter(())


@needs_moto
async def test_a_server_that_is_down_and_comes_back(s3_server: S3Server, folder: str) -> None:
    await obstore.put_async(s3_server.store(), f"{folder}/a", b"x")
    found = await opened(reader(quick(s3_server.endpoint), folder), "a")
    s3_server.kill()
    try:
        with pytest.raises(StoreUnavailable, match="no connection"):
            await found.read(ByteSpan(0, 1))
    finally:
        s3_server.start()
    with pytest.raises(StoreUnavailable, match="permission denied"):  # a new server has new keys
        await found.read(ByteSpan(0, 1))


@needs_moto
async def test_a_server_that_is_silent(s3_server: S3Server) -> None:
    store = reader(replace(quick(s3_server.endpoint), timeout=0.2))
    s3_server.pause()
    try:
        assert await unavailable(store) == "no answer in time"
    finally:
        s3_server.resume()


@needs_moto
async def test_a_missing_bucket_is_told_by_the_probe(s3_server: S3Server) -> None:
    with pytest.raises(StoreUnavailable, match="no such bucket"):
        await reader(quick(s3_server.endpoint), bucket="nowhere").probe()


@needs_moto
async def test_the_probe_needs_the_right_to_list(s3_server: S3Server, folder: str) -> None:
    await obstore.put_async(s3_server.store(), f"{folder}/a", b"x")
    store = reader(quick(s3_server.endpoint), folder)
    s3_server.deny("s3:ListBucket")
    try:
        with pytest.raises(StoreUnavailable, match="permission denied"):
            await store.probe()
        assert await whole(await opened(store, "a")) == b"x"
    finally:
        s3_server.allow_all()
    await store.probe()


@needs_moto
async def test_the_probe_asks_once_however_much_there_is(s3_server: S3Server, folder: str) -> None:
    for number in range(5):
        await obstore.put_async(s3_server.store(), f"{folder}/{number}", b"x")
    async with Relay(s3_server.port) as relay:
        await reader(quick(relay.endpoint), folder).probe()
        assert len(relay.requests) == 1
        assert f"prefix={folder}".encode() in relay.requests[0]


@needs_moto
async def test_a_read_that_breaks_goes_on_where_it_broke(s3_server: S3Server, folder: str) -> None:
    await obstore.put_async(s3_server.store(), f"{folder}/a", DATA)
    async with Relay(s3_server.port) as relay:
        found = await opened(reader(replace(quick(relay.endpoint), retries=2), folder), "a")
        relay.breaks("/a", Break(after=100_000, times=2))
        assert await whole(found) == DATA
        assert len(relay.requests) == 4


@needs_moto
async def test_a_read_that_breaks_again_and_again_is_an_error(s3_server: S3Server, folder: str) -> None:
    await obstore.put_async(s3_server.store(), f"{folder}/a", DATA)
    async with Relay(s3_server.port) as relay:
        found = await opened(reader(replace(quick(relay.endpoint), retries=1), folder), "a")
        relay.breaks("/a", Break(after=1_000))
        with pytest.raises(StoreUnavailable, match="broke"):
            await whole(found)


@needs_moto
async def test_a_read_that_stops_is_an_error(s3_server: S3Server, folder: str) -> None:
    await obstore.put_async(s3_server.store(), f"{folder}/a", DATA)
    async with Relay(s3_server.port) as relay:
        found = await opened(reader(replace(quick(relay.endpoint), timeout=0.2), folder), "a")
        relay.breaks("/a", Break(after=1_000, hold=True))
        with pytest.raises(StoreUnavailable, match="in time"):
            await whole(found)


@needs_moto
@pytest.mark.parametrize("status", [b"500 Internal Server Error", b"503 Slow Down", b"429 Too Many Requests"])
async def test_what_passes_is_tried_again(s3_server: S3Server, folder: str, status: bytes) -> None:
    await obstore.put_async(s3_server.store(), f"{folder}/a", b"x")
    said = b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    async with Relay(s3_server.port) as relay:
        relay.breaks("/a", Break(times=2, instead=said))
        found = await opened(reader(replace(quick(relay.endpoint), retries=2), folder), "a")
        assert await whole(found) == b"x"
        relay.breaks("/a", Break(instead=said))
        with pytest.raises(StoreUnavailable, match="the service failed"):
            await whole(found)
        assert len(relay.requests) == 3 + 1 + 3


@needs_moto
async def test_a_body_of_two_versions_is_never_given(s3_server: S3Server, folder: str) -> None:
    store = s3_server.store()
    await obstore.put_async(store, f"{folder}/a", b"a" * 200_000)
    async with Relay(s3_server.port) as relay:
        found = await opened(reader(replace(quick(relay.endpoint), retries=2), folder), "a")
        await obstore.put_async(store, f"{folder}/a", b"b" * 200_000)
        with pytest.raises(ObjectChanged):
            await whole(found)


@needs_moto
async def test_a_server_that_ignores_conditions(s3_server: S3Server, folder: str) -> None:
    await obstore.put_async(s3_server.store(), f"{folder}/a", b"0123456789")
    head = b'HTTP/1.1 206 P\r\nContent-Length: 2\r\nContent-Range: bytes 0-1/10\r\nETag: "other"\r\n\r\n'
    async with Relay(s3_server.port) as relay:
        found = await opened(reader(quick(relay.endpoint), folder), "a")
        relay.breaks("/a", Break(instead=head + b"0", hold=True))
        with pytest.raises(ObjectChanged) as caught:
            await found.read(ByteSpan(0, 2))
        await eventually(lambda: relay.held == 0)
        assert caught.value.reason == "object_changed"  # and its traceback holds on to nothing


@needs_moto
async def test_the_bucket_as_part_of_the_host_name(
    s3_server: S3Server, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await obstore.put_async(s3_server.store(), f"{folder}/a b%20ü", b"x")
    async with Relay(s3_server.port) as relay:
        monkeypatch.setenv("HTTP_PROXY", relay.endpoint)  # no name has to resolve
        options = replace(quick("http://s3.amazonaws.com"), virtual_hosted=True)
        assert await whole(await opened(reader(options, folder), "a b%20ü")) == b"x"
        assert {request.split(b" ")[1] for request in relay.requests} == {
            f"http://media.s3.amazonaws.com/{folder}/a%20b%2520%C3%BC".encode()
        }
