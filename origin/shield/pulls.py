"""One pull for all who wait, whose body fills the shelf while it is served."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from cache.disk.errors import DiskError
from cache.fleet.leases import Lease, kept
from cache.fleet.relay import Followed
from cache.flights import Flights
from origin.http.fields import Fields, combined, without
from origin.httpcache.combining import part_of
from origin.httpcache.passing import forwardable_request, forwardable_response
from origin.httpcache.policy import Policy
from origin.httpcache.stored import StoredResponse
from origin.httpcache.storing import StoreVerdict, may_store, storable_fields, stored_of
from origin.httpcache.tags import bounded
from origin.httpcache.updating import freshened, is_match_for
from origin.shield.asked import Asked
from origin.shield.audience import may_share, wants_its_own
from origin.shield.heads import Heads
from origin.shield.intake import Intake
from origin.shield.landing import Failure, Landed, Landing, Single
from origin.shield.recorder import Event, Recorder
from origin.shield.relayed import Relayed, rest_of
from origin.shield.sharing import Fleet, Run, Shifted, pack_head, unpack_head
from origin.shield.shelf import Arriving, Kept, Shelf
from origin.shield.wish import Wish
from origin.upstream.origin_server import Incoming, OriginServer, Outgoing, Trouble, UpstreamError

_log = logging.getLogger(__name__)

# The longest body of an upstream's 5xx that all who waited are given.
_FAILURE_BYTES = 64 * 1024
# How often a node waits for another one's pull before it does its own.
_TURNS = 2
_SAYS_LIFETIME = ("Cache-Control", "Expires", "Pragma")
_CONDITIONAL = frozenset(
    {"if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range", "content-type"}
)


class Pulls:
    """The pulls of one mount that are under way."""

    def __init__(
        self,
        upstream: OriginServer,
        shelf: Shelf,
        policy: Policy,
        clock: Callable[[], float],
        recorder: Recorder,
        largest: int,
        fleet: Fleet | None = None,
    ) -> None:
        """`clock` gives Unix seconds; a body of more than `largest` bytes is passed on and not kept.

        With a `fleet`, what nobody has is pulled by one node.
        """
        self._upstream = upstream
        self._shelf = shelf
        self._policy = policy
        self._clock = clock
        self._recorder = recorder
        self._fleet = fleet
        self._flights = Flights[str, Landing]()
        self.heads = Heads(self.pass_on, policy)
        self._intake = Intake(shelf, recorder, largest)

    async def join(self, asked: Asked, wish: Wish) -> tuple[Landing, bool]:
        """What the pull for this URL and range comes to, and whether this call began it. Raises `UpstreamError`."""
        return await self._flights.join(_flight(asked, wish), lambda: self._led(asked, wish))

    def launch(self, asked: Asked, wish: Wish) -> None:
        """Begin that pull and let nobody wait for it."""
        self._flights.launch(_flight(asked, wish), lambda: self._alone(asked, wish))

    async def pull(self, asked: Asked, wish: Wish) -> Landing:
        """One pull. Raises `UpstreamError`."""
        requested_at = self._clock()
        fields = (*forwardable_request(asked.fields), *wish.fields)
        incoming = await self._upstream.fetch(Outgoing("GET", asked.target, fields, viewer=asked.viewer))
        is_taken = False
        try:
            landing = await self._land(asked, wish, incoming, requested_at)
            is_taken = isinstance(landing, Single) or (isinstance(landing, Landed) and landing.arriving is not None)
            return landing
        finally:
            if not is_taken:
                await incoming.close()

    async def pass_on(self, asked: Asked) -> Single:
        """The viewer's own request, its conditions and range included, for nobody else. Raises `UpstreamError`."""
        requested_at = self._clock()
        own = tuple(field for field in asked.fields if field[0].lower() in _CONDITIONAL)
        fields = (*without(forwardable_request(asked.fields), {"content-type"}), *own)
        incoming = await self._upstream.fetch(Outgoing(asked.method, asked.target, fields, asked.body, asked.viewer))
        return Single.of(_as_received(self._head(asked, incoming, requested_at), incoming), "passed_on", incoming)

    def head_of(self, asked: Asked, single: Single) -> StoredResponse | None:
        """The response to a POST as one to later GETs, where it says that it is that (RFC 9110 §9.3.3)."""
        stored = single.stored
        verdict = may_store(
            asked.method, asked.fields, stored.status, stored.fields, self._policy, target_uri=asked.target
        )
        kept = replace(stored, fields=storable_fields(stored.fields, self._policy))
        return kept if verdict is StoreVerdict.STORE else None

    async def keep(self, asked: Asked, stored: StoredResponse, incoming: Incoming) -> Arriving:
        """Fill the shelf with a response that may be kept. Raises `DiskError`, and then the response is not taken."""
        arriving = await self._shelf.begin(asked, stored, incoming.length)
        self._intake.take(arriving, incoming)
        return arriving

    async def close(self) -> None:
        """End all pulls; what had not arrived is not kept."""
        await self._flights.close()
        await self.heads.close()
        await self._intake.close()

    async def _led(self, asked: Asked, wish: Wish) -> Landing:
        """A pull that no other node does at the same time.

        Each node validates what it has by itself: a 304 tells the others nothing about what they have.
        """
        fleet = self._fleet
        if fleet is None or (wish.stored is not None and wish.range is None):
            return await self.pull(asked, wish)
        name = _flight(asked, wish)
        for _ in range(_TURNS):
            lease = await fleet.leases.acquire(name)
            if lease is not None:
                return await self._lead(asked, wish, name, lease)
            followed = await fleet.follow_or_wait(name)
            landing = None if followed is None else await self._follow(fleet, asked, wish, followed)
            if landing is not None:
                return landing
        return await self.pull(asked, wish)

    async def _lead(self, asked: Asked, wish: Wish, name: str, lease: Lease) -> Landing:
        is_done: bool | None = False
        try:
            async with kept(lease):
                landing = await self.pull(asked, wish)
            if isinstance(landing, Landed) and landing.arriving is not None:
                self._intake.own(self._share(name, lease, landing, landing.arriving))
                return landing
            # What is for one viewer alone, each node pulls by itself, at once.
            is_done = None if isinstance(landing, Single) else not isinstance(landing, Failure)
        except BaseException:
            await asyncio.shield(lease.release(False))
            raise
        await lease.release(is_done)
        return landing

    async def _share(self, name: str, lease: Lease, landing: Landed, arriving: Arriving) -> None:
        """Hold the lease while the body arrives, and pass it on to those who wait."""
        run = Run(arriving.fill.length, arriving.start, arriving.stop)
        relay = None if self._fleet is None else self._fleet.relay
        sharing: asyncio.Task[None] | None = None
        if relay is not None and not lease.is_local:
            head = pack_head(landing.stored, landing.status, run)
            body = Shifted(arriving.fill, run)
            sharing = asyncio.create_task(relay.share(name, lease.fence, head, body, run.size))
        try:
            async with kept(lease):
                await arriving.ended.wait()
            await lease.release(not arriving.is_broken and arriving.fill.is_saved)
            if sharing is not None:
                await sharing
        finally:
            if sharing is not None:
                sharing.cancel()
                await asyncio.gather(sharing, return_exceptions=True)

    async def _follow(self, fleet: Fleet, asked: Asked, wish: Wish, followed: Followed) -> Landing | None:
        """The response that another node pulls; None when it is of no use here."""
        told = unpack_head(followed)
        if told is None:
            return None
        stored, status, run = told
        if not may_share(asked, stored, self._policy) or fleet.has_purged(asked.url, stored):
            return None
        try:
            arriving = await self._intake.place(asked, wish, stored, run, is_part=status == 206)
        except (DiskError, UpstreamError):
            return None
        self._recorder.happened(Event.RELAYED)
        rest = partial(rest_of, self._upstream, asked, stored, run)
        self._intake.take(arriving, Relayed(followed, stored, status, rest))
        return Landed(arriving.key, arriving.stored, stored, status, arriving)

    async def _alone(self, asked: Asked, wish: Wish) -> Landing:
        landing = await self.pull(asked, wish)
        if isinstance(landing, Single) and (incoming := landing.claim()) is not None:
            await incoming.close()
        return landing

    def _head(self, asked: Asked, incoming: Incoming, requested_at: float) -> StoredResponse:
        fields = incoming.fields
        # What is not there now may be there soon: no rule for what is there holds for it.
        if (
            asked.rule is not None
            and incoming.status < 300
            and not any(combined(fields, name) for name in _SAYS_LIFETIME)
        ):
            fields = (*fields, ("Cache-Control", asked.rule))
        stored = stored_of(
            incoming.status,
            fields,
            self._policy,
            request_fields=asked.fields,
            requested_at=requested_at,
            received_at=self._clock(),
        )
        return replace(stored, tags=bounded([*stored.tags, *asked.tags])) if asked.tags else stored

    async def _land(self, asked: Asked, wish: Wish, incoming: Incoming, requested_at: float) -> Landing:
        if incoming.status == 304 and wish.stored is not None:
            return await self._revalidated(asked, wish, incoming, requested_at)
        stored = self._head(asked, incoming, requested_at)
        verdict = may_store("GET", asked.fields, stored.status, incoming_fields(stored, incoming), self._policy)
        # A failure that may be kept must not push out what may stand in for it.
        if stored.status >= 500 and (verdict is not StoreVerdict.STORE or wish.stored is not None):
            return Failure(stored, await _small(incoming), not wants_its_own(asked))
        if verdict is not StoreVerdict.STORE:
            return Single.of(_as_received(stored, incoming), verdict.value, incoming)
        return await self._keep(asked, wish, incoming, stored)

    async def _revalidated(self, asked: Asked, wish: Wish, incoming: Incoming, requested_at: float) -> Landing:
        stored = wish.stored
        if stored is None or not is_match_for(stored, forwardable_response(incoming.fields)):
            await incoming.close()
            return await self.pull(asked, Wish())
        fresh = freshened(
            stored,
            incoming.fields,
            self._policy,
            request_fields=asked.fields,
            requested_at=requested_at,
            received_at=self._clock(),
        )
        # A 304 can forbid what its 200 allowed.
        if may_store("GET", asked.fields, fresh.status, fresh.fields, self._policy) is not StoreVerdict.STORE:
            await self._shelf.forget(wish.key)
            return Landed(wish.key, fresh, fresh, 304, None, stored)
        kept = await self._shelf.at(wish.key)
        if isinstance(kept, Kept):
            # Where another response has taken its place meanwhile, this is not its head.
            if kept.stored == stored:
                await self._shelf.refresh(kept, fresh)
            kept.release()
        return Landed(wish.key, fresh, fresh, 304, None, stored)

    async def _keep(self, asked: Asked, wish: Wish, incoming: Incoming, stored: StoredResponse) -> Landing:
        """Begin to fill the shelf, where there is room and it is known for which bytes."""
        run = _run_of(wish, incoming, stored)
        if run is None or not self._intake.fits(run):
            return Single.of(_as_received(stored, incoming), "range" if run is None else "too_large", incoming)
        try:
            arriving = await self._intake.place(asked, wish, stored, run, is_part=stored.status == 206)
        except DiskError as error:
            self._recorder.happened(Event.NOT_KEPT)
            return Single.of(_as_received(stored, incoming), error.reason, incoming)
        self._intake.take(arriving, incoming)
        received = replace(arriving.stored, fields=_shown(arriving.stored, incoming))
        return Landed(arriving.key, arriving.stored, received, stored.status, arriving)


def _flight(asked: Asked, wish: Wish) -> str:
    # What must be validated and what is not there at all are pulled by the same flight.
    return f"{asked.key} {wish.range or ''} {wish.variant}".rstrip()


def _run_of(wish: Wish, incoming: Incoming, stored: StoredResponse) -> Run | None:
    """None for a part that cannot be kept: nobody knows of how much, or several parts at once."""
    if stored.status != 206:
        return Run(incoming.length)
    part = part_of(206, incoming.fields)
    if part is None or part.span is None or part.complete_length is None or wish.range is None:
        return None
    return Run(part.complete_length, part.span.start, part.span.stop)


def incoming_fields(stored: StoredResponse, incoming: Incoming) -> Fields:
    """What is judged: the fields as received, and a rule of ours that was put beside them."""
    return (*incoming.fields, *_ours(stored, incoming))


def _ours(stored: StoredResponse, incoming: Incoming) -> Fields:
    return tuple(field for field in stored.fields if field[0] == "Cache-Control" and field not in incoming.fields)


def _shown(stored: StoredResponse, incoming: Incoming) -> Fields:
    """What is kept, and what no-cache and private keep out of it."""
    known = {name.lower() for name, _ in stored.fields} | {"content-range", "content-length"}
    return (*stored.fields, *without(forwardable_response(incoming.fields), known))


def _as_received(stored: StoredResponse, incoming: Incoming) -> StoredResponse:
    """With the fields that may be passed on, though not kept."""
    return replace(stored, fields=(*forwardable_response(incoming.fields), *_ours(stored, incoming)))


async def _small(incoming: Incoming) -> bytes:
    body = bytearray()
    async for chunk in incoming.chunks():
        body += chunk
        if len(body) > _FAILURE_BYTES:
            raise UpstreamError(Trouble.TOO_LARGE, "a failure that takes more words than are passed on")
    return bytes(body)
