"""Answers for manifests: one join for the viewer's token, and a header block that is kept for as long as it is true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

from cache import Cache, Hit, Outcome
from origin.edge.lifetimes import Audience
from origin.edge.manifest import Manifest, Rendering
from origin.edge.manifests import as_written, coding_of, is_kept_by_players, loading, manifest_headers, rendering_key
from origin.edge.sessions import Onward, SessionUnsigned, hand_on
from origin.http.conditions import UNCONDITIONAL
from origin.http.represent import Representation, represent
from origin.lane.answer import Ready, Told, told_of
from origin.lane.blocks import ETAG_HOLE, Block, block_of
from origin.lane.heads import Head
from origin.lane.passes import Pass
from origin.lane.routes import Route
from origin.lane.visitor import Place

_MOST = 64  # header blocks remembered of one rendering

# A head's variant, whether it is for one viewer, coding, the seconds told of freshness and of age, and whether it is a
# plain hit.
_Key: TypeAlias = tuple[int, bool, str | None, int, int, bool]


class Onwards(NamedTuple):
    """How a viewer goes on from a manifest, and the token of that as it stands in URIs."""

    onward: Onward
    written: bytes


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """The rendering that a manifest was last asked for: most are always asked for alike."""

    route: Route
    onward: Onward
    place: Place
    rendering: Rendering

    def is_for(self, route: Route, onward: Onward, place: Place) -> bool:
        known = self.onward
        is_same = known is onward or (known.carry is onward.carry and known.name == onward.name)
        return self.route is route and is_same and self.place == place


class Playlists:
    """Manifests that this process holds, and has rendered before.

    What is remembered of one goes with it, so that the cache's bound is the bound of all.
    """

    def __init__(self, cache: Cache[Manifest]) -> None:
        """The cache is closed by whoever made it."""
        self._cache = cache
        self._blocks: WeakKeyDictionary[Rendering, dict[_Key, tuple[Block, Told]]] = WeakKeyDictionary()
        self._shown: WeakKeyDictionary[Manifest, _Shown] = WeakKeyDictionary()

    def find(self, route: Route) -> Hit[Manifest] | None:
        """The manifest, if it is at hand; nothing is counted or begun yet."""
        return self._cache.peek(route.key)

    def took(self, route: Route, hit: Hit[Manifest]) -> None:
        """Count it, and have it refreshed if it is stale."""
        self._cache.took(route.key, hit, loading(route.mount, route.target, ""))

    def answer(
        self, route: Route, head: Head, hit: Hit[Manifest], goes: Onwards, place: Place, now: float, *, is_open: bool
    ) -> Ready | None:
        """The answer at `now` to a GET by a viewer who goes on so; `is_open`: who asked needed no token.

        None when it takes waiting, depends on what the client has, or sets a cookie.
        """
        onward, written = goes
        if head.conditions is not UNCONDITIONAL or onward.cookies or onward.redirect is not None:
            return None
        rendering = self._rendering(route, hit.entry.value, onward, place)
        if rendering is None or (onward.token is None and not rendering.is_shared):
            return None
        is_shared = rendering.is_shared
        token = b"" if is_shared else written
        body = rendering.body(token)
        accepted = head.accept_encoding
        coding = None if accepted is None else coding_of(route.mount, accepted, len(body), is_shared=is_shared)
        etag = rendering.etag(token)
        if coding is not None:
            coded = rendering.coded_now(body, coding)
            if coded is None:
                return None
            body, etag = coded, etag.for_coding(coding)
        block, told = self._block(route, head, hit, rendering, coding, now, is_private=not (is_open and is_shared))
        return Ready(told, block, etag.opaque.encode(), len(body), body)

    def _rendering(self, route: Route, manifest: Manifest, onward: Onward, place: Place) -> Rendering | None:
        shown = self._shown.get(manifest)
        if shown is not None and shown.is_for(route, onward, place):
            return shown.rendering
        rendering = manifest.rendered(rendering_key(route.mount, onward, route.path, *place))
        if rendering is not None:
            self._shown[manifest] = _Shown(route, onward, place, rendering)
        return rendering

    def _block(
        self,
        route: Route,
        head: Head,
        hit: Hit[Manifest],
        rendering: Rendering,
        coding: str | None,
        now: float,
        *,
        is_private: bool,
    ) -> tuple[Block, Told]:
        left, is_plain = int(hit.entry.lifetime.fresh - hit.age_seconds), hit.outcome is Outcome.HIT
        key = (head.variant, is_private, coding, left, int(hit.age_seconds), is_plain)
        blocks = self._blocks.setdefault(rendering, {})
        known = blocks.get(key)
        if known is not None and (is_plain or known[1].cache == hit.outcome.value):
            return known
        manifest = hit.entry.value
        audience = Audience.VIEWER if is_private else Audience.EVERYBODY
        representation = Representation(
            source=b"-",  # not looked at: only its fields are wanted
            content_type=route.target.content_type,
            etag=ETAG_HOLE,
            modified=manifest.modified,
            headers=manifest_headers(route.mount, audience, hit, coding),
        )
        reply = represent("GET", UNCONDITIONAL, representation, now, "")
        made = block_of(reply, route.mount, head.origin), told_of(manifest.kind, reply.status, hit.outcome.value)
        if manifest.modified <= now:  # otherwise Last-Modified goes with the clock
            blocks[key] = made
            if len(blocks) > _MOST:
                del blocks[next(iter(blocks))]
        return made


def onwards_of(known: Pass, route: Route, query: bytes, manifest: Manifest, now: float) -> Onwards | None:
    """How a viewer goes on from a manifest at `now`; None when no key signs what that takes."""
    if known.onward is not None:
        return Onwards(known.onward, known.written)
    admission = known.admission(route, query.decode("ascii"))
    try:
        onward = hand_on(route.mount, route.target, admission, now, is_kept=is_kept_by_players(manifest))
    except SessionUnsigned:
        return None
    return Onwards(onward, b"" if onward.token is None else as_written(onward.token))
