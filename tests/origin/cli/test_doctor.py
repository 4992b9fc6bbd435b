"""`headgate doctor`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.origin.cli.conftest import Console
from tests.redis_server import free_port


def test_all_is_well(console: Console) -> None:
    said = console("doctor")
    assert (said.code, said.err) == (0, "")
    assert all(line.startswith("ok      ") for line in said.out.splitlines())


def test_what_is_wrong_comes_with_its_remedy(site: Path, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("HEADGATE_CACHE__REDIS", f"redis://:hidden-password@127.0.0.1:{port}/0")
    (site / "keys.json").chmod(0o640)
    (site / "media").rename(site / "elsewhere")
    said = console("doctor")
    assert said.code == 1
    assert f"failed  Redis: 127.0.0.1:{port}: cannot connect\n        → check cache.redis" in said.out
    assert f"        → chmod 600 {site / 'keys.json'}" in said.out
    assert "failed  mount /vod: No such file or directory\n        → is file:" in said.out
    assert "hidden-password" not in said.out + said.err


def test_programs_get_json(site: Path, console: Console) -> None:
    (site / "keys.json").unlink()
    said = console("doctor", "--json")
    found = {one["name"]: one for one in json.loads(said.out)}
    assert said.code == 1
    assert found["key ring main"]["is_ok"] is False
    assert found["key ring main"]["remedy"] == f"make one: headgate keys new {site / 'keys.json'}"
    assert found["mount /open"] == {
        "name": "mount /open",
        "is_ok": True,
        "finding": "open, storage answers",
        "remedy": "",
    }


def test_a_configuration_that_cannot_be_used_is_code_2(site: Path, console: Console) -> None:
    (site / "headgate.toml").write_text("[public]\nport = 'eighty'\n")
    said = console("doctor")
    assert (said.code, said.out) == (2, "")
    assert "headgate.toml: public.port: " in said.err
