"""`headgate purge`: take things out of the caches of a running fleet."""

from __future__ import annotations

import json
from typing import Annotated

from typer import Argument, Option

from origin.cli.config import JsonOption
from origin.cli.control_api import (
    DEFAULT_API,
    DEFAULT_KEY_VARIABLE,
    ApiOption,
    KeyFileOption,
    KeyVariableOption,
    api_key,
    call,
)
from origin.cli.trouble import ExitCode, Trouble

_FLEET = {
    "announced": "in the whole fleet",
    "pending": "on one node; the others will be told when Redis is there again",
    "single": "on the one node there is",
}


def purge(
    urls: Annotated[
        list[str] | None, Argument(metavar="[URL]...", help="URLs or paths; without a query, whatever the query.")
    ] = None,
    prefix: Annotated[
        list[str] | None, Option(help='A path and all below it; with a "*" at its end, all that begins so.')
    ] = None,
    tag: Annotated[list[str] | None, Option(help="All that carry this tag.")] = None,
    hard: Annotated[bool, Option("--hard", help="Never serve it again, not even stale.")] = False,
    api: ApiOption = DEFAULT_API,
    key_env: KeyVariableOption = DEFAULT_KEY_VARIABLE,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Purge from the cache. What is purged becomes stale; with --hard it is gone."""
    if not (urls or prefix or tag):
        raise Trouble(ExitCode.USAGE, "say what to purge: a URL, --prefix or --tag")
    wanted = {
        "urls": urls or [],
        "prefixes": prefix or [],
        "tags": tag or [],
        "mode": "hard" if hard else "soft",
    }
    receipt = call(api, api_key(key_env, key_file), "/api/v1/purge", wanted)
    if as_json:
        print(json.dumps(receipt))
        return
    where = _FLEET.get(str(receipt.get("fleet")), "there")
    print(f"purged {where} (items: {receipt.get('applied')}, id: {receipt.get('id')})")
