"""How a token rides on a request: query, header, cookie, or the first path segment below the mount.

`/vod/token=<token>/film/index.m3u8`, for one, hands the token on to every relative URL of a playlist. What
is found is taken out, and what remains is the request that the rest of the gateway sees, byte for byte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote, unquote

from auth.encoding import percent_decode
from auth.errors import Denied, Misuse, Reason
from auth.request import Pairs, Request
from auth.secret import Token

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HEADER = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,64}")  # RFC 9110 §5.6.2, lower case
_AUTHORIZATION = "authorization"
_COOKIE_SAFE = "!#$&'()*+-./:<=>?@[]^_`{|}~"  # RFC 6265 §4.1.1, without "%", which is decoded
_BEARER = re.compile(r"bearer +(.*)", re.IGNORECASE | re.DOTALL)


class Transport(StrEnum):
    """Where a token may ride, in the order in which a request is searched."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"  # Authorization: Bearer (RFC 6750 §2.1), or a field of the dialect's own
    COOKIE = "cookie"


@dataclass(frozen=True, slots=True)
class Carriage:
    """The name a token goes by (query parameter, cookie, path segment) and the transports open to it.

    `header` is the lower-case name of the field that it rides in; in `authorization` it stands behind "Bearer".
    """

    name: str = "token"
    transports: frozenset[Transport] = frozenset(Transport)
    header: str = _AUTHORIZATION

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise Misuse("a carriage's name is 1 to 64 characters of A-Z a-z 0-9 _ -")
        if not self.transports:
            raise Misuse("a carriage needs a transport")
        if not _HEADER.fullmatch(self.header):
            raise Misuse("a carriage's header is a field name in lower case")

    def overlaps(self, other: Carriage) -> bool:
        """Whether one place of a request would be read by both."""
        shared = self.transports & other.transports
        is_named_alike = self.name == other.name and bool(shared - {Transport.HEADER})
        return is_named_alike or (Transport.HEADER in shared and self.header == other.header)


@dataclass(frozen=True, slots=True)
class Found:
    """A token as located, and the path and query without it.

    `parts` are the (name, value) pairs that make the token where they are several, values still encoded. `bound`
    holds what else a signature covers (a URL, an address). A dialect verifies from these values alone, so that what it
    once verified can be remembered by them.
    """

    token: Token
    transport: Transport
    path: str
    query: str
    bound: tuple[str, ...] = ()
    parts: Pairs = ()


@dataclass(frozen=True, slots=True)
class Signed:
    """What a client needs to be let in: a URL, and what else to send with it."""

    url: str
    cookies: Pairs = field(default=(), repr=False)
    headers: Pairs = field(default=(), repr=False)


def locate(request: Request, carriage: Carriage, mount: str) -> Found | None:
    """The one token of a request, or None.

    Denied(AMBIGUOUS) for two in one transport, and for different ones in path, query and header. Cookies are
    looked at last and only if nothing else carries a token: a browser sends old ones along unasked.
    """
    path_tokens, path = _take_from_path(request.path, carriage, mount)
    query_tokens, query = _take_from_query(request.query, carriage)
    explicit = (
        (Transport.PATH, _decoded(path_tokens)),
        (Transport.QUERY, _decoded(query_tokens)),
        (Transport.HEADER, _in_header(request, carriage)),
    )
    chosen: tuple[Transport, str] | None = None
    for transport, tokens in explicit:
        for token in tokens[:1]:
            if len(tokens) > 1 or (chosen is not None and chosen[1] != token):
                raise Denied(Reason.AMBIGUOUS, "more than one token")
            chosen = chosen or (transport, token)
    if chosen is None:
        cookies = _in_cookies(request, carriage)
        if len(cookies) > 1:
            raise Denied(Reason.AMBIGUOUS, "more than one cookie")
        if not cookies:
            return None
        chosen = (Transport.COOKIE, cookies[0])
    return Found(Token(chosen[1]), chosen[0], path, query)


def strip(path: str, query: str, carriage: Carriage, mount: str) -> tuple[str, str]:
    """Path and query without any token, everything else as it was."""
    return _take_from_path(path, carriage, mount)[1], _take_from_query(query, carriage)[1]


def issue(url: str, token: Token, carriage: Carriage, mount: str, transport: Transport) -> Signed:
    """What a client sends to be let in with `token`; Misuse as for `attach`."""
    match transport:
        case Transport.COOKIE if transport in carriage.transports:
            return Signed(url, cookies=((carriage.name, quote(token.reveal(), safe=_COOKIE_SAFE)),))
        case Transport.HEADER if transport in carriage.transports:
            scheme = "Bearer " if carriage.header == _AUTHORIZATION else ""
            return Signed(url, headers=((carriage.header, scheme + token.reveal()),))
        case _:
            return Signed(attach(url, token, carriage, mount, transport))


def attach(url: str, token: Token, carriage: Carriage, mount: str, transport: Transport = Transport.QUERY) -> str:
    """`url` (absolute, or an absolute path) carrying `token` in place of any that it carried.

    Its fragment stays. Misuse for a transport that is closed or not part of a URL, and for a path transport
    outside the mount.
    """
    if transport not in carriage.transports:
        raise Misuse(f"this realm does not take tokens by {transport}")
    before, hash_mark, fragment = url.partition("#")
    location, _, query = before.partition("?")
    origin, path = split_origin(location)
    path, query = strip(path, query, carriage, mount)
    pair = f"{carriage.name}={quote(token.reveal(), safe='')}"
    match transport:
        case Transport.QUERY:
            query = f"{query}&{pair}" if query else pair
        case Transport.PATH:
            base = mount.rstrip("/") + "/"
            if not path.startswith(base):
                raise Misuse("the URL is not below the mount")
            path = f"{base}{pair}/{path.removeprefix(base)}"
        case Transport.HEADER | Transport.COOKIE:
            raise Misuse(f"a URL carries no {transport}")
    return origin + path + ("?" + query if query else "") + hash_mark + fragment


def split_origin(location: str) -> tuple[str, str]:
    """What stands before the path of a URL, and the rest; Misuse for a URL without a path."""
    if location.startswith("/") and not location.startswith("//"):
        return "", location
    scheme, separator, rest = location.partition("//")
    authority, slash, path = rest.partition("/")
    if not separator or not slash:
        raise Misuse("the URL has no path")
    return f"{scheme}//{authority}", "/" + path


def _take_from_path(path: str, carriage: Carriage, mount: str) -> tuple[list[str], str]:
    """The tokens, still encoded, of the first segments below the mount, and the path without them."""
    if Transport.PATH not in carriage.transports:
        return [], path
    base = mount.rstrip("/") + "/"
    mark = base + carriage.name + "="
    found = []
    while path.startswith(mark):
        token, _, rest = path.removeprefix(mark).partition("/")
        found.append(token)
        path = base + rest
    return found, path


def _take_from_query(query: str, carriage: Carriage) -> tuple[list[str], str]:
    """The tokens, still encoded, and the query without them.

    A parameter's name is compared decoded, so that a second token cannot hide behind an escape.
    """
    if Transport.QUERY not in carriage.transports:
        return [], query
    found, kept = [], []
    for piece in query.split("&"):
        name, _, value = piece.partition("=")
        if name == carriage.name or ("%" in name and unquote(name) == carriage.name):
            found.append(value)
        else:
            kept.append(piece)
    return found, "&".join(kept)


def _in_header(request: Request, carriage: Carriage) -> list[str]:
    """Credentials of other schemes are not ours to judge."""
    if Transport.HEADER not in carriage.transports:
        return []
    fields = request.fields(carriage.header)
    if carriage.header != _AUTHORIZATION:
        return [value.strip(" \t") for value in fields]
    return [match[1].rstrip(" ") for value in fields if (match := _BEARER.fullmatch(value))]


def _in_cookies(request: Request, carriage: Carriage) -> list[str]:
    if Transport.COOKIE not in carriage.transports:
        return []
    return _decoded([value for name, value in request.cookies if name == carriage.name])


def _decoded(values: list[str]) -> list[str]:
    try:
        return [percent_decode(value) for value in values]
    except (UnicodeError, ValueError):
        raise Denied(Reason.MALFORMED, "the token's percent-encoding is broken") from None
