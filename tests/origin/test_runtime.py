from __future__ import annotations

import asyncio
import json
import logging
import threading
from pathlib import Path

import pytest
from redis.asyncio import Redis

from auth.jwk import private_jwk
from origin import settings
from origin.keystore.fault import Fault, KeystoreError
from origin.keystore.rings import Refreshed
from origin.runtime import _tell, _tell_of_content_keys, open_runtime
from origin.storage.mounts import BadStorageUrl
from tests.redis_server import RedisServer
from tests.stories.gateway import running


async def test_nothing_is_left_when_the_start_fails(tmp_path: Path) -> None:
    opened = {"prefix": "/open", "storage": "file:media", "access": "open"}
    upstream = {"prefix": "/up", "storage": "https://127.0.0.1/media", "access": "open"}
    configured = settings.parse({"mount": [opened, upstream]}, tmp_path)
    tasks, threads = asyncio.all_tasks(), own_threads()
    with pytest.raises(BadStorageUrl, match="mount /up"):
        async with open_runtime(configured):
            pass
    assert asyncio.all_tasks() == tasks
    assert own_threads() == threads


def own_threads() -> set[str]:
    """The threads of this process but for the loop's own executor."""
    return {thread.name for thread in threading.enumerate() if not thread.name.startswith(("asyncio_", "uvloop_"))}


async def test_a_missing_key_file_is_told_at_the_start(tmp_path: Path) -> None:
    signed = {"prefix": "/vod", "storage": "file:media", "access": "signed", "keys": "main"}
    configured = settings.parse({"keyrings": {"main": {"file": "none.json"}}, "mount": [signed]}, tmp_path)
    with pytest.raises(KeystoreError, match=r"none\.json"):
        async with open_runtime(configured):
            pass


async def test_content_keys_are_needed_at_the_start(tmp_path: Path) -> None:
    signed = {"prefix": "/vod", "storage": "file:media", "access": "signed", "keys": "main"}
    mounts: list[dict[str, object]] = [{**signed, "content_keys": "content-keys.json"}]
    with pytest.raises(KeystoreError, match=r"content-keys\.json: does not exist"):
        async with running(tmp_path, mounts):
            pass


def test_broken_content_keys_are_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    _tell_of_content_keys(Path("c.json"), KeystoreError(Fault.INVALID, Path("c.json"), "not JSON"))
    _tell_of_content_keys(Path("c.json"), None)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("ERROR", "content keys stay as they were: c.json: not JSON"),
        ("INFO", "content keys c.json were read again"),
    ]


async def test_everything_ends_with_the_runtime(tmp_path: Path) -> None:
    tasks = asyncio.all_tasks()
    async with running(tmp_path, log={"access": True}) as gateway:
        gateway.put("a/1.ts", b"abc")
        assert (await gateway.ask("/open/a/1.ts")).body == b"abc"
        assert asyncio.all_tasks() > tasks
    assert asyncio.all_tasks() == tasks


def test_a_broken_key_file_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    fault = KeystoreError(Fault.INVALID, Path("keys.json"), "is not JSON")
    other = KeystoreError(Fault.MISSING, Path("keys.json"), "does not exist")
    known = _tell(Refreshed(("main",), (), {"main": fault}), {})
    known = _tell(Refreshed(("main",), (), {"main": fault}), known)
    known = _tell(Refreshed(("main",), (), {"main": other}), known)
    known = _tell(Refreshed(("main",), ("main",), {}), known)
    assert known == {}
    _tell(Refreshed(("main",), (), {"main": fault}), known)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("ERROR", "key ring main stays as it was: keys.json: is not JSON"),
        ("ERROR", "key ring main stays as it was: keys.json: does not exist"),
        ("INFO", "key ring main was read again"),
        ("ERROR", "key ring main stays as it was: keys.json: is not JSON"),
    ]


@pytest.mark.needs("redis-server")
async def test_keys_in_redis_open_a_mount(tmp_path: Path, redis_server: RedisServer) -> None:
    signed: dict[str, object] = {"prefix": "/vod", "storage": "file:media", "access": "signed", "keys": "shared"}
    rings = {"shared": {"redis": "keys", "min_refresh_seconds": 0.001}}
    async with running(tmp_path, [signed], cache={"redis": redis_server.url}, keyrings=rings) as gateway:
        gateway.put("a/1.ts", b"abc")
        target = f"/vod/a/1.ts?token={gateway.token('/vod')}"
        assert (await gateway.ask(target)).status == 403
        text = json.dumps({"keys": [private_jwk(key) for key in gateway.ring.keys]})
        client = Redis.from_url(redis_server.url, driver_info=None)
        await client.set("keys", text)
        await client.aclose()
        assert (await gateway.ask(target)).body == b"abc"
