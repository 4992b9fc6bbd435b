"""`headgate keys`."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from auth import Algorithm, Key, Secret
from auth.algorithms import Family, family
from origin.keystore.file import read_ring
from origin.keystore.generate import new_key
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
    signs = "" if family(algorithm) is Family.AES else ", signs"
    assert listed.out.startswith(f"mine  {algorithm}  active{signs}  in force 2")
    assert listed.out.endswith("Z/..\n")
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
        "first  HS256  active, signs",
        "ended  HS256  retired  in force ../1970-01-01T00:00:01Z",
        "checks  HS256  active, verifies only",
    ]


def rows(console: Console) -> dict[str, dict[str, object]]:
    return {row["kid"]: row for row in json.loads(console("keys", "list", "keys.json", "--json").out)}


def test_a_key_is_rotated_and_retired(site: Path, console: Console) -> None:
    del site
    begun = int(time.time())
    said = console("keys", "rotate", "keys.json", "--kid", "second", "--lead", "100", "--overlap", "1000")
    assert said.code == 0
    added, ending = said.out.splitlines()
    assert added.startswith("second  HS256  added to keys.json, signs from 2")
    assert ending.startswith("first  signs until 2")
    listed = rows(console)
    assert {kid: row["state"] for kid, row in listed.items()} == {"first": "active", "second": "next"}
    assert listed["first"]["signs_now"]
    change = listed["second"]["sign_from"]
    assert isinstance(change, float)
    assert begun + 100 <= change <= time.time() + 100
    assert (listed["first"]["sign_until"], listed["first"]["not_after"]) == (change, change + 1000)
    assert console("keys", "retire", "keys.json", "second").out == "second  retired in keys.json; first signs\n"
    assert rows(console)["second"]["state"] == "retired"
    answer = json.loads(console("keys", "retire", "keys.json", "first", "--json").out)
    assert answer == {"file": "keys.json", "kid": "first", "signer": None}
    said = console("keys", "rotate", "keys.json")
    assert (said.code, said.out) == (2, "")
    assert "no key signs now" in said.err
    answer = json.loads(console("keys", "rotate", "keys.json", "--alg", "ES256", "--json").out)
    assert rows(console)[answer["kid"]]["signs_now"]
    assert [row["kid"] for row in answer["keys"]] == ["first", "second", answer["kid"]]


def test_keys_that_ended_long_ago_are_dropped_by_a_rotation(site: Path, console: Console) -> None:
    jwks = json.loads((site / "keys.json").read_text())
    jwks["keys"].append(jwks["keys"][0] | {"kid": "ended", "exp": 1})
    jwks["keys"].append(jwks["keys"][0] | {"kid": "just", "exp": time.time() - 60})
    (site / "keys.json").write_text(json.dumps(jwks))
    assert console("keys", "rotate", "keys.json", "--kid", "new").code == 0
    assert [*rows(console)] == ["first", "just", "new"]


def pem(algorithm: Algorithm, *, public: bool = False) -> bytes:
    key = new_key(algorithm).material
    assert isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey)
    if public:
        return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("algorithm", [Algorithm.RS256, Algorithm.PS384, Algorithm.ES256, Algorithm.EDDSA])
@pytest.mark.parametrize("public", [False, True], ids=["private", "public"])
def test_pem_is_imported_and_what_is_public_exported(
    site: Path, console: Console, algorithm: Algorithm, public: bool
) -> None:
    (site / "a.pem").write_bytes(pem(algorithm, public=public))
    said = console("keys", "import", "keys.json", "a.pem", "--kid", "a", "--alg", algorithm)
    assert (said.code, said.out) == (0, f"a  {algorithm}  added to keys.json\n")
    assert rows(console)["a"]["can_sign"] is not public
    exported = console("keys", "export", "keys.json", "--jwks")
    (jwk,) = json.loads(exported.out)["keys"]
    assert (jwk["kid"], jwk["alg"]) == ("a", algorithm)
    assert not any(secret in exported.out for secret in secrets_in(site / "keys.json"))


def test_a_retired_key_is_not_exported(site: Path, console: Console) -> None:
    del site
    for kid in ("a", "b"):
        console("keys", "new", "keys.json", "--kid", kid, "--algorithm", "ES256")
    console("keys", "retire", "keys.json", "a")
    assert [jwk["kid"] for jwk in json.loads(console("keys", "export", "keys.json", "--json").out)["keys"]] == ["b"]


def test_a_secret_comes_from_standard_input(site: Path) -> None:
    command = [*HEADGATE, "keys", "import", "keys.json", "-", "--format", "hex", "--alg", "shared-secret"]
    done = subprocess.run(
        [*command, "--kid", "cdn", "--json"],
        cwd=site,
        env=environment(),
        input=b"ab" * 16 + b"\n",
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    assert json.loads(done.stdout) == {"file": "keys.json", "keys": [{"kid": "cdn", "alg": "shared-secret"}]}
    assert read_ring(site / "keys.json")[0].keys[1].material == Secret(b"\xab" * 16)


def test_an_imported_key_can_be_kept_from_signing(site: Path, console: Console) -> None:
    (site / "a").write_bytes(b"sixteen-letters!")
    options = ("--format", "text", "--kid", "a", "--alg", "A128GCM")
    assert console("keys", "import", "keys.json", "a", *options, "--verify-only").code == 0
    assert rows(console)["a"] | {"can_sign": False, "use": "enc"} == rows(console)["a"]


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
        (["rotate", "nothing.json"], "nothing.json: does not exist"),
        (["rotate", "keys.json", "--kid", "first"], "the same id"),
        (["rotate", "keys.json", "--alg", "none"], "no such algorithm"),
        (["rotate", "keys.json", "--lead", "-1"], "--lead"),
        (["rotate", "keys.json", "--overlap", "0"], "--overlap"),
        (["retire", "keys.json", "none"], "no key of that id"),
        (["import", "keys.json", "nothing.pem"], "nothing.pem: cannot be read (No such file or directory)"),
        (["import", "keys.json", "broken.json"], "say with --format"),
        (["import", "keys.json", "broken.json", "--format", "der"], "no such format; there are: auto, pem, jwk, text"),
        (["import", "keys.json", "broken.json", "--format", "text"], "an algorithm and a key id"),
        (["import", "keys.json", "broken.json", "--format", "jwk"], "not a JSON Web Key"),
        (["import", "keys.json", "keys.json"], "the same id"),
        (["export", "nothing.json", "--jwks"], "nothing.json: does not exist"),
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
