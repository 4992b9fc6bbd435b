"""`headgate keys`: make and list signing keys."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from origin.cli.config import JsonOption
from origin.cli.trouble import ExitCode, Trouble

if TYPE_CHECKING:
    from auth import KeyRing

FileArgument = Annotated[Path, Argument(help="Key file (a private JWK Set).")]


def new(
    file: FileArgument,
    algorithm: Annotated[str, Option(help="HS256, RS256, ES256, EdDSA or another of their families.")] = "HS256",
    kid: Annotated[str | None, Option(help="Key id; else its thumbprint (RFC 7638).")] = None,
    as_json: JsonOption = False,
) -> None:
    """Add a new key to a key file, which is made when it does not exist; the newest key signs."""
    from auth import Algorithm, Misuse
    from origin.keystore.file import KeystoreError, add_key
    from origin.keystore.generate import new_key

    try:
        chosen = Algorithm(algorithm)
    except ValueError:
        known = ", ".join(each.value for each in Algorithm)
        raise Trouble(ExitCode.USAGE, f"no such algorithm; there are: {known}") from None
    try:
        key = new_key(chosen, kid, not_before=float(int(time.time())))
        add_key(file, key)
    except (KeystoreError, Misuse) as error:
        raise Trouble(ExitCode.USAGE, str(error)) from None
    shown = {"kid": key.id, "alg": key.algorithm.value, "file": str(file)}
    print(json.dumps(shown) if as_json else f"{key.id}  {key.algorithm.value}  added to {file}")


def list_keys(file: FileArgument, as_json: JsonOption = False) -> None:
    """List the keys of a file: id, algorithm, whether it can sign, and when it is in force. Never a secret."""
    ring = _read(file)
    now = time.time()
    signer = ring.signer(now)
    rows = [
        {
            "kid": key.id,
            "alg": key.algorithm.value,
            "can_sign": key.signing is not None,
            "in_force": key.is_in_force(now),
            "signs_now": key is signer,
            "not_before": key.not_before,
            "not_after": key.not_after,
        }
        for key in ring.keys
    ]
    if as_json:
        print(json.dumps(rows))
        return
    for row in rows:
        state = "signs" if row["signs_now"] else "verifies" if row["in_force"] else "not in force"
        print(f"{row['kid']}  {row['alg']}  {state}")


def _read(file: Path) -> KeyRing:
    from origin.keystore.file import KeystoreError, read_ring

    try:
        return read_ring(file)[0]
    except KeystoreError as error:
        raise Trouble(ExitCode.USAGE, str(error)) from None
