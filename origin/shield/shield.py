"""A shared cache in front of one mount's upstream: the order in which everything happens."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from cache import Outcome
from cache.cooldown import Cooldown
from cache.disk.errors import DiskError
from origin.http.caching import CACHE_NAME, CacheStatus, Forward
from origin.http.fields import without
from origin.http.problem import Problem, problem_reply
from origin.http.reply import Bytes, Empty, Stream
from origin.httpcache.freshness import current_age, freshness_lifetime
from origin.httpcache.policy import Policy
from origin.httpcache.reuse import (
    Decision,
    Fetch,
    Purged,
    Revalidate,
    Serve,
    ServeWhileRevalidating,
    Unsatisfiable,
    decide,
)
from origin.httpcache.updating import freshened_by_head
from origin.httpcache.variants import variant_key
from origin.shield.alone import Answered, alone
from origin.shield.answering import passed_on, reply_from
from origin.shield.asked import Asked
from origin.shield.audience import may_share, wants_its_own
from origin.shield.bodies import let_go
from origin.shield.landing import Failure, Landed, Landing, Single
from origin.shield.locating import Locator, is_divisible
from origin.shield.places import Place
from origin.shield.presence import has_all, lies_in
from origin.shield.pulls import Pulls
from origin.shield.ready import ReadyHits
from origin.shield.recorder import Event, Recorder
from origin.shield.sharing import Judge
from origin.shield.shelf import Arriving, Found, Kept, Shelf, same_variant, variant_like
from origin.shield.slices import first_range
from origin.shield.wish import Wish
from origin.shield.writing import Forget, PurgeTags, Writes
from origin.upstream.origin_server import UpstreamError

_log = logging.getLogger(__name__)

_FAILING = frozenset({500, 502, 503, 504})  # RFC 5861 §4
# How long a URL whose response only one viewer could have is not waited for by others.
_UNSHARED_SECONDS = 10.0
_COOLDOWN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator decides for one mount."""

    policy: Policy
    slice_bytes: int


class Shield:
    """Answers requests below one mount from what is kept, and from the upstream where that is needed."""

    def __init__(
        self,
        pulls: Pulls,
        shelf: Shelf,
        place: Place,
        rules: Rules,
        judge: Judge,
        recorder: Recorder,
        forget: Forget | None = None,
        purge_tags: PurgeTags | None = None,
    ) -> None:
        """Pulls and shelf are closed by whoever made them. `forget` is the shelf's own, unless others are told too."""
        self._pulls = pulls
        self._shelf = shelf
        self._place = place
        self._policy = rules.policy
        self._slice_bytes = rules.slice_bytes
        self._judge = judge
        self._recorder = recorder
        self._writes = Writes(pulls, shelf, place, rules.slice_bytes, recorder, forget, purge_tags)
        self._ready = ReadyHits(rules.policy, judge)
        self._cooldown = Cooldown[str](_COOLDOWN_SECONDS)
        self._refreshed = Cooldown[str](_COOLDOWN_SECONDS)
        self._unshared = Cooldown[str](_UNSHARED_SECONDS)

    async def answer(self, asked: Asked, now: float) -> Answered:
        """The reply at `now` (Unix seconds).

        Raises `UpstreamError` when there is none to be had, and `BodyFailed` where the shelf fails.
        """
        if not asked.is_safe:
            return self._told(asked, await self._writes.answer(asked))
        found = self._shelf.peek(asked)
        is_sure = isinstance(found, Kept) and not self._shelf.is_outdated(asked.key, found.stored)
        if isinstance(found, Kept) and is_sure and (reply := self._ready.reply(asked, found, now)) is not None:
            self._recorder.answered(Outcome.HIT)
            return Answered(reply, Outcome.HIT)
        found = found or await self._find(asked)
        try:
            answered = await self._decided(asked, found, now)
        except BaseException:
            if found is not None:
                found.release()
            raise
        self._recorder.answered(answered.outcome)
        return self._told(asked, answered)

    async def warm(self, asked: Asked, now: float) -> None:
        """Have the response kept, if it may be, and give it to nobody."""
        answered = await self.answer(asked, now)
        body = answered.reply.body
        try:
            # What is not kept need not come.
            if isinstance(body, Stream) and answered.outcome is not Outcome.BYPASS:
                async for _ in body.chunks:
                    pass
        finally:
            await let_go(body)

    async def _find(self, asked: Asked) -> Found | None:
        try:
            return await self._shelf.find(asked)
        except DiskError as error:
            # A cache that cannot be read is an empty one.
            self._recorder.happened(Event.NOT_KEPT)
            _log.warning("the disk cache cannot be read: %s", error)
            return None

    async def _decided(self, asked: Asked, found: Found | None, now: float) -> Answered:
        decision = self._decide(asked, found, now)
        is_lacking = isinstance(found, Kept) and not is_divisible(found.stored) and not has_all(found, asked)
        if found is not None and is_lacking and not isinstance(decision, Fetch | Unsatisfiable):
            # What is not there could be of another version.
            found.release()
            return await self._fetch(asked, Forward.PARTIAL, now)
        match decision:
            case Serve(age=age, ttl=ttl) if found is not None:
                return await self._serve(asked, found, age, ttl, now)
            case ServeWhileRevalidating(age=age, ttl=ttl, conditional=conditional) if found is not None:
                if not isinstance(found, Arriving) and not self._refreshed.holds(found.key, now):
                    self._refreshed.start(found.key, now)
                    self._pulls.launch(without_conditions(asked), _validating(found, conditional))
                status = CacheStatus(CACHE_NAME, ttl=int(ttl), detail="revalidating")
                return self._reply(asked, found, status, age, now, Outcome.STALE)
            case Revalidate() if found is not None:
                return await self._revalidate(asked, found, decision, now)
            case Unsatisfiable():
                _release(found)
                problem = Problem(504, "only_if_cached", detail="Nothing is kept that would do, and no more was asked.")
                return Answered(problem_reply(problem), Outcome.MISS)
            case _:
                _release(found)
                forward = decision.forward if isinstance(decision, Fetch) else Forward.MISS
                return await self._fetch(asked, forward, now)

    def _decide(self, asked: Asked, found: Found | None, now: float) -> Decision:
        stored = None if found is None else found.stored
        purged = Purged.NONE if stored is None else self._judge(asked.url, stored.tags, stored.requested_at)
        if stored is not None and self._shelf.is_outdated(asked.key, stored):
            purged = Purged.HARD
        return decide(asked.method, asked.fields, stored, now, self._policy, purged=purged)

    async def _serve(self, asked: Asked, found: Found, age: float, ttl: float, now: float) -> Answered:
        if isinstance(found, Kept) and not has_all(found, asked):
            status = CacheStatus(CACHE_NAME, forward=Forward.PARTIAL, ttl=int(ttl), stored=True)
            return self._reply(asked, found, status, age, now, Outcome.PARTIAL)
        status = CacheStatus(CACHE_NAME, ttl=int(ttl))
        return self._reply(asked, found, status, age, now, Outcome.HIT if ttl >= 0 else Outcome.STALE)

    async def _revalidate(self, asked: Asked, found: Found, wanted: Revalidate, now: float) -> Answered:
        may_serve = wanted.may_serve_on_error and (isinstance(found, Arriving) or has_all(found, asked))
        if may_serve and self._cooldown.holds(found.key, now):
            return self._stale(asked, found, wanted, now)
        wish = _validating(found, wanted.conditional)
        try:
            if asked.method == "HEAD":
                return await self._head(asked, found)
            landing, is_mine = await self._join(without_conditions(asked), wish)
        except UpstreamError:
            if not may_serve:
                raise
            self._cooldown.start(found.key, now)
            return self._stale(asked, found, wanted, now)
        if isinstance(landing, Failure) and may_serve and landing.stored.status in _FAILING:
            self._cooldown.start(found.key, now)
            return self._stale(asked, found, wanted, now)
        is_for = is_mine or may_share(asked, landing.stored, self._policy)
        if isinstance(landing, Landed) and is_for and _is_about(found, landing):
            fresh = replace(found, stored=landing.stored)
            return self._validated(asked, fresh, wanted.forward, now, is_mine=is_mine)
        found.release()
        return await self._landed(asked, landing, wanted.forward, now, is_mine=is_mine)

    async def _head(self, asked: Asked, found: Found) -> Answered:
        """A HEAD goes on as one; what it says of a kept response is believed (RFC 9111 §4.3.5)."""
        single = await self._pulls.pass_on(asked)
        stored = single.stored
        length = found.held.length if isinstance(found, Kept) else found.fill.length
        fresh = freshened_by_head(
            found.stored,
            stored.status,
            stored.fields,
            self._policy,
            request_fields=asked.fields,
            requested_at=stored.requested_at,
            received_at=stored.received_at,
            length=length,
        )
        if isinstance(found, Kept) and fresh is not None:
            await self._shelf.refresh(found, fresh)
        found.release()
        return await alone(self._pulls, asked, single, Forward.STALE)

    def _validated(self, asked: Asked, found: Found, forward: Forward, now: float, *, is_mine: bool) -> Answered:
        status = CacheStatus(
            CACHE_NAME,
            forward=forward,
            forward_status=304,
            ttl=self._ttl(found, now),
            stored=True,
            collapsed=not is_mine,
        )
        age = current_age(found.stored, now)
        return self._reply(asked, found, status, age, now, Outcome.REVALIDATED if is_mine else Outcome.COLLAPSED)

    def _stale(self, asked: Asked, found: Found, wanted: Revalidate, now: float) -> Answered:
        status = CacheStatus(CACHE_NAME, forward=Forward.STALE, ttl=int(wanted.ttl), detail="source-failed")
        return self._reply(asked, found, status, wanted.age, now, Outcome.STALE_ERROR)

    async def _fetch(self, asked: Asked, forward: Forward, now: float) -> Answered:
        """Nothing that is kept is of use."""
        if asked.method == "HEAD":
            return await self._cold_head(asked, forward)
        if self._unshared.holds(asked.key, now):
            return await alone(self._pulls, asked, None, forward)
        wanted = first_range(asked.range, self._slice_bytes)
        wish = Wish((("Range", wanted),) if wanted is not None else ())
        landing, is_mine = await self._join(without_conditions(asked), wish)
        if isinstance(landing, Landed) and not same_variant(landing.stored, asked.fields):
            # It was for others; those who want the same as this one pull it together.
            wish = replace(wish, variant=variant_key(variant_like(landing.stored, asked.fields)))
            landing, is_mine = await self._join(without_conditions(asked), wish)
        return await self._landed(asked, landing, forward, now, is_mine=is_mine)

    async def _cold_head(self, asked: Asked, forward: Forward) -> Answered:
        joined = await self._pulls.heads.join(asked)
        if joined is None:
            return await alone(self._pulls, asked, None, forward)
        head, is_mine = joined
        status = CacheStatus(CACHE_NAME, forward, forward_status=head.stored.status, collapsed=not is_mine)
        reply = passed_on(asked, head.stored, status, Empty(head.length))
        return Answered(reply, Outcome.BYPASS if is_mine else Outcome.COLLAPSED)

    async def _join(self, asked: Asked, wish: Wish) -> tuple[Landing, bool]:
        """Join a pull, but none that was under way already when what it brings was purged."""
        landing, is_mine = await self._pulls.join(asked, wish)
        if not is_mine and isinstance(landing, Landed):
            stored = landing.stored
            if self._judge(asked.url, stored.tags, stored.requested_at) is not Purged.NONE:
                return await self._pulls.join(asked, wish)
        return landing, is_mine

    async def _landed(self, asked: Asked, landing: Landing, forward: Forward, now: float, *, is_mine: bool) -> Answered:
        match landing:
            case Landed(arriving=arriving) if arriving is not None and self._is_for(asked, landing, is_mine=is_mine):
                # Whoever caused the pull gets the fields too that no-cache keeps from all others.
                shown = replace(arriving, stored=landing.received) if is_mine else arriving
                return await self._arriving(asked, shown, forward, landing.status, now, is_mine=is_mine)
            case Landed(arriving=None):
                return await self._found_meanwhile(asked, forward, now)
            case Failure(stored=stored, body=body) if is_mine or landing.is_for_all:
                if not is_mine:
                    stored = replace(stored, fields=without(stored.fields, {"set-cookie"}))
                status = CacheStatus(CACHE_NAME, forward, forward_status=stored.status, collapsed=not is_mine)
                outcome = Outcome.MISS if is_mine else Outcome.COLLAPSED
                return Answered(passed_on(asked, stored, status, Bytes(body)), outcome)
            case Single() if is_mine and self._is_what_was_asked(asked, landing):
                if not wants_its_own(asked):
                    self._unshared.start(asked.key, now)
                return await alone(self._pulls, asked, landing, forward)
            case Single() if is_mine and (incoming := landing.claim()) is not None:
                await incoming.close()
        return await alone(self._pulls, asked, None, forward)

    async def _found_meanwhile(self, asked: Asked, forward: Forward, now: float) -> Answered:
        """What another pull has just brought or validated."""
        found = await self._find(asked)
        if found is None:
            return await alone(self._pulls, asked, None, forward)
        status = CacheStatus(CACHE_NAME, forward=forward, ttl=self._ttl(found, now), collapsed=True)
        return self._reply(asked, found, status, current_age(found.stored, now), now, Outcome.COLLAPSED)

    async def _arriving(
        self, asked: Asked, arriving: Arriving, forward: Forward, upstream_status: int, now: float, *, is_mine: bool
    ) -> Answered:
        if not arriving.is_whole and not is_divisible(arriving.stored) and not lies_in(arriving, asked):
            # What else was asked for could be of another version.
            return await alone(self._pulls, asked, None, forward)
        status = CacheStatus(
            CACHE_NAME,
            forward=forward,
            forward_status=upstream_status,
            ttl=self._ttl(arriving, now),
            stored=True,
            collapsed=not is_mine,
        )
        age = current_age(arriving.stored, max(now, arriving.stored.received_at))
        outcome = Outcome.MISS if is_mine else Outcome.COLLAPSED
        return self._reply(asked, arriving, status, age, now, outcome)

    def _reply(
        self, asked: Asked, found: Found, status: CacheStatus, age: float, now: float, outcome: Outcome
    ) -> Answered:
        locate = Locator(asked, found, self._shelf, self._pulls, self._slice_bytes)
        return Answered(reply_from(found, asked, status, age, now, locate), outcome)

    def _told(self, asked: Asked, answered: Answered) -> Answered:
        reply = answered.reply
        return replace(answered, reply=replace(reply, headers=self._place.told(reply.headers, asked.target)))

    def _ttl(self, found: Found, now: float) -> int:
        return int(freshness_lifetime(found.stored, self._policy) - current_age(found.stored, now))

    def _is_for(self, asked: Asked, landing: Landed, *, is_mine: bool) -> bool:
        """Whether a pull answers a request that waited for it; it may have begun before a write that came between."""
        if is_mine:
            return True
        return not self._shelf.is_outdated(asked.key, landing.stored) and may_share(asked, landing.stored, self._policy)

    def _is_what_was_asked(self, asked: Asked, single: Single) -> bool:
        """A range that was widened to slices is not the viewer's."""
        return single.stored.status != 206 and (asked.range is None or single.stored.status != 416)


def without_conditions(asked: Asked) -> Asked:
    """What is pulled for all is pulled by GET and without any one viewer's conditions."""
    fields = without(asked.fields, {"if-match", "if-none-match", "if-modified-since", "if-unmodified-since"})
    return replace(asked, method="GET", fields=fields)


def _validating(found: Found, conditional: tuple[tuple[str, str], ...]) -> Wish:
    return Wish(conditional, found.key, found.stored) if conditional else Wish()


def _is_about(found: Found, landing: Landed) -> bool:
    """Whether a 304 was about what was found."""
    return landing.arriving is None and landing.key == found.key and landing.about == found.stored


def _release(found: Found | None) -> None:
    if found is not None:
        found.release()
