"""Every source that settings can name."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from auth import Algorithm, KeyRing
from auth.jwk import private_jwk
from origin.keyrings import read_rings, source_of
from origin.keystore.fault import Fault, KeystoreError
from origin.keystore.file import write_ring
from origin.keystore.generate import new_key
from origin.settings import Settings, parse
from tests.redis_server import free_port

KEY = new_key(Algorithm.HS256, "a")


def settings(folder: Path) -> Settings:
    opened: dict[str, object] = {"prefix": "/open", "storage": "memory:", "access": "open"}
    rings = {
        "file": {"file": "keys.json"},
        "env": {"env": "SOME_KEYS"},
        "jwks": {"jwks": f"http://127.0.0.1:{free_port()}/jwks", "refresh_seconds": 7.0, "min_refresh_seconds": 3.0},
        "redis": {"redis": "keys"},
    }
    return parse({"keyrings": rings, "cache": {"redis": "redis://:hush@h/0"}, "mount": [opened]}, folder)


async def test_each_has_its_kind_and_pace(tmp_path: Path) -> None:
    configured = settings(tmp_path)
    sources = {name: source_of(configured, name) for name in configured.keyrings}
    assert [type(source).__name__ for source in sources.values()] == [
        "FileSource",
        "EnvironmentSource",
        "RemoteSource",
        "RedisSource",
    ]
    assert {name: source.pace.is_fatal for name, source in sources.items()} == {
        "file": True,
        "env": True,
        "jwks": False,
        "redis": False,
    }
    assert (sources["jwks"].pace.every, sources["jwks"].pace.on_miss) == (7, 3)
    assert "hush" not in repr(sources)


async def test_rings_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configured = settings(tmp_path)
    await asyncio.to_thread(write_ring, tmp_path / "keys.json", KeyRing([KEY]))
    monkeypatch.setenv("SOME_KEYS", json.dumps({"keys": [private_jwk(KEY)]}))
    rings = await read_rings(configured, ["file", "env"])
    assert {name: ring.keys for name, ring in rings.items()} == {"file": (KEY,), "env": (KEY,)}
    with pytest.raises(KeystoreError) as error:
        await read_rings(configured, ["jwks"])
    assert error.value.fault is Fault.AWAY
