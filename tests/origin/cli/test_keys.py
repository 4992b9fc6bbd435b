"""`headgate keys`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from auth import Algorithm, Key
from origin.keystore.file import read_ring
from tests.origin.cli.conftest import Console
from tests.system.processes import HEADGATE, environment


def secrets_in(file: Path) -> list[str]:
    """The private members of every key in a file."""
    private = {"k", "d", "p", "q", "dp", "dq", "qi"}
    return [jwk[name] for jwk in json.loads(file.read_text())["keys"] for name in private & set(jwk)]


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_new_key_is_made_and_listed_and_never_shown(site: Path, console: Console, algorithm: Algorithm) -> None:
    said = console("keys", "new", "new.json", "--algorithm", algorithm, "--kid", "mine")
    assert said.code == 0
    assert said.out == f"mine  {algorithm}  added to new.json\n"
    listed = console("keys", "list", "new.json")
    assert listed.out == f"mine  {algorithm}  signs\n"
    shown = said.out + listed.out + console("keys", "list", "new.json", "--json").out
    hidden = secrets_in(site / "new.json")
    assert hidden
    assert not any(secret in shown for secret in hidden)


def test_old_keys_stay_and_the_newest_signs(site: Path, console: Console) -> None:
    before = secrets_in(site / "keys.json")
    answer = json.loads(console("keys", "new", "keys.json", "--algorithm", "EdDSA", "--json").out)
    assert answer["alg"] == "EdDSA"
    assert answer["file"] == "keys.json"
    rows = json.loads(console("keys", "list", "keys.json", "--json").out)
    assert [row["kid"] for row in rows] == ["first", answer["kid"]]
    assert [row["signs_now"] for row in rows] == [False, True]
    assert set(before) < set(secrets_in(site / "keys.json"))


def test_a_key_that_does_not_sign_is_listed_as_what_it_is(site: Path, console: Console) -> None:
    ring = read_ring(site / "keys.json")[0]
    assert isinstance(ring.keys[0], Key)
    jwks = json.loads((site / "keys.json").read_text())
    jwks["keys"].append(jwks["keys"][0] | {"kid": "ended", "exp": 1})
    jwks["keys"].append(jwks["keys"][0] | {"kid": "checks", "key_ops": ["verify"]})
    (site / "keys.json").write_text(json.dumps(jwks))
    assert console("keys", "list", "keys.json").out.splitlines() == [
        "first  HS256  signs",
        "ended  HS256  not in force",
        "checks  HS256  verifies",
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["new", "keys.json", "--algorithm", "none"], "no such algorithm; there are: HS256, "),
        (["new", "keys.json", "--kid", "two words"], "a key id is 1 to 128 characters"),
        (["new", "keys.json", "--kid", ""], "a key id is 1 to 128 characters"),
        (["new", "keys.json", "--kid", "first"], "the same id"),
        (["new", "nowhere/keys.json"], "nowhere/keys.json: cannot be written (No such file or directory)"),
        (["new", "headgate.toml"], "headgate.toml: is open to others"),
        (["new", "media"], "media: cannot be read (Is a directory)"),
        (["new", "/"], "/: cannot be read (Is a directory)"),
        (["new", "keys.json/x"], "cannot be written (Not a directory)"),
        (["new"], "Missing argument"),
        (["list", "nothing.json"], "nothing.json: does not exist"),
        (["list", "broken.json"], "broken.json: a key set is a JSON object"),
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(
    site: Path, console: Console, arguments: list[str], says: str
) -> None:
    (site / "broken.json").touch(0o600)
    before = sorted(site.iterdir()), (site / "keys.json").read_bytes(), (site / "headgate.toml").read_bytes()
    said = console("keys", *arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert says in said.err
    assert (sorted(site.iterdir()), (site / "keys.json").read_bytes(), (site / "headgate.toml").read_bytes()) == before


def test_programs_that_add_keys_at_once_lose_none(site: Path) -> None:
    running = [
        subprocess.Popen(
            [*HEADGATE, "keys", "new", "keys.json", "--kid", f"k{number}"],
            cwd=site,
            env=environment(),
            stdout=subprocess.DEVNULL,
        )
        for number in range(6)
    ]
    assert [process.wait(60) for process in running] == [0] * 6
    assert {key.id for key in read_ring(site / "keys.json")[0].keys} == {"first", *(f"k{n}" for n in range(6))}
