"""`headgate keys`: make, rotate, move and list signing keys. What is secret comes from files, and goes nowhere else."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from origin.cli.config import JsonOption
from origin.cli.trouble import ExitCode, Trouble

if TYPE_CHECKING:
    from auth import Algorithm, Key, KeyRing

_DAY = 86_400.0

FileArgument = Annotated[Path, Argument(help="Key file (a private JWK Set).")]
AlgorithmOption = Annotated[
    str | None, Option("--algorithm", "--alg", help="HS256, RS256, ES256, EdDSA, shared-secret, A128GCM or a sibling.")
]
KidOption = Annotated[str | None, Option(help="Key id; else its thumbprint (RFC 7638).")]


def new(
    file: FileArgument,
    algorithm: AlgorithmOption = "HS256",
    kid: KidOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a new key to a key file, which is made when it does not exist; the newest key signs."""
    from origin.keystore.file import add_key
    from origin.keystore.generate import new_key

    chosen = _algorithm(algorithm or "HS256")
    with _told():
        key = new_key(chosen, kid, not_before=_now())
        add_key(file, key)
    shown = {"kid": key.id, "alg": key.algorithm.value, "file": str(file)}
    print(json.dumps(shown) if as_json else f"{key.id}  {key.algorithm.value}  added to {file}")


def list_keys(file: FileArgument, as_json: JsonOption = False) -> None:
    """List the keys of a file: id, algorithm, state, and when each is in force and signs. Never a secret."""
    ring, now = _read(file), time.time()
    signer = ring.signer(now)
    if as_json:
        print(json.dumps([_row(key, signer, now) for key in ring.keys]))
        return
    for key in ring.keys:
        state = key.state(now).value + (", signs" if key is signer else "" if key.signing else ", verifies only")
        in_force = _span("in force", key.not_before, key.not_after)
        print(f"{key.id}  {key.algorithm.value}  {state}{in_force}{_span('signs', key.sign_from, key.sign_until)}")


def rotate(
    file: FileArgument,
    algorithm: AlgorithmOption = None,
    kid: KidOption = None,
    lead: Annotated[float, Option(min=0, help="Seconds until it signs: for every node to learn of it.")] = 60.0,
    overlap: Annotated[float, Option(min=1, help="Seconds that old keys verify after that: a token's life.")] = _DAY,
    as_json: JsonOption = False,
) -> None:
    """Add a new key that takes over: it verifies at once and signs after the lead; the old ones verify a while longer.

    Without `--algorithm` it has that of the key that signs now. Keys that were retired a day ago are dropped.
    """
    from auth.rotation import pruned
    from auth.rotation import rotate as rotated
    from origin.keystore.generate import new_key

    now = _now()
    chosen = None if algorithm is None else _algorithm(algorithm)

    def change(ring: KeyRing) -> KeyRing:
        signer = ring.signer(now)
        wanted = chosen or (signer.algorithm if signer else None)
        if wanted is None:
            raise Trouble(ExitCode.USAGE, f"{file}: no key signs now, so say with --algorithm what the new one is")
        key = new_key(wanted, kid, not_before=now)
        return rotated(pruned(ring, now - _DAY), key, now, lead, overlap)

    ring = _change(file, change)
    key = ring.keys[-1]
    if as_json:
        rows = [_row(each, ring.signer(now), now) for each in ring.keys]
        print(json.dumps({"file": str(file), "kid": key.id, "keys": rows}))
        return
    print(f"{key.id}  {key.algorithm.value}  added to {file}, signs from {_instant(key.sign_from)}")
    for old in ring.keys[:-1]:
        if old.sign_until is not None and old.not_after is not None and old.not_after > now:
            print(f"{old.id}  signs until {_instant(old.sign_until)}, verifies until {_instant(old.not_after)}")


def retire(
    file: FileArgument,
    kid: Annotated[str, Argument(help="Id of the key.")],
    as_json: JsonOption = False,
) -> None:
    """Take a key out of force at once: what it has signed is refused from now on."""
    from auth.rotation import retire as retired

    now = _now()
    ring = _change(file, lambda old: retired(old, kid, now))
    signer = ring.signer(now)
    if as_json:
        print(json.dumps({"file": str(file), "kid": kid, "signer": signer.id if signer else None}))
        return
    print(f"{kid}  retired in {file}; " + (f"{signer.id} signs" if signer else "no key signs now"))


def import_keys(
    file: FileArgument,
    source: Annotated[str, Argument(help="File to read, or - for standard input.")] = "-",
    form: Annotated[
        str, Option("--format", help="pem, jwk, or for secrets text, hex, base64, base64url; auto knows pem and jwk.")
    ] = "auto",
    algorithm: AlgorithmOption = None,
    kid: KidOption = None,
    verify_only: Annotated[bool, Option("--verify-only", help="Never sign with it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Add keys that were made elsewhere: RSA, EC or Ed25519 as PEM, a JWK or a JWK Set, or a secret.

    What is secret is read from a file or standard input, for other users see a command line.
    """
    from auth import KeyRing
    from auth.jwk import MAX_SET_BYTES
    from origin.keystore.file import change_ring
    from origin.keystore.foreign import Form, form_of, read_keys

    chosen = None if algorithm is None else _algorithm(algorithm)
    data = _input(source, MAX_SET_BYTES + 1)
    try:
        known = form_of(data) if form == "auto" else Form(form)
    except ValueError:
        raise Trouble(ExitCode.USAGE, f"no such format; there are: auto, {', '.join(Form)}") from None
    if known is None:
        raise Trouble(ExitCode.USAGE, "neither PEM nor JWK: say with --format how the secret is written")
    with _told():
        keys = [replace(key, verify_only=verify_only or key.verify_only) for key in read_keys(data, known, chosen, kid)]
        change_ring(file, lambda ring: KeyRing((*ring.keys, *keys)), may_be_new=True)
    if as_json:
        print(json.dumps({"file": str(file), "keys": [{"kid": key.id, "alg": key.algorithm.value} for key in keys]}))
        return
    for key in keys:
        print(f"{key.id}  {key.algorithm.value}  added to {file}")


def export(
    file: FileArgument,
    as_jwks: Annotated[bool, Option("--jwks", help="As a JWK Set (RFC 7517), which is the only form.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Print the public keys of a file that verify now or later, for those who check its tokens. Never a secret."""
    del as_jwks, as_json  # there is one form, and it is JSON
    from auth import public_jwks
    from auth.rotation import pruned

    print(json.dumps(public_jwks(pruned(_read(file), time.time())), indent=2))


def _now() -> float:
    return float(int(time.time()))


def _algorithm(name: str) -> Algorithm:
    from auth import Algorithm

    try:
        return Algorithm(name)
    except ValueError:
        known = ", ".join(each.value for each in Algorithm)
        raise Trouble(ExitCode.USAGE, f"no such algorithm; there are: {known}") from None


def _row(key: Key, signer: Key | None, now: float) -> dict[str, object]:
    return {
        "kid": key.id,
        "alg": key.algorithm.value,
        "use": key.use.value,
        "state": key.state(now).value,
        "can_sign": key.signing is not None,
        "in_force": key.is_in_force(now),
        "signs_now": key is signer,
        "not_before": key.not_before,
        "not_after": key.not_after,
        "sign_from": key.sign_from,
        "sign_until": key.sign_until,
    }


def _span(what: str, begin: float | None, end: float | None) -> str:
    return "" if begin is None and end is None else f"  {what} {_instant(begin)}/{_instant(end)}"


def _instant(seconds: float | None) -> str:
    """A time as RFC 3339 writes it; `..` for an open side, as in ISO 8601-2."""
    if seconds is None:
        return ".."
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.0f}"


def _input(source: str, at_most: int) -> bytes:
    try:
        if source == "-":
            return sys.stdin.buffer.read(at_most)
        with Path(source).open("rb") as file:
            return file.read(at_most)
    except OSError as error:
        raise Trouble(ExitCode.USAGE, f"{source}: cannot be read ({error.strerror})") from None


def _read(file: Path) -> KeyRing:
    from origin.keystore.file import read_ring

    with _told():
        return read_ring(file)[0]


def _change(file: Path, change: Callable[[KeyRing], KeyRing]) -> KeyRing:
    from origin.keystore.file import change_ring

    with _told():
        return change_ring(file, change)


@contextmanager
def _told() -> Iterator[None]:
    """What a key or its file does not allow ends the command in one line."""
    from auth import Misuse
    from origin.keystore.fault import KeystoreError

    try:
        yield
    except (KeystoreError, Misuse) as error:
        raise Trouble(ExitCode.USAGE, str(error)) from None
