"""Key files: read strictly, written whole."""

from __future__ import annotations

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from auth.algorithms import Algorithm
from auth.jwk import MAX_SET_BYTES
from auth.keys import KeyRing
from origin.keystore.fault import Fault, KeystoreError
from origin.keystore.file import add_key, change_ring, file_version, read_private, read_ring, write_ring
from origin.keystore.generate import new_key

RING = KeyRing([new_key(Algorithm.HS256, "main", not_after=10), new_key(Algorithm.EDDSA, "next", not_before=5)])
SECRET_TEXT = "c2VjcmV0LXRleHQtdGhhdC1tdXN0LW5vdC1zaG93"


def fault(path: Path, *, allow_shared: bool = False) -> Fault:
    with pytest.raises(KeystoreError) as error:
        read_ring(path, allow_shared=allow_shared)
    assert str(path) in str(error.value)
    assert SECRET_TEXT not in str(error.value)
    return error.value.fault


def private(path: Path, text: str) -> Path:
    path.touch(0o600)
    path.write_text(text)
    return path


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    write_ring(path, RING)
    ring, version = read_ring(path)
    assert [(key.id, key.algorithm, key.not_before, key.not_after) for key in ring.keys] == [
        ("main", Algorithm.HS256, None, 10),
        ("next", Algorithm.EDDSA, 5, None),
    ]
    assert all(key.signing is not None for key in ring.keys)
    assert version == file_version(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["keys.json"]


def test_writing_replaces_the_whole_file(tmp_path: Path) -> None:
    path = private(tmp_path / "keys.json", "x" * 10_000)
    path.chmod(0o644)
    before = path.stat().st_ino
    write_ring(path, RING)
    assert path.stat().st_ino != before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(json.loads(path.read_text())["keys"]) == 2


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.mkdir()
    with pytest.raises(KeystoreError) as error:
        write_ring(path, RING)
    assert error.value.fault is Fault.UNWRITABLE
    assert [each.name for each in tmp_path.iterdir()] == ["keys.json"]
    with pytest.raises(KeystoreError):
        write_ring(tmp_path / "absent" / "keys.json", RING)


def test_missing(tmp_path: Path) -> None:
    assert fault(tmp_path / "keys.json") is Fault.MISSING


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602, 0o610])
def test_a_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keys.json"
    write_ring(path, RING)
    path.chmod(mode)
    assert fault(path) is Fault.EXPOSED
    assert len(read_ring(path, allow_shared=True)[0].keys) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        f'{{"keys":[{{"kty":"oct","k":"{SECRET_TEXT}","alg":"none"}}]}}',
        f'{{"keys":[{{"kty":"oct","k":"{SECRET_TEXT}=","alg":"HS256"}}]}}',
        f'{{"keys":[{{"kty":"{SECRET_TEXT}"}}]}}',
        f'{{"{SECRET_TEXT}"',
        '{"keys":[{"kty":"oct","k":"c2hvcnQ","alg":"HS256"}]}',
    ],
    ids=range(7),
)
def test_invalid(tmp_path: Path, text: str) -> None:
    assert fault(private(tmp_path / "keys.json", text)) is Fault.INVALID


def test_too_large(tmp_path: Path) -> None:
    assert fault(private(tmp_path / "keys.json", " " * (MAX_SET_BYTES + 1))) is Fault.TOO_LARGE


def test_not_a_file(tmp_path: Path) -> None:
    assert fault(tmp_path) is Fault.UNREADABLE
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert fault(tmp_path / "pipe") is Fault.UNREADABLE


def test_version_of_nothing(tmp_path: Path) -> None:
    assert file_version(tmp_path / "absent") is None


def test_a_key_is_added_behind_those_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    assert [key.id for key in add_key(path, new_key(Algorithm.HS256, "a")).keys] == ["a"]
    assert [key.id for key in add_key(path, new_key(Algorithm.ES256, "b")).keys] == ["a", "b"]
    assert [key.id for key in read_ring(path)[0].keys] == ["a", "b"]
    assert [each.name for each in tmp_path.iterdir()] == ["keys.json"]


def test_keys_added_at_once_are_all_there(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys = [new_key(Algorithm.HS256, f"k{number}") for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: add_key(path, key), keys))
    assert {key.id for key in read_ring(path)[0].keys} == {key.id for key in keys}


def test_no_key_is_added_to_what_is_no_key_file(tmp_path: Path) -> None:
    path = private(tmp_path / "keys.json", SECRET_TEXT)
    with pytest.raises(KeystoreError) as error:
        add_key(path, new_key(Algorithm.HS256))
    assert error.value.fault is Fault.INVALID
    assert path.read_text() == SECRET_TEXT
    with pytest.raises(KeystoreError) as error:
        add_key(tmp_path / "missing" / "keys.json", new_key(Algorithm.HS256))
    assert error.value.fault is Fault.UNWRITABLE


def test_a_change_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    write_ring(path, RING)
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError):
        change_ring(path, lambda ring: KeyRing(ring.keys[: 1 // 0]))
    assert path.read_bytes() == before
    assert [key.id for key in change_ring(path, lambda ring: KeyRing(ring.keys[1:])).keys] == ["next"]
    with pytest.raises(KeystoreError) as error:
        change_ring(tmp_path / "none.json", lambda ring: ring)
    assert error.value.fault is Fault.MISSING


def test_other_private_files_have_bounds_of_their_own(tmp_path: Path) -> None:
    path = private(tmp_path / "other.json", "12345678")
    assert read_private(path, 8) == (b"12345678", file_version(path))
    with pytest.raises(KeystoreError, match="is larger than 7 bytes") as error:
        read_private(path, 7)
    assert error.value.fault is Fault.TOO_LARGE
    path.chmod(0o604)
    with pytest.raises(KeystoreError, match="is open to others"):
        read_private(path, 8)
    assert read_private(path, 8, allow_shared=True)[0] == b"12345678"
