"""Delivery directives of Low-Latency HLS: what a player's query asks of a playlist (rfc8216bis §6.2.5)."""

from __future__ import annotations

import re

_DIRECTIVES = {
    "_HLS_msn": re.compile(r"[0-9]{1,15}"),
    "_HLS_part": re.compile(r"[0-9]{1,9}"),
    "_HLS_skip": re.compile(r"YES|v2"),
}


def delivery_directives(query: str) -> str:
    """Those in `query`, in the order of their names as caches want it, and nothing else; empty when there are none.

    One that is malformed or there twice is left out: whoever holds a playlist back must not be told nonsense.
    """
    if "_HLS_" not in query:
        return ""
    found: dict[str, list[str]] = {}
    for parameter in query.split("&"):
        name, _, value = parameter.partition("=")
        if name in _DIRECTIVES:
            found.setdefault(name, []).append(value)
    good = {name: values[0] for name, values in found.items() if len(values) == 1}
    return "&".join(f"{name}={good[name]}" for name in sorted(good) if _DIRECTIVES[name].fullmatch(good[name]))
