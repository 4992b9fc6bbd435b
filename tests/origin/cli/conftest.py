"""A working directory with a configuration, and a way to run commands in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from auth import Algorithm
from origin.cli import run
from origin.keystore.file import add_key
from origin.keystore.generate import new_key

CONFIGURATION = """
[keyrings.main]
file = "keys.json"
[[mount]]
prefix = "/vod"
storage = "file:media"
access = "signed"
keys = "main"
audience = ["headgate", "other"]
issuers = ["https://accounts.example"]
[[mount]]
prefix = "/open"
storage = "file:media"
access = "open"
"""


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str


Console = Callable[..., Said]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: `headgate.toml`, `keys.json`, and `media` with one film."""
    for name in [name for name in os.environ if name.startswith("HEADGATE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "media" / "film").mkdir(parents=True)
    (tmp_path / "media" / "film" / "index.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-ENDLIST\n")
    (tmp_path / "headgate.toml").write_text(CONFIGURATION)
    add_key(tmp_path / "keys.json", new_key(Algorithm.HS256, "first"))
    return tmp_path


@pytest.fixture
def console(site: Path, capsys: pytest.CaptureFixture[str]) -> Console:
    """Runs a command in the site; what goes to standard error is one told line per problem, whatever happens."""
    del site

    def call(*arguments: str) -> Said:
        code = run(arguments)
        told = capsys.readouterr()
        assert all(line.startswith("headgate: ") for line in told.err.splitlines())
        assert "internal error" not in told.err
        return Said(code, told.out, told.err)

    return call
