"""`headgate sign`: a URL with a fresh token."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Annotated, Literal

from typer import Argument, Option

from origin.cli.config import ConfigOption, JsonOption
from origin.cli.trouble import ExitCode, Trouble

if TYPE_CHECKING:
    from auth import Signed

_DURATION = re.compile(r"([0-9]{1,9})([smhd]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}

UrlArgument = Annotated[str, Argument(help="Absolute URL, or a path such as /vod/film/index.m3u8.")]


def sign(
    url: UrlArgument,
    ttl: Annotated[str, Option(help="Lifetime: seconds, or 15m, 4h, 2d.")] = "1h",
    prefix: Annotated[list[str] | None, Option(help="Cover this path and everything below it.")] = None,
    exact: Annotated[list[str] | None, Option(help="Cover exactly this path.")] = None,
    glob: Annotated[
        list[str] | None, Option(help="Cover what this pattern matches (* in a segment, ** across).")
    ] = None,
    subject: Annotated[str | None, Option(help="Who the token is for (sub).")] = None,
    audience: Annotated[list[str] | None, Option(help="Whom it is shown to (aud).")] = None,
    issuer: Annotated[str | None, Option(help="Who issues it (iss).")] = None,
    network: Annotated[list[str] | None, Option(help="Client networks it is good for (CIDR).")] = None,
    method: Annotated[list[str] | None, Option(help="Methods it is good for.")] = None,
    dialect: Annotated[str | None, Option(help="Token format; without it the mount's first.")] = None,
    transport: Annotated[Literal["query", "path", "cookie", "header"], Option(help="Where the token goes.")] = "query",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign a URL. Without --prefix, --exact or --glob the token covers the directory that the URL is in.

    A format that cannot say as much covers the URL alone. Cookies and header fields are printed below the URL.
    """
    import secrets
    from ipaddress import ip_network

    from auth import Claims, Customs, Misuse, PathScope, Transport, Wish, fulfil
    from auth.gate import Gate
    from origin.cli.signing import signed_mount

    signed = signed_mount(url, config)
    now = time.time()
    try:
        rules = (
            *(PathScope.exact(*exact).rules if exact else ()),
            *(PathScope.prefix(*prefix).rules if prefix else ()),
            *(PathScope.glob(*glob).rules if glob else ()),
        )
        claims = Claims(
            issuer=issuer,
            subject=subject,
            audience=tuple(audience or ()),
            expires=float(int(now) + duration(ttl)),
            scope=PathScope(rules) if rules else None,
            methods=frozenset(method) if method else None,
            networks=tuple(ip_network(each) for each in network) if network else None,
            dialect=dialect or "",
        )
        mount = signed.mount
        customs = Customs(secrets.token_urlsafe(9), next(iter(mount.issuers), None), mount.audience[:1])
        result = fulfil(Gate(signed.realm), Wish(url, claims, Transport(transport)), customs, signed.rings, now)
    except (Misuse, ValueError) as error:
        raise Trouble(ExitCode.USAGE, str(error)) from None
    _show(result, claims.expires, as_json=as_json)


def _show(result: Signed, expires: float | None, *, as_json: bool) -> None:
    if as_json:
        more = {"cookies": dict(result.cookies), "headers": dict(result.headers)}
        print(json.dumps({"url": result.url, "expires_at": expires} | {name: one for name, one in more.items() if one}))
        return
    print(result.url)
    if result.cookies:
        print("Cookie: " + "; ".join(f"{name}={value}" for name, value in result.cookies))
    for name, value in result.headers:
        print(f"{name}: {value}")


def duration(text: str) -> int:
    """Seconds; ValueError for anything else than a number with an optional unit."""
    found = _DURATION.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise ValueError("a lifetime is a number of seconds, or a number with s, m, h or d")
    return int(found[1]) * _UNITS[found[2]]
