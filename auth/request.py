"""The facts that a token may be judged on."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as values, exactly as received: nothing decoded, nothing folded, nothing removed.

    Its repr leaves out every part that may carry a token.
    """

    method: str
    scheme: str  # "https"
    authority: str  # "cdn.example:8443"
    path: str = field(repr=False)  # "/vod/a%20b/x.m3u8", percent-encoded
    query: str = field(default="", repr=False)  # without "?", percent-encoded
    headers: Pairs = field(default=(), repr=False)  # lower-case names, in order, repeated fields repeated
    cookies: Pairs = field(default=(), repr=False)  # in order, repeated names repeated
    client: IPv4Address | IPv6Address | None = None  # the viewer, once trusted proxies are taken off

    def at(self, path: str, query: str) -> Request:
        """The same request for another path and query."""
        return Request(self.method, self.scheme, self.authority, path, query, self.headers, self.cookies, self.client)
