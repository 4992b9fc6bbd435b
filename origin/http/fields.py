"""Header fields as they travel: an ordered tuple, names as sent, repeated fields repeated."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from origin.http.reply import Header

Fields = tuple[Header, ...]

# What belongs to one connection and goes no further (RFC 9110 §7.6.1), whether Connection names it or not.
HOP_BY_HOP = frozenset(
    {
        "connection",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def values_of(fields: Iterable[Header], name: str) -> list[str]:
    """The values of every field called `name` (any case), in order."""
    wanted = name.lower()
    return [value for known, value in fields if known.lower() == wanted]


def combined(fields: Iterable[Header], name: str) -> str | None:
    """One value of all fields called `name`, joined as RFC 9110 §5.2 says; None when there is none."""
    values = values_of(fields, name)
    return ", ".join(values) if values else None


def without(fields: Iterable[Header], names: Collection[str]) -> Fields:
    """The fields whose names (given in lower case) are not among `names`."""
    return tuple([field for field in fields if field[0].lower() not in names])
