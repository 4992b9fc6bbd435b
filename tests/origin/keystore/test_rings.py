"""Rings follow their files, and outlive a broken one."""

from __future__ import annotations

from pathlib import Path

import pytest

from auth.algorithms import Algorithm
from auth.keys import KeyRing
from origin.keystore.file import Fault, KeystoreError, write_ring
from origin.keystore.generate import new_key
from origin.keystore.rings import KeyRings


def write(path: Path, *names: str) -> Path:
    write_ring(path, KeyRing(new_key(Algorithm.HS256, name) for name in names))
    return path


def ids(rings: KeyRings, name: str) -> list[str]:
    return [key.id for key in rings.ring(name).keys]


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    return {"main": write(tmp_path / "main.json", "a"), "other": write(tmp_path / "other.json", "b")}


def test_rings_by_name(paths: dict[str, Path]) -> None:
    rings = KeyRings(paths, 100)
    assert (ids(rings, "main"), ids(rings, "other")) == (["a"], ["b"])
    assert rings.read_at("main") == 100
    with pytest.raises(KeyError):
        rings.ring("absent")
    assert repr(rings) == "KeyRings(main, other)"


def test_an_unchanged_file_keeps_its_ring(paths: dict[str, Path]) -> None:
    rings = KeyRings(paths, 100)
    before = rings.ring("main")
    assert rings.refresh(200).changed == ()
    assert rings.ring("main") is before
    assert rings.read_at("main") == 100


def test_a_changed_file_swaps_its_ring_alone(paths: dict[str, Path]) -> None:
    rings = KeyRings(paths, 100)
    held, other = rings.ring("main"), rings.ring("other")
    write(paths["main"], "a", "c")
    refreshed = rings.refresh(200)
    assert (refreshed.changed, dict(refreshed.faults)) == (("main",), {})
    assert ids(rings, "main") == ["a", "c"]
    assert (rings.read_at("main"), rings.read_at("other")) == (200, 100)
    assert [key.id for key in held.keys] == ["a"]  # a reader in the middle of a request keeps what it has
    assert rings.ring("other") is other


def test_a_broken_file_keeps_the_last_good_ring(paths: dict[str, Path]) -> None:
    rings = KeyRings(paths, 100)
    paths["main"].write_text("{")
    for now in (200, 300):  # and says so every time, until it is mended
        refreshed = rings.refresh(now)
        assert refreshed.changed == ()
        assert refreshed.faults["main"].fault is Fault.INVALID
        assert ids(rings, "main") == ["a"]
    paths["main"].unlink()
    assert rings.refresh(400).faults["main"].fault is Fault.MISSING
    write(paths["main"], "d")
    assert rings.refresh(500).changed == ("main",)
    assert ids(rings, "main") == ["d"]


def test_one_broken_file_does_not_hold_up_another(paths: dict[str, Path]) -> None:
    rings = KeyRings(paths, 100)
    paths["main"].write_text("{")
    write(paths["other"], "e")
    assert rings.refresh(200).changed == ("other",)


def test_at_the_start_there_is_no_last_good_ring(paths: dict[str, Path]) -> None:
    paths["other"].unlink()
    with pytest.raises(KeystoreError) as error:
        KeyRings(paths, 100)
    assert error.value.fault is Fault.MISSING


def test_shared_files_are_the_operators_choice(paths: dict[str, Path]) -> None:
    paths["main"].chmod(0o640)
    with pytest.raises(KeystoreError):
        KeyRings(paths, 100)
    assert ids(KeyRings(paths, 100, allow_shared=True), "main") == ["a"]
