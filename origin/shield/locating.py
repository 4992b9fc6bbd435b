"""Where the bytes of a response are when they are wanted: they may arrive meanwhile, or have to be pulled first."""

from __future__ import annotations

from cache.disk.errors import DiskError
from origin.httpcache.stored import StoredResponse
from origin.shield.asked import Asked
from origin.shield.bodies import BodyFailed
from origin.shield.landing import Landed, Single
from origin.shield.pulls import Pulls
from origin.shield.shelf import Arriving, Found, Kept, Shelf
from origin.shield.slices import next_range
from origin.shield.wish import Wish
from origin.upstream.origin_server import Trouble, UpstreamError

_OF_ANOTHER_VERSION = frozenset({Trouble.CHANGED, Trouble.WRONG_RANGE})


def is_divisible(stored: StoredResponse) -> bool:
    """Whether ranges of it can be told to be of one version (RFC 9111 §3.4)."""
    return stored.etag is not None and not stored.etag.weak


class Locator:
    """Finds the bytes of one response to one request, of one version all the way."""

    def __init__(self, asked: Asked, found: Found, shelf: Shelf, pulls: Pulls, slice_bytes: int) -> None:
        """`found` is looked at only; whoever has it gives it back."""
        self._asked = asked
        self._key = found.key
        self._stored = found.stored
        self._arriving = found if isinstance(found, Arriving) else None
        self._shelf = shelf
        self._pulls = pulls
        self._slice_bytes = slice_bytes

    async def __call__(self, position: int, stop: int | None) -> Found:
        """The response that has, or will have, the byte at `position`; those from `stop` on are not wanted.

        Raises `BodyFailed`.
        """
        if self._arriving is not None and self._arriving.will_have(position):
            return self._arriving
        while True:
            following = self._shelf.following(self._key, position)
            if following is not None and self._is_same(following.stored):
                return following
            kept = await self._kept()
            if kept is None or kept.held.extents.reach(position) > position:
                return await self._none() if kept is None else kept
            try:
                await self._pull(kept, position, stop)
            finally:
                kept.release()

    async def _kept(self) -> Kept | None:
        other = self._shelf.has_arriving(self._key)
        try:
            found = await self._shelf.at(self._key)
        except DiskError as error:
            raise BodyFailed(error.reason) from error
        if isinstance(found, Kept) and self._is_same(found.stored):
            return found
        if isinstance(found, Kept):
            found.release()
        if other is not None and self._is_same(other.stored):
            # The first run of a body: nothing can be added to it until it is there.
            await other.ended.wait()
            return await self._kept()
        return None

    async def _none(self) -> Found:
        raise BodyFailed("the rest of the body is not there any more")

    async def _pull(self, kept: Kept, position: int, stop: int | None) -> None:
        length = kept.held.length
        if length is None or position >= length or not is_divisible(self._stored):
            raise BodyFailed("a body ends early, and no range of it can be pulled")
        (_, missing), *_ = kept.held.extents.missing(position, length if stop is None else stop)
        wanted = next_range(position, missing, length, self._slice_bytes)
        wish = Wish((("Range", wanted), ("If-Range", str(self._stored.etag))), self._key, self._stored)
        try:
            landing, _ = await self._pulls.join(self._asked, wish)
        except UpstreamError as error:
            if error.trouble in _OF_ANOTHER_VERSION:
                await self._shelf.drop(kept)
            raise BodyFailed(str(error)) from error
        if isinstance(landing, Single):
            # Whatever is there now, it is not what the rest could be added to.
            await self._shelf.drop(kept)
            if (incoming := landing.claim()) is not None:
                await incoming.close()
        arriving = landing.arriving if isinstance(landing, Landed) else None
        if arriving is None or not self._is_same(arriving.stored) or not arriving.will_have(position):
            raise BodyFailed("the rest of the body cannot be pulled")

    def _is_same(self, stored: StoredResponse) -> bool:
        if self._stored.etag is not None and not self._stored.etag.weak:
            return stored.etag == self._stored.etag
        return stored.received_at == self._stored.received_at
