"""Where a redirection leads, and whether we follow it (RFC 9110 §15.4). Pure."""

from __future__ import annotations

from urllib.parse import urljoin

from origin.http.fields import Fields, values_of
from origin.upstream.http_config import Base, parse_base
from origin.upstream.origin_server import Trouble, UpstreamError
from origin.upstream.target import check_target

_REDIRECTIONS = frozenset({301, 302, 303, 307, 308})


def followed(status: int, fields: Fields, base: Base, target: str, allowed: frozenset[str]) -> tuple[Base, str] | None:
    """The base, and the target below it, that an answer for `base` and `target` sends us to; None: it is an answer.

    Raises `UpstreamError` (BAD_REDIRECT) for a place whose origin is not in `allowed`, or that is none.
    """
    locations = values_of(fields, "location")
    if status not in _REDIRECTIONS or not locations:
        return None
    if len(set(locations)) > 1:
        raise UpstreamError(Trouble.BAD_REDIRECT, "several locations")
    if not locations[0].isascii() or not locations[0].isprintable():
        raise UpstreamError(Trouble.BAD_REDIRECT, "to what is no place")  # urljoin would leave such characters out
    try:
        url = urljoin(f"{base.origin}{base.path}{target}", locations[0]).partition("#")[0]
        scheme, _, rest = url.partition("://")
        authority, slash, path = rest.partition("/")
        if not slash:  # "https://a.example?b"
            authority, mark, query = authority.partition("?")
            path = f"{mark}{query}"
        place = parse_base(f"{scheme.lower()}://{authority}")
        check_target(f"/{path}")
    except (ValueError, UpstreamError):
        raise UpstreamError(Trouble.BAD_REDIRECT, "to what is no place") from None
    if place.origin not in allowed:
        raise UpstreamError(Trouble.BAD_REDIRECT, "to an origin that is not allowed")
    return place, f"/{path}"
