"""Files and environment variables as sources."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from auth.algorithms import Algorithm
from auth.jwk import private_jwk
from auth.keys import KeyRing
from origin.keystore.fault import Fault, KeystoreError
from origin.keystore.file import write_ring
from origin.keystore.generate import new_key
from origin.keystore.source import EnvironmentSource, FileSource

KEY = new_key(Algorithm.HS256, "a")
TEXT = json.dumps({"keys": [private_jwk(KEY)]})


async def test_a_file_is_read_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    await asyncio.to_thread(write_ring, path, KeyRing([KEY]))
    source = FileSource(path)
    ring = await source.read()
    assert ring is not None
    assert ring.keys == (KEY,)
    assert await source.read() is None
    await asyncio.to_thread(write_ring, path, KeyRing([]))
    ring = await source.read()
    assert ring is not None
    assert ring.keys == ()
    assert repr(source) == f"FileSource({path})"
    assert source.pace.on_miss is None


async def test_a_broken_file_is_a_fault_until_it_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    await asyncio.to_thread(write_ring, path, KeyRing([KEY]))
    source = FileSource(path)
    await source.read()
    await asyncio.to_thread(path.write_text, "{")
    for _ in range(2):
        with pytest.raises(KeystoreError):
            await source.read()


async def test_shared_files_are_the_operators_choice(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    await asyncio.to_thread(write_ring, path, KeyRing([KEY]))
    await asyncio.to_thread(path.chmod, 0o640)
    with pytest.raises(KeystoreError) as error:
        await FileSource(path).read()
    assert error.value.fault is Fault.EXPOSED
    assert await FileSource(path, allow_shared=True).read() is not None


async def test_a_variable_holds_a_key_set() -> None:
    source = EnvironmentSource("KEYS", {"KEYS": TEXT})
    ring = await source.read()
    assert ring is not None
    assert ring.keys == (KEY,)
    assert await source.read() is None
    assert repr(source) == "EnvironmentSource(KEYS)"
    await source.close()


@pytest.mark.parametrize(
    ("environ", "fault"),
    [
        ({}, Fault.MISSING),
        ({"KEYS": ""}, Fault.INVALID),
        ({"KEYS": "\udcff"}, Fault.INVALID),
        ({"KEYS": TEXT.replace("HS256", "HS512")}, Fault.INVALID),
    ],
)
async def test_what_a_variable_cannot_hold(environ: dict[str, str], fault: Fault) -> None:
    with pytest.raises(KeystoreError, match="KEYS: ") as error:
        await EnvironmentSource("KEYS", environ).read()
    assert error.value.fault is fault
    assert str(private_jwk(KEY)["k"]) not in str(error.value)
