"""One diagnosis for each dependency and mount."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from auth import Algorithm, KeyRing
from origin.checkup import Diagnosis, examine
from origin.keystore.file import write_ring
from origin.keystore.generate import new_key
from origin.settings import parse
from tests.redis_server import RedisServer, free_port
from tests.tls_parts import Authority


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a good key file and a directory of media."""
    write_ring(tmp_path / "keys.json", KeyRing([new_key(Algorithm.HS256, "main")]))
    (tmp_path / "media").mkdir()
    return tmp_path


async def diagnoses(folder: Path, **tables: object) -> dict[str, Diagnosis]:
    """What is found, by subject, when `tables` are laid over a configuration that is in order."""
    mount = {"prefix": "/vod", "storage": "file:media", "access": "signed", "keys": "main"}
    sound: dict[str, object] = {"keyrings": {"main": {"file": "keys.json"}}, "mount": [mount]}
    return {one.name: one for one in await examine(parse(sound | tables, folder))}


async def test_all_is_well(folder: Path) -> None:
    found = await diagnoses(folder)
    assert list(found) == ["HTTP parser", "event loop", "key ring main", "mount /vod", "Redis"]
    assert all(one.is_ok and not one.remedy for one in found.values())
    assert found["key ring main"].finding == "1 keys, main signs"


def unlink(file: Path) -> None:
    file.unlink()


def expose(file: Path) -> None:
    file.chmod(0o644)


def break_up(file: Path) -> None:
    file.write_text("{")


def pad(file: Path) -> None:
    file.write_bytes(b" " * 5_000_000)


def outlive(file: Path) -> None:
    write_ring(file, KeyRing([new_key(Algorithm.HS256, "old", not_after=1.0)]))


@pytest.mark.parametrize(
    ("change", "finding", "remedy"),
    [
        (unlink, "does not exist", "make one: headgate keys new {file}"),
        (expose, "is open to others (mode 0644)", "chmod 600 {file}"),
        (break_up, "a key set is a JSON object", "move it away and make a new one: headgate keys new {file}"),
        (pad, "is larger than", "see the file"),
        (outlive, "1 keys, none can sign now", "headgate keys new {file}, unless this ring only verifies"),
    ],
)
async def test_a_key_ring_that_is_not_well(
    folder: Path, change: Callable[[Path], None], finding: str, remedy: str
) -> None:
    file = folder / "keys.json"
    await asyncio.to_thread(change, file)
    one = (await diagnoses(folder))["key ring main"]
    assert not one.is_ok
    assert finding in one.finding
    assert remedy.format(file=file) in one.remedy


@pytest.mark.parametrize(
    ("storage", "finding"),
    [("file:missing", "No such file or directory"), ("file:keys.json", "Not a directory")],
)
async def test_a_mount_without_its_storage(folder: Path, storage: str, finding: str) -> None:
    mount = {"prefix": "/open", "storage": storage, "access": "open"}
    one = (await diagnoses(folder, mount=[mount]))["mount /open"]
    assert one == Diagnosis("mount /open", False, finding, one.remedy)
    assert (folder / storage.removeprefix("file:")).as_uri() in one.remedy


async def test_tls_asks_for_good_files(folder: Path) -> None:
    public = {"tls": {"certificates": {"main": Authority().issue("cdn.example").write(folder)}}}
    good = (await diagnoses(folder, public=public))["TLS"]
    assert good.is_ok
    assert good.finding.startswith("main until 20")
    (folder / "main.pem").write_text("nothing")
    (folder / "main.key").chmod(0o644)
    bad = (await diagnoses(folder, public=public))["TLS"]
    assert not bad.is_ok
    assert bad.finding.count("public.tls.certificates.main.") == 2
    assert bad.remedy


@pytest.mark.needs("redis-server")
async def test_redis_answers_or_hangs(folder: Path, redis_server: RedisServer) -> None:
    cache = {"redis": redis_server.url, "redis_timeout_seconds": 0.05}
    one = (await diagnoses(folder, cache=cache | {"redis_timeout_seconds": 5.0}))["Redis"]
    assert one == Diagnosis("Redis", True, f"127.0.0.1:{redis_server.port} answers")
    redis_server.pause()
    try:
        one = (await diagnoses(folder, cache=cache))["Redis"]
    finally:
        redis_server.resume()
    assert (one.is_ok, one.finding) == (
        False,
        f"127.0.0.1:{redis_server.port}: no answer within cache.redis_timeout_seconds",
    )


async def test_no_redis_and_no_password_shown(folder: Path) -> None:
    url = f"redis://:hidden-password@127.0.0.1:{free_port()}/0"
    one = (await diagnoses(folder, cache={"redis": url}))["Redis"]
    assert not one.is_ok
    assert "cannot connect" in one.finding
    assert "hidden-password" not in repr(one)


async def test_a_diagnosis_for_programs(folder: Path) -> None:
    one = (await diagnoses(folder))["Redis"]
    assert one.as_dict() == {"name": "Redis", "is_ok": True, "finding": one.finding, "remedy": ""}


@pytest.mark.parametrize(
    ("algorithm", "is_ok", "finding"),
    [
        (Algorithm.HS512, True, "own signs them"),
        (Algorithm.ES256, False, "no key signs them, so no manifest is served"),
        (None, False, "does not exist"),
    ],
)
async def test_sessions_need_a_key(folder: Path, algorithm: Algorithm | None, is_ok: bool, finding: str) -> None:
    if algorithm is not None:
        await asyncio.to_thread(write_ring, folder / "own.json", KeyRing([new_key(algorithm, "own")]))
    mount = {"prefix": "/vod", "storage": "file:media", "access": "signed", "keys": "main"}
    rings = {"main": {"file": "keys.json"}, "own": {"file": "own.json"}}
    found = await diagnoses(folder, keyrings=rings, mount=[mount | {"session": {"exchange": "always", "keys": "own"}}])
    one = found["sessions of /vod"]
    assert (one.is_ok, bool(one.remedy)) == (is_ok, not is_ok)
    assert finding in one.finding


@pytest.mark.parametrize(
    ("text", "mode", "is_ok", "finding", "remedy"),
    [
        ('{"keys": []}', 0o600, True, "0 keys of 0 assets", ""),
        ('{"keys": []}', 0o640, False, "is open to others (mode 0640)", "chmod 600 {file}"),
        ("{", 0o600, False, "not JSON", 'write {{"keys": [{{"asset": "film", "kid": "HEX", "k": "HEX"}}]}} to {file}'),
    ],
)
async def test_content_keys(folder: Path, text: str, mode: int, is_ok: bool, finding: str, remedy: str) -> None:
    file = folder / "content-keys.json"
    file.write_text(text)
    file.chmod(mode)
    mount = {"prefix": "/vod", "storage": "file:media", "access": "signed", "keys": "main"}
    one = (await diagnoses(folder, mount=[mount | {"content_keys": file.name}]))["content keys of /vod"]
    assert (one.is_ok, bool(one.remedy)) == (is_ok, not is_ok)
    assert finding in one.finding
    assert remedy.format(file=file) in one.remedy


async def test_rings_of_other_sources(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rings = {
        "main": {"env": "SOME_KEYS"},
        "none": {"env": "NO_KEYS"},
        "away": {"jwks": f"http://127.0.0.1:{free_port()}/jwks"},
    }
    monkeypatch.setenv("SOME_KEYS", await asyncio.to_thread((folder / "keys.json").read_text))
    found = await diagnoses(folder, keyrings=rings)
    assert found["key ring main"].finding == "1 keys, main signs"
    assert found["key ring none"].finding == "NO_KEYS: is not set in the environment"
    assert "a private JWK Set" in found["key ring none"].remedy
    assert "cannot be fetched" in found["key ring away"].finding
    assert "can it be reached" in found["key ring away"].remedy
