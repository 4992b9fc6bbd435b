"""From a file and an environment to settings."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from origin.settings import SettingsError, load

GOOD = """
[public]
trusted_proxies = ["10.0.0.0/8", "2001:db8::/32"]
[cache]
memory_bytes = "1MiB"
[keyrings.main]
file = "keys.json"
[[mount]]
prefix = "/vod"
storage = "file:media"
access = "signed"
keys = "main"
"""

BAD = """
verbose = true
token_name = "t"
[public]
prot = 1
port = 99999
[log]
level = "wraning"
[[mount]]
prefix = "/vod"
storage = "file:media"
access = "signed"
keys = "none"
"""


def written(directory: Path, text: str | bytes) -> Path:
    path = directory / "headgate.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def problems_of(path: Path | None, environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(path, environ)
    return [str(problem) for problem in caught.value.problems]


def test_a_file_becomes_a_tree(tmp_path: Path) -> None:
    settings = load(written(tmp_path, GOOD), {"HEADGATE_PUBLIC__PORT": "8088", "HOME": "/"})
    assert settings.public.port == 8088
    assert settings.public.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))
    assert settings.cache.memory_bytes == 1024 * 1024
    assert settings.admin.port == 9080


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    settings = load(written(tmp_path, GOOD), {})
    assert settings.keyrings["main"].file == tmp_path / "keys.json"
    assert settings.mount[0].storage == (tmp_path / "media").as_uri()


def test_paths_without_a_file_are_relative_to_the_working_directory() -> None:
    environ = {
        "HEADGATE_MOUNT__0__PREFIX": "/vod",
        "HEADGATE_MOUNT__0__STORAGE": "file:media",
        "HEADGATE_MOUNT__0__ACCESS": "open",
    }
    assert load(None, environ).mount[0].storage == (Path.cwd() / "media").as_uri()


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    environ = {"HEADGATE_ADMIN__PORT": "-1", "HEADGATE_LOGG__LEVEL": "info"}
    assert problems_of(written(tmp_path, BAD), environ) == [
        "HEADGATE_LOGG__LEVEL: is not a setting (did you mean HEADGATE_LOG__LEVEL?)",
        "public.port: should be less than or equal to 65535",
        "public.prot: is not a setting (did you mean port?)",
        "admin.port (from HEADGATE_ADMIN__PORT): should be greater than or equal to 0",
        "log.level: should be 'debug', 'info', 'warning' or 'error' (did you mean warning?)",
        "verbose: is not a setting",
        "token_name: is not a setting (did you mean mount[].token_name or mount[].tokens.NAME.token_name?)",
        'mount[0].keys: names the key ring "none", which does not exist (add a table [keyrings.none])',
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"a = ", "is not TOML: "),
        (b"a = 1\na = 2", "is not TOML: "),
        (b"\xff\xfe", "is not UTF-8"),
    ],
)
def test_a_file_that_is_no_toml(tmp_path: Path, text: bytes, says: str) -> None:
    (problem,) = problems_of(written(tmp_path, text), {})
    assert problem.startswith(says)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    assert problems_of(tmp_path / "none.toml", {}) == ["cannot be read: No such file or directory"]
    assert problems_of(tmp_path, {}) == ["cannot be read: Is a directory"]


def test_no_problem_shows_a_secret(tmp_path: Path) -> None:
    text = GOOD + '[mount.edge]\ntrust = "asks"\nsecrets = ["tooshort", "also short"]\n'
    environ = {"HEADGATE_CACHE__REDIS": "http://:passw0rd@redis"}
    told = "\n".join(problems_of(written(tmp_path, text), environ))
    assert "secrets[0]" in told
    assert "cache.redis" in told
    assert not any(secret in told for secret in ("tooshort", "also short", "passw0rd"))
