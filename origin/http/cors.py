"""Which pages may read our answers: CORS, decided purely (WHATWG Fetch, §3.2 "CORS protocol").

A policy that is open to every page, without credentials, gives every request the same fields, whether or not
it has an Origin: a CDN keeps one copy for all pages, and its cache key stays untouched. Any other policy has
to name the page that asks, and says so with `Vary: Origin`, also to pages that it does not admit: a copy made
for one page must not be shown to another. Preflights never depend on what is asked, only on the policy; the
browser compares.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from origin.http.reply import Empty, Header, Reply

# What players send beyond the safelisted fields: ranges, tokens in every carriage, CMCD.
ALLOWED_HEADERS = (
    "Range",
    "Authorization",
    "If-None-Match",
    "Content-Type",
    "CMCD-Object",
    "CMCD-Request",
    "CMCD-Session",
    "CMCD-Status",
    "CTA-Common-Access-Token",
    "Common-Access-Token",
)
# What players read: their clock, low-latency tune-in, sizes, hints of the server, and renewed tokens.
EXPOSED_HEADERS = (
    "Date",
    "Age",
    "Content-Length",
    "Content-Range",
    "Accept-Ranges",
    "ETag",
    "Retry-After",
    "CMSD-Static",
    "CMSD-Dynamic",
    "CTA-Common-Access-Token",
    "Common-Access-Token",
    "Cache-Status",
    "Server-Timing",
)

# A serialized origin: what is echoed to pages and caches is no arbitrary text. "null" is none on purpose.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]{0,30}://[0-9A-Za-z._~\[\]:-]{1,261}")

_EXPOSE = ("Access-Control-Expose-Headers", ", ".join(EXPOSED_HEADERS))
_EVERY_PAGE = ("Access-Control-Allow-Origin", "*")
_WITH_CREDENTIALS = ("Access-Control-Allow-Credentials", "true")
_VARY = ("Vary", "Origin")


@dataclass(frozen=True, slots=True)
class CorsPolicy:
    """Who may read answers from a page. The default is every page, without cookies.

    `origins` are written exactly as browsers send them ("https://player.example"); None is every origin.
    """

    origins: frozenset[str] | None = None
    credentials: bool = False  # cookies and HTTP authentication
    max_age: int = 86_400  # seconds that a browser may remember a preflight
    methods: tuple[str, ...] = ("GET", "HEAD", "OPTIONS")


def cors_headers(policy: CorsPolicy, origin: str | None) -> tuple[Header, ...]:
    """The fields for an answer to a request with this Origin (None: it has none)."""
    if _is_open(policy):
        return (_EVERY_PAGE, _EXPOSE)
    if _is_closed(policy):
        return ()
    granted = _granted(policy, origin)
    return (*granted, _EXPOSE, _VARY) if granted else (_VARY,)


def preflight(policy: CorsPolicy, origin: str | None) -> Reply:
    """The answer to OPTIONS: 204 with what pages from `origin` may do, or with nothing at all."""
    granted = (_EVERY_PAGE,) if _is_open(policy) else _granted(policy, origin)
    permissions: tuple[Header, ...] = ()
    if granted:
        permissions = (
            *granted,
            ("Access-Control-Allow-Methods", ", ".join(policy.methods)),
            ("Access-Control-Allow-Headers", ", ".join(ALLOWED_HEADERS)),
            ("Access-Control-Max-Age", str(policy.max_age)),
        )
    allow = ("Allow", ", ".join(policy.methods))
    vary = () if _is_open(policy) or _is_closed(policy) else (_VARY,)
    return Reply(204, (allow, *permissions, *vary), Empty(None))


def _is_open(policy: CorsPolicy) -> bool:
    return policy.origins is None and not policy.credentials


def _is_closed(policy: CorsPolicy) -> bool:
    """Whether no page may read anything, so that all are answered alike."""
    return policy.origins is not None and not policy.origins


def _granted(policy: CorsPolicy, origin: str | None) -> tuple[Header, ...]:
    """Allow-Origin and Allow-Credentials for a page that the policy admits; nothing for any other."""
    if origin is None or not _admits(policy, origin):
        return ()
    allowed = ("Access-Control-Allow-Origin", origin)
    return (allowed, _WITH_CREDENTIALS) if policy.credentials else (allowed,)


def _admits(policy: CorsPolicy, origin: str) -> bool:
    if policy.origins is not None:
        return origin in policy.origins
    return _ORIGIN.fullmatch(origin) is not None
