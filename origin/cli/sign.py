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
    from auth import PathScope

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
    transport: Annotated[Literal["query", "path"], Option(help="Where the token goes.")] = "query",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign a URL. Without --prefix, --exact or --glob the token covers the directory that the URL is in."""
    import secrets
    from ipaddress import ip_network

    from auth import Claims, Gate, Misuse, Transport
    from origin.cli.signing import signed_mount

    signed = signed_mount(url, config)
    now = time.time()
    try:
        claims = Claims(
            issuer=issuer or next(iter(signed.mount.issuers), None),
            subject=subject,
            audience=tuple(audience or signed.mount.audience[:1]),
            issued_at=float(int(now)),
            expires=float(int(now) + duration(ttl)),
            token_id=secrets.token_urlsafe(9),
            scope=_scope(signed.path, signed.mount.prefix, exact, prefix, glob),
            methods=frozenset(method) if method else None,
            networks=tuple(ip_network(each) for each in network) if network else None,
        )
        result = Gate(signed.realm).sign(url, claims, signed.rings, now, Transport(transport))
    except (Misuse, ValueError) as error:
        raise Trouble(ExitCode.USAGE, str(error)) from None
    print(json.dumps({"url": result, "expires_at": claims.expires}) if as_json else result)


def _scope(
    path: str, mount: str, exact: list[str] | None, prefix: list[str] | None, glob: list[str] | None
) -> PathScope:
    """What the token shall cover; Misuse when `path` is not among it or cannot be covered."""
    from auth import Misuse, PathScope
    from auth.scope import normalise

    given = (
        *(PathScope.exact(*exact).rules if exact else ()),
        *(PathScope.prefix(*prefix).rules if prefix else ()),
        *(PathScope.glob(*glob).rules if glob else ()),
    )
    directory = path.rpartition("/")[0] + "/"
    if not given and not directory.startswith(f"{mount.rstrip('/')}/"):
        raise Misuse(f"{mount} is the mount itself; sign the URL of something below it")
    scope = PathScope(given) if given else PathScope.prefix(directory)
    if not scope.covers(normalise(path)):
        raise Misuse("the token would not cover the URL itself")
    return scope


def duration(text: str) -> int:
    """Seconds; ValueError for anything else than a number with an optional unit."""
    found = _DURATION.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise ValueError("a lifetime is a number of seconds, or a number with s, m, h or d")
    return int(found[1]) * _UNITS[found[2]]
