"""`headgate verify`: would this URL be let in, and why not?"""

from __future__ import annotations

import json
import time
from typing import Annotated

from typer import Option

from origin.cli.config import ConfigOption, JsonOption
from origin.cli.sign import UrlArgument
from origin.cli.trouble import ExitCode, Trouble


def verify(
    url: UrlArgument,
    explain: Annotated[bool, Option("--explain", help="Show every check, not only the verdict.")] = False,
    method: Annotated[str, Option(help="Method of the request.")] = "GET",
    client: Annotated[str | None, Option(help="Client address of the request.")] = None,
    country: Annotated[str | None, Option(help="Country of the client (ISO 3166-1 alpha-2).")] = None,
    cookie: Annotated[list[str] | None, Option(help="A cookie of the request: NAME=VALUE.")] = None,
    header: Annotated[list[str] | None, Option(help='A header field of the request: "NAME: VALUE".')] = None,
    at: Annotated[float | None, Option(help="Judge at this time (Unix seconds) instead of now.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> ExitCode:
    """Verify a signed URL against the configuration. Exit code 0 when it is let in, 1 when it is not."""
    from ipaddress import ip_address
    from math import isfinite
    from urllib.parse import urlsplit

    from auth import Place, Request, Verdict
    from auth import explain as checks_of
    from origin.cli.signing import signed_mount

    signed = signed_mount(url, config)
    parts = urlsplit(url)
    try:
        address = ip_address(client) if client else None
    except ValueError:
        raise Trouble(ExitCode.USAGE, "--client is not an IP address") from None
    if at is not None and not isfinite(at):
        raise Trouble(ExitCode.USAGE, "--at is a number of seconds")
    request = Request(
        method,
        parts.scheme or "https",
        parts.netloc,
        parts.path,
        parts.query,
        headers=tuple((name.lower(), value.strip()) for name, value in _pairs(header, ":", "--header")),
        cookies=_pairs(cookie, "=", "--cookie"),
        client=address,
        place=Place(country=country.upper() if country else None),
    )
    checks = checks_of(request, signed.realm, signed.rings, time.time() if at is None else at)
    failed = [check for check in checks if check.verdict is Verdict.FAILED]
    if as_json:
        shown = [{"check": one.name, "verdict": one.verdict.value, "words": one.words} for one in checks]
        print(json.dumps({"ok": not failed, "checks": shown}))
    elif explain:
        for one in checks:
            print(f"{one.verdict.value:8}{one.name:12}{one.words}".rstrip())
    else:
        print("ok" if not failed else f"refused: {failed[0].words or failed[0].name}")
    return ExitCode.FAILED if failed else ExitCode.OK


def _pairs(given: list[str] | None, mark: str, option: str) -> tuple[tuple[str, str], ...]:
    pairs = [each.partition(mark) for each in given or ()]
    if not all(name and found for name, found, _ in pairs):
        raise Trouble(ExitCode.USAGE, f"{option} is NAME{mark}VALUE")
    return tuple((name, value) for name, _, value in pairs)
