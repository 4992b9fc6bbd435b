"""The facts that a token may be judged on."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as values, exactly as received: nothing decoded, nothing folded, nothing removed."""

    method: str
    scheme: str  # "https"
    authority: str  # "cdn.example:8443"
    path: str  # "/vod/a%20b/x.m3u8", percent-encoded
    query: str = ""  # without "?", percent-encoded
    headers: Pairs = ()  # lower-case names, in order, repeated fields repeated
    cookies: Pairs = ()  # in order, repeated names repeated
    client: IPv4Address | IPv6Address | None = None  # the viewer, once trusted proxies are taken off
