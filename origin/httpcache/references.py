"""URIs in a response that are about something else than what was asked for (RFC 9111 §4.4, RFC 9110 §8.7)."""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit

_LONGEST = 8192  # characters
_PORTS = {"http": 80, "https": 443}


def same_origin_target(target_uri: str, reference: str) -> str | None:
    """Where `reference` leads, in origin form ("/path?query"), or None when it leads to another origin.

    `target_uri` is what was requested: absolute, or in origin form itself, and then only relative references are
    of its origin. What is far too long or no URI leads nowhere.
    """
    if len(reference) > _LONGEST:
        return None
    try:
        base, found = urlsplit(target_uri), urlsplit(urljoin(target_uri, reference.strip(" \t")))
        if _origin(base) != _origin(found):
            return None
    except ValueError:
        return None
    return origin_form(found)


def origin_form(uri: SplitResult) -> str:
    """Path and query, as a request line has them."""
    path = uri.path or "/"
    return f"{path}?{uri.query}" if uri.query else path


def _origin(uri: SplitResult) -> tuple[str, str, int | None]:
    return uri.scheme, uri.hostname or "", uri.port or _PORTS.get(uri.scheme)
