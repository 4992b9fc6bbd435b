"""`headgate sign`: a URL with a fresh token."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from typer import Argument, Option

from origin.cli.config import ConfigOption, JsonOption
from origin.cli.trouble import ExitCode, Trouble

if TYPE_CHECKING:
    from auth import Claims, PathScope, Signed, Transport
    from origin.cli.signing import SignedMount

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
    from ipaddress import ip_network

    from auth import Claims, Misuse, Transport
    from origin.cli.signing import signed_mount

    signed = signed_mount(url, config)
    now = time.time()
    try:
        asked = Claims(
            issuer=issuer,
            subject=subject,
            audience=tuple(audience or ()),
            expires=float(int(now) + duration(ttl)),
            scope=_scope(signed.path, signed.mount.prefix, exact, prefix, glob),
            methods=frozenset(method) if method else None,
            networks=tuple(ip_network(each) for each in network) if network else None,
            dialect=dialect or "",
        )
        wishes = list(_wishes(asked, signed, now, is_scope_asked=bool(exact or prefix or glob)))
        result = _issued(url, wishes, signed, now, Transport(transport))
    except (Misuse, ValueError) as error:
        raise Trouble(ExitCode.USAGE, str(error)) from None
    _show(result, asked.expires, as_json=as_json)


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


def _wishes(asked: Claims, signed: SignedMount, now: float, *, is_scope_asked: bool) -> Iterator[Claims]:
    """What the token should say, the most telling first; each also says all that was asked for on the command line."""
    import secrets

    from auth import PathScope

    told = replace(asked, issued_at=float(int(now)), token_id=secrets.token_urlsafe(9))
    mount = signed.mount
    yield replace(
        told,
        issuer=told.issuer or next(iter(mount.issuers), None),
        audience=told.audience or mount.audience[:1],
    )
    yield asked
    if not is_scope_asked:
        yield replace(asked, scope=PathScope.exact(signed.path))
        yield replace(asked, scope=None)


def _issued(url: str, wishes: list[Claims], signed: SignedMount, now: float, transport: Transport) -> Signed:
    """The first wish that the format can say; Misuse, about the first one, when there is none."""
    from auth import Gate, Misuse

    gate, first = Gate(signed.realm), None
    for claims in wishes:
        try:
            return gate.issue(url, claims, signed.rings, now, transport)
        except Misuse as error:
            first = first or error
    raise first or Misuse("nothing to sign")


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
