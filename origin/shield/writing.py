"""Unsafe requests behind a shield: passed on, and nothing that they may have changed is used any more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from cache import Outcome
from cache.disk.errors import DiskError
from origin.http.caching import CACHE_NAME, CacheStatus, Forward
from origin.http.reply import Stream
from origin.httpcache.invalidation import invalidated, invalidated_groups
from origin.httpcache.stored import StoredResponse
from origin.shield.alone import Answered, alone
from origin.shield.answering import passed_on
from origin.shield.asked import Asked
from origin.shield.bodies import chunks_between, passing
from origin.shield.locating import Locator
from origin.shield.places import Place
from origin.shield.pulls import Pulls
from origin.shield.recorder import Event, Recorder
from origin.shield.shelf import Shelf
from origin.upstream.origin_server import Incoming

# Have a URL's responses used no more, those too that were asked for before a time.
Forget = Callable[[str, float], Awaitable[None]]
# Have no response with one of these tags used without asking for it again.
PurgeTags = Callable[[tuple[str, ...]], Awaitable[None]]


class Writes:
    """The unsafe requests of one mount."""

    def __init__(
        self,
        pulls: Pulls,
        shelf: Shelf,
        place: Place,
        slice_bytes: int,
        recorder: Recorder,
        forget: Forget | None,
        purge_tags: PurgeTags | None,
    ) -> None:
        """`forget` is the shelf's own, unless others are told too; without `purge_tags` groups are not invalidated."""
        self._pulls = pulls
        self._shelf = shelf
        self._place = place
        self._slice_bytes = slice_bytes
        self._recorder = recorder
        self._forget: Forget = forget or shelf.forget
        self._purge_tags = purge_tags

    async def answer(self, asked: Asked) -> Answered:
        """An unsafe request goes on; what it may have changed is not used any more (RFC 9111 §4.4)."""
        single = await self._pulls.pass_on(asked)
        stored = self._pulls.head_of(asked, single)
        # What was asked for meanwhile may be of before; but not the answer to this request, where that is kept.
        before = single.stored.received_at if stored is None else single.stored.requested_at
        uri = self._place.upstream_uri(asked.target)
        for target in invalidated(asked.method, uri, single.stored.status, single.stored.fields):
            url = self._place.public(target)
            if url is not None:
                await self._forget(replace(asked, url=url).key, before)
                self._recorder.happened(Event.INVALIDATED)
        groups = invalidated_groups(asked.method, single.stored.status, single.stored.fields)
        if groups and self._purge_tags is not None:
            await self._purge_tags(groups)
        incoming = None if stored is None else single.claim()
        if stored is None or incoming is None:
            return await alone(self._pulls, asked, single, Forward.METHOD)
        return await self._kept(asked, stored, incoming)

    async def _kept(self, asked: Asked, stored: StoredResponse, incoming: Incoming) -> Answered:
        """A response to POST that is kept for later GETs."""
        status = CacheStatus(CACHE_NAME, forward=Forward.METHOD, forward_status=stored.status, stored=True)
        try:
            arriving = await self._pulls.keep(asked, stored, incoming)
        except DiskError:
            self._recorder.happened(Event.NOT_KEPT)
            body = Stream(passing(incoming), incoming.length, incoming.close)
            return Answered(passed_on(asked, stored, replace(status, stored=False), body), Outcome.BYPASS)
        locate = Locator(asked, arriving, self._shelf, self._pulls, self._slice_bytes)
        body = Stream(chunks_between(0, incoming.length, locate), incoming.length)
        return Answered(passed_on(asked, stored, status, body), Outcome.BYPASS)
