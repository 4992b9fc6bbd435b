"""Answers for manifests: one join for the viewer's token, and a header block that is kept for as long as it is true."""

from __future__ import annotations

from typing import TypeAlias

from cache import Cache, Hit
from origin.edge.admission import Admission
from origin.edge.lifetimes import Audience
from origin.edge.manifest import Manifest, Rendering
from origin.edge.manifests import as_written, coding_of, is_kept_by_players, manifest_headers, rendering_key
from origin.edge.sessions import Onward, SessionUnsigned, hand_on
from origin.http.conditions import UNCONDITIONAL
from origin.http.represent import Representation, represent
from origin.lane.answer import Ready
from origin.lane.blocks import ETAG_HOLE, Block, block_of
from origin.lane.heads import Head
from origin.lane.passes import Pass
from origin.lane.routes import Route

_MOST = 4096  # header blocks remembered

# A rendering, a head's variant, audience, coding, and the seconds that are told: of freshness and of age.
_Key: TypeAlias = tuple[Rendering, int, Audience, str | None, int, int]


class Playlists:
    """Manifests that this process holds fresh, and has rendered before."""

    def __init__(self, cache: Cache[Manifest]) -> None:
        """The cache is closed by whoever made it."""
        self._cache = cache
        self._blocks: dict[_Key, Block] = {}

    def find(self, route: Route) -> Hit[Manifest] | None:
        """The manifest, if it is at hand; not counted yet."""
        return self._cache.peek(route.key)

    def took(self, hit: Hit[Manifest]) -> None:
        """Count it."""
        self._cache.took(hit)

    def answer(
        self,
        route: Route,
        head: Head,
        hit: Hit[Manifest],
        onward: Onward,
        audience: Audience,
        origin: tuple[str, str],
        now: float,
        *,
        is_head: bool,
    ) -> Ready | None:
        """The answer at `now` to a viewer who goes on as `onward` says; `origin` is scheme and authority.

        None when it takes waiting, depends on what the client has, or sets a cookie.
        """
        if head.conditions is not UNCONDITIONAL or onward.cookies or onward.redirect is not None:
            return None
        mount, manifest = route.mount, hit.entry.value
        rendering = manifest.rendered(rendering_key(mount, onward, route.path, *origin))
        if rendering is None or (onward.token is None and not rendering.is_shared):
            return None
        token = b"" if rendering.is_shared or onward.token is None else as_written(onward.token)
        body = rendering.body(token)
        coding = coding_of(mount, head.accept_encoding, len(body), is_shared=rendering.is_shared)
        if coding is not None:
            coded = rendering.coded_now(body, coding)
            if coded is None:
                return None
            body = coded
        if not rendering.is_shared:
            audience = Audience.VIEWER
        block = self._block(route, head, hit, rendering, audience, coding, now)
        etag = rendering.etag(token).for_coding(coding).opaque.encode()
        return Ready(200, block, etag, len(body), b"" if is_head else body)

    def _block(
        self,
        route: Route,
        head: Head,
        hit: Hit[Manifest],
        rendering: Rendering,
        audience: Audience,
        coding: str | None,
        now: float,
    ) -> Block:
        left = int(hit.entry.lifetime.fresh - hit.age_seconds)
        key = (rendering, head.variant, audience, coding, left, int(hit.age_seconds))
        block = self._blocks.get(key)
        if block is not None:
            return block
        manifest = hit.entry.value
        representation = Representation(
            source=b"-",  # not looked at: only its fields are wanted
            content_type=route.target.content_type,
            etag=ETAG_HOLE,
            modified=manifest.modified,
            headers=manifest_headers(route.mount, audience, hit, coding),
        )
        reply = represent("GET", UNCONDITIONAL, representation, now, "")
        block = block_of(reply, route.mount, head.origin)
        if manifest.modified <= now:  # otherwise Last-Modified goes with the clock
            self._blocks[key] = block
            if len(self._blocks) > _MOST:
                del self._blocks[next(iter(self._blocks))]
        return block


def onward_of(known: Pass, route: Route, query: bytes, manifest: Manifest, now: float) -> Onward | None:
    """How a viewer goes on from a manifest at `now`; None when no key signs what that takes."""
    if known.onward is not None:
        return known.onward
    admission: Admission = known.admission(route, query.decode("ascii"))
    try:
        return hand_on(route.mount, route.target, admission, now, is_kept=is_kept_by_players(manifest))
    except SessionUnsigned:
        return None
