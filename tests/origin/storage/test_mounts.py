from __future__ import annotations

from pathlib import Path

import pytest

from origin.storage.bucket_client import BucketOptions
from origin.storage.memory import MemoryStore
from origin.storage.mounts import BadStorageUrl, is_bucket_url, open_bucket, open_store
from origin.storage.object_store import ObjectStore
from origin.storage.store import StoreUnavailable
from tests.contracts.store import opened, whole


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "vod ü").mkdir()
    (tmp_path / "vod ü" / "a").write_bytes(b"x")
    return tmp_path


@pytest.mark.parametrize(
    "url",
    [
        "file://{base}/vod%20%C3%BC",
        "file://localhost{base}/vod%20%C3%BC/",
        "file:{base}/vod%20%C3%BC",
        "FILE://{base}/vod%20ü",
        "{base}/vod ü",
        "vod ü",
        "./vod ü/",
        "../{name}/vod ü",
    ],
)
async def test_directories(base: Path, url: str) -> None:
    store = open_store(url.format(base=base, name=base.name), base=base)
    await store.probe()
    found = await opened(store, "a")
    assert await whole(found) == b"x"
    found.release()
    await store.close()


async def test_memory_is_new_each_time(tmp_path: Path) -> None:
    first, second = open_store("memory:", base=tmp_path), open_store("MEMORY:", base=tmp_path)
    assert isinstance(first, MemoryStore)
    first.put("a", b"x")
    assert await second.open("a") is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a\0b",
        "file:",
        "file://",
        "file:vod",
        "file:./vod",
        "file://nas/vod",
        "file:///vod?x",
        "file:///vod#x",
        "file:///%ff",
        "file:///a%00b",
        "memory:x",
        "memory://x",
        "s3://key:secret@bucket/x",
        "s3://bucket/x?secret",
        "s3:secret",
        "gs://",
        "az:///secret",
        "https://user:secret@origin.example/x",
        "C:\\secret",
    ],
    ids=ascii,
)
def test_refused_without_repeating_the_url(url: str, tmp_path: Path) -> None:
    with pytest.raises(BadStorageUrl) as caught:
        open_store(url, base=tmp_path)
    assert "secret" not in str(caught.value)


def test_unknown_scheme_names_the_supported_ones(tmp_path: Path) -> None:
    with pytest.raises(BadStorageUrl, match=r"'ftp' is not supported.*file:.*memory:.*s3:.*gs:.*az:"):
        open_store("ftp://host/x", base=tmp_path)


@pytest.mark.parametrize("url", ["s3://bucket", "GS://bucket/prefix", "az://container/prefix/"])
async def test_buckets(url: str, tmp_path: Path) -> None:
    assert is_bucket_url(url)
    store = open_store(url, base=tmp_path)
    assert isinstance(store, ObjectStore)
    await store.close()


async def test_a_bucket_is_reached_as_its_options_say(tmp_path: Path, free_port: int) -> None:
    options = BucketOptions(f"http://127.0.0.1:{free_port}", anonymous=True, allow_http=True, retries=0)
    with pytest.raises(StoreUnavailable, match="no connection"):
        await open_store("s3://bucket", base=tmp_path, bucket=options).probe()


def test_an_endpoint_is_refused_without_repeating_it(tmp_path: Path) -> None:
    with pytest.raises(BadStorageUrl) as caught:
        open_bucket("s3://bucket", BucketOptions("https://user:secret@host"))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "s3", "vod/s3:", "file:///s3://x", "https://bucket.s3.example/x"])
def test_what_is_no_bucket(url: str) -> None:
    assert not is_bucket_url(url)
