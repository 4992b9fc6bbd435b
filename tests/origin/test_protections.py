"""What a mount's settings make of its protection; what it then does is tested where it is done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from origin.edge.mount import Propagation
from origin.keyrings import source_of
from origin.keystore.file import write_ring
from origin.keystore.rings import KeyRings
from origin.protections import askable, protection_of
from origin.settings import Settings, parse
from tests.auth.samples import RING

MOUNT = {"prefix": "/vod", "storage": "memory:", "access": "signed", "keys": "main"}


def settings(folder: Path, mount: Mapping[str, object]) -> Settings:
    write_ring(folder / "keys.json", RING)
    rings = {"main": {"file": "keys.json"}, "issuer": {"jwks": "https://issuer.example/jwks"}}
    return parse({"keyrings": rings, "mount": [mount]}, folder)


def rings_of(configured: Settings) -> KeyRings:
    return KeyRings({name: source_of(configured, name) for name in configured.keyrings}, lambda _done: None)


@pytest.mark.parametrize(
    ("more", "exchanges"),
    [({}, False), ({"session": {"exchange": "always"}}, True), ({"dialects": ["akamai"]}, True)],
)
def test_a_signed_mount(tmp_path: Path, more: dict[str, object], exchanges: bool) -> None:
    configured = settings(tmp_path, {**MOUNT, "propagate": "path", "limits": {"max_streams": 2}, **more})
    protection = protection_of(configured.mount[0], configured, rings_of(configured))
    assert protection is not None
    assert (protection.propagation, protection.limits.max_streams) == (Propagation.PATH, 2)
    assert (protection.exchange is not None) is exchanges
    assert protection.proof is None
    assert protection.missed is None  # a file has no news before it is due


def test_an_open_mount_has_none(tmp_path: Path) -> None:
    configured = settings(tmp_path, {"prefix": "/open", "storage": "memory:", "access": "open"})
    assert protection_of(configured.mount[0], configured, rings_of(configured)) is None


def test_an_issuer_can_be_asked(tmp_path: Path) -> None:
    configured = settings(tmp_path, MOUNT | {"keys": "issuer"})
    protection = protection_of(configured.mount[0], configured, rings_of(configured))
    assert protection is not None
    assert protection.missed is not None
    assert askable(configured, ["main", "issuer"]) == ("issuer",)
