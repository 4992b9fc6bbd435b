"""The ledger: what is asked of it for each request, what operators tell it, and how it keeps up with the fleet."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from auth.claims import Claims
from auth.errors import Denied, Reason
from auth.remedy import remedied
from auth.revocation import Revocation, Revocations, Revoked, token_hash
from auth.secret import Token
from origin.ledger.leases import Leases
from origin.ledger.limits import Limits
from origin.ledger.record import Decision, Recorder, Rule, StoreOperation
from origin.ledger.store import LedgerStore, LedgerUnavailable, Stream

_log = logging.getLogger(__name__)

# How often the store is asked whether revocations have changed, where it has not said so itself: with the time that
# asking may take, well within the second that a revocation has to be in force everywhere.
CHECK_EVERY = 0.4
# Changes that come faster than this are looked at together: each look reads the whole set.
_AT_MOST_EVERY = 0.05
# How much longer than the token itself its use is remembered: the leeway for clocks at its most (`auth.Policy`), and
# what clocks of machines may be apart beside.
_USE_OUTLIVES = 300.0 + 60.0


@dataclass(frozen=True, slots=True)
class Asked:
    """An admitted request, as far as the ledger is concerned."""

    mount: str  # the prefix
    asset: str  # the asset's path below it
    claims: Claims | None  # None: who asks needs no token
    token: Token | None
    limits: Limits = field(default_factory=Limits)


class Ledger:
    """One process's view of a store. `check` is asked for every request with a token."""

    def __init__(
        self,
        store: LedgerStore,
        recorder: Recorder,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        """`clock` gives Unix seconds, `monotonic` those of a clock that never goes back."""
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._monotonic = monotonic
        self._known = Revocations()
        self._confirmed_at = monotonic()
        self._leases = Leases()
        self._changing = asyncio.Lock()
        self._is_away = False

    async def check(self, asked: Asked) -> None:
        """Let a request pass that is good in every other way, or raise Denied. A one-time token is used up by this.

        Each request counts as a use of its token, HEAD and each range too. `Remedied` where the token has a remedy.
        """
        try:
            await self._check(asked)
        except Denied as denied:
            raise remedied(denied, () if asked.claims is None else asked.claims.remedies) from None

    @property
    def has_revocations(self) -> bool:
        """Whether anything is revoked."""
        return len(self._known) > 0

    def lets_pass(self, asked: Asked) -> bool:
        """Whether `check` would let a request pass without asking the store; False says nothing, and counts nothing."""
        claims = asked.claims
        if asked.limits.max_streams or (claims is not None and claims.one_time):
            return False
        return self._known.objection(claims, asked.mount, asked.asset, self._clock(), asked.token) is None

    async def _check(self, asked: Asked) -> None:
        objection = self._known.objection(asked.claims, asked.mount, asked.asset, self._clock(), asked.token)
        if objection is not None:
            self._recorder.ledger_decided(asked.mount, Rule.REVOCATION, Decision.BROKEN)
            raise objection
        if asked.claims is None:
            return
        if asked.limits.max_streams:
            await self._check_streams(asked, asked.claims)
        if asked.claims.one_time:
            await self._check_use(asked, asked.claims)

    async def first_use(self, mount: str, name: str, seconds: float) -> bool:
        """Whether an edge shows this for the first time below a mount; it is remembered for `seconds`.

        Denied(STORE_UNAVAILABLE) when the store cannot tell. Names of tokens are others, even if they are spelt alike.
        """
        try:
            return await self._store.first_use(f"{mount} edge", name, seconds)
        except LedgerUnavailable:
            self._recorder.ledger_failed(StoreOperation.FIRST_USE)
            raise Denied(Reason.STORE_UNAVAILABLE) from None

    def list(self) -> tuple[Revocation, ...]:
        """What is revoked here now."""
        return tuple(self._known.in_force(self._clock()))

    async def revoke(
        self,
        what: Revoked,
        value: str = "",
        *,
        seconds: float,
        mount: str = "",
        moment: float | None = None,
    ) -> Revocation:
        """Revoke for `seconds`: at least as long as a token that it is about may still be valid.

        In force here on return and on every other worker within a second. One that is revoked longer already stays so.
        Misuse for what names nothing, `LedgerFull`, and `LedgerUnavailable`, after which it may or may not be in force.
        """
        entry = Revocation(what, value, self._clock() + seconds, mount, moment)
        async with self._changing:
            known = next((each for each in self._known if each.id == entry.id and each.ends >= entry.ends), None)
            try:
                await self._store.revoke(known or entry)
                await self._load()
            except LedgerUnavailable:
                self._recorder.ledger_failed(StoreOperation.REVOKE)
                raise
        return known or entry

    async def lift(self, revocation_id: str) -> bool:
        """Take a revocation back; whether there was one. `LedgerUnavailable` as for `revoke`."""
        async with self._changing:
            try:
                was_there = await self._store.lift(revocation_id)
                await self._load()
            except LedgerUnavailable:
                self._recorder.ledger_failed(StoreOperation.LIFT)
                raise
        return was_there

    async def refresh(self) -> bool:
        """Ask the store what is revoked; whether it answered. The last known set stays in force while it does not."""
        async with self._changing:
            try:
                await self._load()
            except LedgerUnavailable as error:
                self._recorder.ledger_failed(StoreOperation.LOAD)
                self._tell(str(error))
                return False
        self._tell(None)
        return True

    async def follow(self) -> None:
        """Keep up with the store, for ever: whatever goes wrong once may go well the next time."""
        while True:
            try:
                await self.refresh()
            except Exception:
                _log.exception("looking at the token ledger failed")
            self._recorder.revocations(len(self._known), self._monotonic() - self._confirmed_at)
            await asyncio.sleep(_AT_MOST_EVERY)
            await self._store.change(CHECK_EVERY)

    async def close(self) -> None:
        """Close the store. Idempotent."""
        await self._store.close()

    async def _load(self) -> None:
        asked_at = self._monotonic()
        self._known = await self._store.revocations(self._known)
        self._confirmed_at = asked_at

    def _tell(self, fault: str | None) -> None:
        """Log a change between there and away, once."""
        if (fault is not None) is self._is_away:
            return
        self._is_away = fault is not None
        if fault is None:
            _log.info("the token ledger is kept up to date again")
        else:
            _log.error("the token ledger stays as it was: %s", fault)

    async def _check_streams(self, asked: Asked, claims: Claims) -> None:
        limits = asked.limits
        decided = self._recorder.ledger_decided
        if claims.subject is None:
            decided(asked.mount, Rule.STREAMS, Decision.UNNAMED)
            return
        session = _session_of(claims, asked.token)
        stream = Stream(asked.mount, claims.subject, session, limits.max_streams, limits.lease_seconds, limits.evicts)
        goes_on = self._leases.known(stream, self._monotonic())
        if goes_on is None:
            try:
                goes_on = await self._store.lease(stream)
            except LedgerUnavailable:
                self._recorder.ledger_failed(StoreOperation.LEASE)
                self._without_store(asked, Rule.STREAMS, is_let_in=limits.streams_unchecked)
                return
            self._leases.put(stream, goes_on, self._monotonic())
        decided(asked.mount, Rule.STREAMS, Decision.KEPT if goes_on else Decision.BROKEN)
        if not goes_on:
            raise Denied(Reason.TOO_MANY_STREAMS, f"at most {limits.max_streams} at once")

    async def _check_use(self, asked: Asked, claims: Claims) -> None:
        if claims.token_id is None or claims.expires is None:
            # The token's spelling will not do for a name: an ECDSA signature has two.
            raise Denied(Reason.UNSUPPORTED, "a token for one use needs an id and an end")
        seconds = max(0.0, claims.expires - self._clock()) + _USE_OUTLIVES
        try:
            is_first = await self._store.first_use(asked.mount, claims.token_id, seconds)
        except LedgerUnavailable:
            self._recorder.ledger_failed(StoreOperation.FIRST_USE)
            self._without_store(asked, Rule.ONE_TIME, is_let_in=asked.limits.one_time_unchecked)
            return
        self._recorder.ledger_decided(asked.mount, Rule.ONE_TIME, Decision.KEPT if is_first else Decision.BROKEN)
        if not is_first:
            raise Denied(Reason.REPLAYED)

    def _without_store(self, asked: Asked, rule: Rule, *, is_let_in: bool) -> None:
        self._recorder.ledger_decided(asked.mount, rule, Decision.UNCHECKED if is_let_in else Decision.UNAVAILABLE)
        if not is_let_in:
            raise Denied(Reason.STORE_UNAVAILABLE)


def _session_of(claims: Claims, token: Token | None) -> str:
    """What tells one playback from another: its session, else its token."""
    if claims.session_id is not None:
        return f"session {claims.session_id}"
    if claims.token_id is not None:
        return f"token {claims.token_id}"
    return "" if token is None else f"hash {token_hash(token)}"
