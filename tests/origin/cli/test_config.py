"""`headgate config`, and the program as a program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from origin.cli import run
from origin.settings.keys import Shape, declared_keys
from origin.settings.tree import Settings

ROOT = Path(__file__).parents[3]
SAMPLE = str(ROOT / "deploy" / "headgate.example.toml")

BAD = """
[public]
prot = 80
[[mount]]
prefix = "/vod"
storage = "file:vod"
access = "signed"
keys = "none"
[mount.edge]
trust = "asks"
secrets = ["tooshort"]
"""


@pytest.fixture
def bad(tmp_path: Path) -> str:
    """A file with three problems."""
    path = tmp_path / "bad.toml"
    path.write_text(BAD)
    return str(path)


def test_the_program_reports_every_problem_without_a_traceback(bad: str) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}
    done = subprocess.run(
        [sys.executable, "-m", "origin", "config", "check", "--config", bad],
        cwd=ROOT,
        env=environ | {"HEADGATE_ADMIN__PROT": "1"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"headgate: {bad}: HEADGATE_ADMIN__PROT: is not a setting (did you mean HEADGATE_ADMIN__PORT?)",
        f"headgate: {bad}: public.prot: is not a setting (did you mean port?)",
        f"headgate: {bad}: mount[0].edge.secrets[0]: should be 16 to 256 visible ASCII characters, without spaces",
        f'headgate: {bad}: mount[0].keys: names the key ring "none", which does not exist'
        " (add a table [keyrings.none])",
    ]


def test_check_says_that_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "check", "--config", SAMPLE]) == 0
    assert capsys.readouterr() == ("The configuration is valid.\n", "")


def test_check_answers_programs(bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "check", "--json", "--config", SAMPLE]) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "problems": []}
    assert run(["config", "check", "--json", "--config", bad]) == 2
    told = capsys.readouterr()
    answer = json.loads(told.out)
    assert told.err == ""
    assert answer["ok"] is False
    assert answer["problems"][0]["key"] == "public.prot"


def test_the_file_is_named_by_the_environment_or_found_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["config", "check"]) == 2
    (tmp_path / "headgate.toml").write_text(Path(SAMPLE).read_text())
    assert run(["config", "check"]) == 0
    monkeypatch.setenv("HEADGATE_CONFIG", bad)
    assert run(["config", "check"]) == 2


def test_show_gives_toml(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "show", "--config", SAMPLE]) == 0
    assert tomllib.loads(capsys.readouterr().out)["mount"][0]["prefix"] == "/vod"


def test_show_of_a_bad_file_is_its_problems(bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "show", "--config", bad]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "public.prot" in told.err


def test_schema_and_reference(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "schema"]) == 0
    assert "mount" in json.loads(capsys.readouterr().out)["properties"]
    assert run(["config", "reference"]) == 0
    assert "## `[[mount]]`" in capsys.readouterr().out


WRONG = (
    "true",
    "-1",
    "1.5",
    "inf",
    '"\\u0000"',
    '""',
    "[]",
    "[[]]",
    "{ a = 1 }",
    "[{ a = 1 }]",
    "1979-05-27",
    "00:00:01",
)
NEVER_RIGHT = "{ a = 1 }"


def with_value(path: str, value: str) -> str:
    """A configuration in which the declared key at `path` has this value and most else is missing."""
    for name in ("mount", "edge_purge"):
        if path.startswith(f"{name}{Shape.ARRAY_OF_TABLES.value}"):
            return f"[[{name}]]\n{path.removeprefix(f'{name}{Shape.ARRAY_OF_TABLES.value}')} = {value}\n"
    if path.startswith(f"keyrings{Shape.NAMED_TABLES.value}"):
        return f"[keyrings.main]\n{path.removeprefix(f'keyrings{Shape.NAMED_TABLES.value}')} = {value}\n"
    return f"{path.replace('.NAME.', '.main.')} = {value}\n"


@pytest.mark.parametrize("path", [key.path for key in declared_keys(Settings)])
def test_a_value_of_another_type_is_a_problem_of_its_key(
    path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "wrong.toml"
    path = path.replace("tokens.NAME", "tokens.jwt")
    shown = path.replace("[]", "[0]").replace(".NAME.", ".main.")
    for value in WRONG:
        file.write_text(with_value(path, value))
        assert run(["config", "check", "--config", str(file)]) == 2  # at least, nothing is mounted
        told = capsys.readouterr()
        assert told.out == ""
        assert all(line.startswith(f"headgate: {file}: ") for line in told.err.splitlines())
        is_named = any(line.startswith(f"headgate: {file}: {shown}") for line in told.err.splitlines())
        assert is_named or value != NEVER_RIGHT


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"public = 1", "public: should be a table"),
        (b"mount = 1", "mount: should be a list (write [[mount]], with two brackets)"),
        (b"[mount]", "mount: should be a list (write [[mount]], with two brackets)"),
        (b"[keyrings]\nmain = 1", "keyrings.main: should be a table"),
        (b"\xff = 1", "is not UTF-8 (byte 0)"),
        (b"[public", "is not TOML"),
        (b"a = 1\na = 2", "is not TOML"),
    ],
)
def test_what_is_no_configuration(
    content: bytes, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "wrong.toml"
    file.write_bytes(content)
    assert run(["config", "check", "--config", str(file)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert f"headgate: {file}: {says}" in told.err
