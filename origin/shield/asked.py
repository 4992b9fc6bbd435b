"""What a viewer asks of the shield."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from cache import CacheKey
from origin.http.conditions import Conditions
from origin.http.fields import Fields, combined
from origin.upstream.origin_server import Viewer

# No response differs by these in a way that a viewer may choose: see `origin.httpcache.passing`.
_SAFE = frozenset({"GET", "HEAD"})
# It is asked for several times for each request, and many viewers ask for the same; hardly with a long query.
_KEYS_KEPT = 4096
_URL_AT_MOST = 256  # characters


def _key_of(url: str) -> str:
    return CacheKey("response", url).text


_short = lru_cache(_KEYS_KEPT)(_key_of)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request below a mount, free of tokens."""

    method: str
    url: str = field(repr=False)  # public path and query, in one spelling: "/vod/a.m4s?v=2"
    target: str = field(repr=False)  # the same below the upstream: "/a.m4s?v=2"
    fields: Fields = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    content_type: str = "application/octet-stream"  # by the name, where the upstream says none
    rule: str | None = None  # Cache-Control for what an upstream sends without any word about its lifetime
    tags: tuple[str, ...] = ()  # by rule, beside those that the upstream names
    viewer: Viewer | None = None  # for upstreams that are told; None: nobody in particular
    boundary: str = "none"  # between the parts of a multipart answer

    @property
    def is_safe(self) -> bool:
        """Whether it is a read, which a cache may answer."""
        return self.method in _SAFE

    @property
    def key(self) -> str:
        """What the response is found under, as far as Vary does not tell more apart."""
        return _short(self.url) if len(self.url) <= _URL_AT_MOST else _key_of(self.url)

    @property
    def range(self) -> str | None:
        """The Range field, where it means something (RFC 9110 §14.2)."""
        return combined(self.fields, "Range") if self.method == "GET" else None

    def conditions(self) -> Conditions:
        """Its preconditions and its range."""
        return Conditions.from_fields([(name.lower(), value) for name, value in self.fields])
