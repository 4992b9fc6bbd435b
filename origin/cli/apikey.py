"""`headgate apikey`: make a key of the control API."""

from __future__ import annotations

import json
import re
from typing import Annotated

from typer import Argument, Option

from origin.cli.config import JsonOption
from origin.cli.trouble import ExitCode, Trouble

_NAME = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*")


def apikey(
    name: Annotated[str, Argument(help="Whose key it is: a word in lower case.")],
    permission: Annotated[
        list[str] | None, Option(help="What it may do: sign, verify, revoke, purge; without it sign and verify.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key of the control API. It is shown once, here; the configuration holds its hash."""
    from origin.control.api_keys import Permission, new_api_key

    word, digest = new_api_key()
    permissions = list(permission or ("sign", "verify"))
    if unknown := set(permissions) - set(Permission):
        raise Trouble(ExitCode.USAGE, f"no such permission: {', '.join(sorted(unknown))}")
    if not _NAME.fullmatch(name):
        raise Trouble(ExitCode.USAGE, "a name is letters and digits in lower case, with _ or - between them")
    if as_json:
        print(json.dumps({"key": word, "sha256": digest, "permissions": permissions}))
        return
    print(f"{word}\n\n# for headgate.toml\n[admin.api_keys.{name}]")
    print(f'sha256 = "{digest}"\npermissions = {json.dumps(permissions)}')
