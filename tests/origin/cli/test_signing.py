"""What `sign` and `verify` share: the mount, its key file, and what is wrong with either."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from origin.cli.signing import signed_mount
from origin.cli.trouble import ExitCode, Trouble
from tests.origin.cli.conftest import Console

SECRET = "c2VjcmV0LXRleHQtdGhhdC1tdXN0LW5vdC1zaG93"


def break_file(file: Path, fault: str) -> None:
    """Make a key file unusable."""
    match fault:
        case "missing":
            file.unlink()
        case "exposed":
            file.chmod(0o644)
        case "not JSON":
            file.write_text(f"{SECRET}{{")
        case "weak":
            file.write_text(f'{{"keys": [{{"kty": "oct", "alg": "HS512", "kid": "a", "k": "{SECRET}"}}]}}')
        case "a directory":
            file.unlink()
            file.mkdir()


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("missing", "does not exist"),
        ("exposed", "set it to 0600"),
        ("not JSON", "a key set is a JSON object"),
        ("weak", "needs at least 64 bytes"),
        ("a directory", "cannot be read (Is a directory)"),
    ],
)
@pytest.mark.parametrize("command", ["sign", "verify"])
def test_a_key_file_that_cannot_be_used(site: Path, console: Console, command: str, fault: str, says: str) -> None:
    break_file(site / "keys.json", fault)
    said = console(command, "/vod/film/index.m3u8")
    assert (said.code, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert f"{site / 'keys.json'}: " in said.err
    assert says in said.err
    assert SECRET not in said.err


def test_the_path_is_free_of_tokens(site: Path) -> None:
    signed = signed_mount("https://cdn.example/vod/token=a.b.c/film/1.ts?token=d.e.f", site / "headgate.toml")
    assert (signed.mount.prefix, signed.path) == ("/vod", "/vod/film/1.ts")
    assert isinstance(signed.rings, Mapping)
    assert [key.id for key in signed.rings["main"].keys] == ["first"]


def test_no_trouble_quotes_the_url(site: Path) -> None:
    with pytest.raises(Trouble) as caught:
        signed_mount("/elsewhere/token=opaque-secret/film?token=opaque-secret", site / "headgate.toml")
    assert caught.value.code is ExitCode.USAGE
    assert "opaque-secret" not in str(caught.value)
