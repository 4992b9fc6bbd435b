"""What the public listener serves beside the mounts: the time, the public keys, and pages handed to it at start-up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from origin.edge.boundaries import boundary_for
from origin.http.caching import NO_STORE, CacheControl, cache_control
from origin.http.conditions import Conditions
from origin.http.cors import CorsPolicy, cors_headers, preflight
from origin.http.etags import content_etag
from origin.http.reply import Header, Reply
from origin.http.represent import Representation, represent
from origin.serving.inbound import Inbound

_OPEN = CorsPolicy()
_CLOSED = CorsPolicy(origins=frozenset())
_KEYS_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Page:
    """Bytes under a fixed path."""

    content_type: str
    body: bytes
    headers: tuple[Header, ...] = ()
    for_other_pages: bool = False  # whether scripts of other origins may read it


MakePage = Callable[[float], Page]


def time_page(now: float) -> Page:
    """`/time`: the clock that players synchronise with (DASH UTCTiming http-iso; ISO/IEC 23009-1 §5.8.4.11)."""
    text = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Page("text/plain; charset=utf-8", text.encode(), (cache_control(NO_STORE),), for_other_pages=True)


def keys_page(public_jwks: Callable[[], bytes]) -> MakePage:
    """`/.well-known/jwks.json`: the public halves of the signing keys (RFC 7517 §5)."""
    kept = cache_control(CacheControl(public=True, max_age=_KEYS_SECONDS))
    return lambda _now: Page("application/jwk-set+json", public_jwks(), (kept,), for_other_pages=True)


def fixed(page: Page) -> MakePage:
    """A page that never changes."""
    return lambda _now: page


def answer_page(make: MakePage, inbound: Inbound, now: float) -> Reply:
    """GET, HEAD or a preflight of one page."""
    origin = inbound.field("Origin")
    page = make(now)
    policy = _OPEN if page.for_other_pages else _CLOSED
    if inbound.method == "OPTIONS":
        return preflight(policy, origin)
    representation = Representation(
        source=page.body,
        content_type=page.content_type,
        etag=content_etag(page.body),
        headers=(*page.headers, *cors_headers(policy, origin)),
    )
    conditions = Conditions.from_fields(inbound.facts.headers)
    return represent(inbound.method, conditions, representation, now, boundary_for(conditions))


Pages = Mapping[str, MakePage]
