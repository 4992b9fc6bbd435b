"""Caching fields that an origin writes: RFC 9111, 5861, 8246, 9211, 9213, and Server-Timing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from origin.http.reply import Header
from origin.http.structured import sf_integer, sf_string, sf_token_or_string

_MAX_DELTA_SECONDS = 2_147_483_648  # RFC 9111 §1.2.2
CACHE_NAME = "Headgate"  # what this cache is called in Cache-Status
_TIMING_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class CacheControl:
    """Response directives (RFC 9111 §5.2.2). Times are in whole seconds; None leaves the directive out.

    `str()` is both a Cache-Control value and the dictionary that CDN-Cache-Control wants (RFC 9213 §2.1).
    Raises `ValueError` for a negative time and for public together with private.
    """

    public: bool = False
    private: bool = False
    no_cache: bool = False
    no_store: bool = False
    no_transform: bool = False
    must_revalidate: bool = False
    immutable: bool = False  # RFC 8246: only for names that are never used again for other bytes
    max_age: int | None = None
    s_maxage: int | None = None
    stale_while_revalidate: int | None = None  # RFC 5861
    stale_if_error: int | None = None  # RFC 5861

    def __post_init__(self) -> None:
        if self.public and self.private:
            raise ValueError("public and private exclude each other")
        if any(seconds is not None and seconds < 0 for _, seconds in self._times()):
            raise ValueError("a time in Cache-Control is never negative")

    def __str__(self) -> str:
        flags = [name for name, is_set in self._flags() if is_set]
        times = [f"{name}={min(seconds, _MAX_DELTA_SECONDS)}" for name, seconds in self._times() if seconds is not None]
        return ", ".join(flags + times)

    def _flags(self) -> tuple[tuple[str, bool], ...]:
        return (
            ("public", self.public),
            ("private", self.private),
            ("no-cache", self.no_cache),
            ("no-store", self.no_store),
            ("no-transform", self.no_transform),
            ("must-revalidate", self.must_revalidate),
            ("immutable", self.immutable),
        )

    def _times(self) -> tuple[tuple[str, int | None], ...]:
        return (
            ("max-age", self.max_age),
            ("s-maxage", self.s_maxage),
            ("stale-while-revalidate", self.stale_while_revalidate),
            ("stale-if-error", self.stale_if_error),
        )


NO_STORE = CacheControl(no_store=True)


def cache_control(policy: CacheControl) -> Header:
    """What every recipient may do with an answer."""
    return ("Cache-Control", str(policy))


def cdn_cache_control(policy: CacheControl) -> Header:
    """What CDNs may do with it, instead of what Cache-Control and Expires say (RFC 9213 §3)."""
    return ("CDN-Cache-Control", str(policy))


def age(seconds: float) -> Header:
    """How long ago the answer was made or validated at its source (RFC 9111 §5.1)."""
    return ("Age", str(min(max(int(seconds), 0), _MAX_DELTA_SECONDS)))


class Forward(StrEnum):
    """Why a cache had to ask further (RFC 9211 §2.2)."""

    BYPASS = "bypass"
    METHOD = "method"
    URI_MISS = "uri-miss"
    VARY_MISS = "vary-miss"
    MISS = "miss"
    REQUEST = "request"
    STALE = "stale"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class CacheStatus:
    """One member of Cache-Status (RFC 9211 §2): a hit when `forward` is None, else why it was none.

    `cache` names the cache; `key` and `detail` are printable ASCII, or `str()` raises `ValueError`.
    """

    cache: str
    forward: Forward | None = None
    forward_status: int | None = None  # the status that the next server answered
    ttl: int | None = None  # seconds of freshness left; negative when stale
    stored: bool = False
    collapsed: bool = False  # answered by what another request was waiting for
    key: str | None = None
    detail: str | None = None

    def __str__(self) -> str:
        parameters = ["hit" if self.forward is None else f"fwd={self.forward.value}"]
        if self.forward_status is not None:
            parameters.append(f"fwd-status={sf_integer(self.forward_status)}")
        if self.ttl is not None:
            parameters.append(f"ttl={sf_integer(self.ttl)}")
        if self.stored:
            parameters.append("stored")
        if self.collapsed:
            parameters.append("collapsed")
        if self.key is not None:
            parameters.append(f"key={sf_string(self.key)}")
        if self.detail is not None:
            parameters.append(f"detail={sf_token_or_string(self.detail)}")
        return "; ".join([sf_token_or_string(self.cache), *parameters])


def cache_status(*caches: CacheStatus) -> Header:
    """The caches that took part, the one nearest to the origin first."""
    return ("Cache-Status", ", ".join(map(str, caches)))


@dataclass(frozen=True, slots=True)
class Timing:
    """One metric of Server-Timing: `name` is a token, `milliseconds` how long it took."""

    name: str
    milliseconds: float

    def __post_init__(self) -> None:
        if not _TIMING_NAME.fullmatch(self.name):
            raise ValueError("a Server-Timing name is a token")


def server_timing(timings: Iterable[Timing]) -> Header:
    """Where the time of an answer went, for a browser's performance panel."""
    return ("Server-Timing", ", ".join(f"{each.name};dur={each.milliseconds:.3f}" for each in timings))


def merge_vary(*values: str) -> str:
    """One Vary value of several: each name once, as they appear; `*` stands alone (RFC 9110 §12.5.5)."""
    names: dict[str, str] = {}
    for value in values:
        for name in filter(None, (part.strip(" \t") for part in value.split(","))):
            names.setdefault(name.lower(), name)
    return "*" if "*" in names else ", ".join(names.values())


def fold_vary(headers: Sequence[Header]) -> tuple[Header, ...]:
    """`headers` with all their Vary fields folded into one at the end: some caches read only one of them."""
    values = [value for name, value in headers if name.lower() == "vary"]
    if len(values) < 2:
        return tuple(headers)
    others = tuple(header for header in headers if header[0].lower() != "vary")
    return (*others, ("Vary", merge_vary(*values)))
