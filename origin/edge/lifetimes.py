"""Who may keep an answer, and for how long. Pure: kind, audience and policy in, header fields out.

Players get short lives for manifests and long ones for segments; CDN edges get theirs in `CDN-Cache-Control`
(RFC 9213), which beats `Cache-Control` there and means nothing to a player. A protected answer is `private` unless
the puller has proven to be an edge that keeps tokens checked: then the edge may store it, a player's own cache still
treats it as private, and an edge that does not know RFC 9213 stores nothing, which is the safe side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

from origin.http.caching import NO_STORE, CacheControl, cache_control, cdn_cache_control
from origin.http.reply import Header
from origin.media.kinds import Kind

YEAR = 31_536_000  # seconds

MANIFESTS = frozenset({Kind.MULTIVARIANT, Kind.MEDIA_PLAYLIST, Kind.MPD})


class Audience(Enum):
    """Who receives an answer, as far as storing it is concerned."""

    EVERYBODY = auto()  # an open mount
    VIEWER = auto()  # one viewer with a token: nobody else may store it
    EDGE = auto()  # a proven edge in front that keeps tokens checked


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """A mount's own numbers, in seconds."""

    recheck: float = 1.0  # how long a changed file may go unseen
    segments: int | None = None  # None: a segment's bytes never change under its name
    manifest: int = 10  # a VOD manifest, at the player
    edge_manifest: int = 3600  # a VOD manifest, at the edge
    edge_stale: int = 60  # how much longer an edge may use it while it revalidates or the origin fails


@lru_cache(maxsize=1024)
def lifetime_headers(
    kind: Kind, audience: Audience, policy: CachePolicy, live_target_duration: float | None = None
) -> tuple[Header, ...]:
    """The caching fields of a 200. `live_target_duration` in seconds for manifests that still change, else None."""
    if kind is Kind.KEY:
        return (cache_control(NO_STORE),)
    if kind in MANIFESTS:
        if live_target_duration is not None:
            return _fields(audience, *_live_manifest(live_target_duration))
        return _fields(audience, *_vod_manifest(policy))
    if kind is Kind.OTHER:
        return _fields(audience, CacheControl(max_age=policy.manifest), CacheControl(max_age=policy.manifest))
    segment = CacheControl(
        max_age=YEAR if policy.segments is None else policy.segments, immutable=policy.segments is None
    )
    return _fields(audience, segment, segment)


def not_found_headers(audience: Audience) -> tuple[Header, ...]:
    """A 404 at the live edge is over within the second: the next request may well find the segment."""
    if audience is Audience.EVERYBODY:
        return (cache_control(CacheControl(public=True, max_age=1)),)
    return (cache_control(NO_STORE),)


def _vod_manifest(policy: CachePolicy) -> tuple[CacheControl, CacheControl]:
    at_edge = CacheControl(
        max_age=policy.edge_manifest, stale_while_revalidate=policy.edge_stale, stale_if_error=policy.edge_stale
    )
    return CacheControl(max_age=policy.manifest), at_edge


def _live_manifest(target_duration: float) -> tuple[CacheControl, CacheControl]:
    """Half a target duration (rfc8216bis appendix B.1 for playlists that are not blocking), at least a second."""
    half = max(1, math.floor(target_duration / 2))
    return CacheControl(max_age=half), CacheControl(max_age=half, stale_if_error=math.ceil(target_duration))


def _fields(audience: Audience, at_player: CacheControl, at_edge: CacheControl) -> tuple[Header, ...]:
    match audience:
        case Audience.EVERYBODY:
            return (cache_control(_with(at_player, public=True)), cdn_cache_control(at_edge))
        case Audience.VIEWER:
            return (cache_control(_with(at_player, private=True)),)
        case Audience.EDGE:
            return (cache_control(_with(at_player, private=True)), cdn_cache_control(at_edge))


def _with(policy: CacheControl, *, public: bool = False, private: bool = False) -> CacheControl:
    return CacheControl(public=public, private=private, max_age=policy.max_age, immutable=policy.immutable)
