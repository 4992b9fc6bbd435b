"""A ledger's memory inside one process: for one worker, and for tests."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from auth.errors import Misuse
from auth.revocation import Revocation, Revocations
from origin.ledger.store import LedgerFull, LedgerUnavailable, Stream
from origin.ledger.turns import Lease, takes_turn

# Uses and subjects remembered. Beyond it one-time tokens are not let in: forgetting one would let it in twice.
MOST_REMEMBERED = 100_000
# Seconds between two looks for uses that may be forgotten: each goes through all of them.
_SWEEP_EVERY = 1.0


class MemoryLedger:
    """A `LedgerStore` that nothing outlasts and nobody shares."""

    def __init__(self, clock: Callable[[], float], most: int = MOST_REMEMBERED) -> None:
        """`clock` gives Unix seconds; `most` bounds the uses and the subjects that are remembered."""
        self._clock = clock
        self._most = most
        self._uses: dict[tuple[str, str], float] = {}
        self._swept_at = -math.inf
        self._leases: dict[tuple[str, str], dict[str, Lease]] = {}
        self._revoked = Revocations()

    async def first_use(self, mount: str, token_id: str, seconds: float) -> bool:
        """See `LedgerStore`. `LedgerUnavailable` when there is no room."""
        now, key = self._clock(), (mount, token_id)
        if now < self._uses.get(key, now):
            return False
        if len(self._uses) >= self._most and abs(now - self._swept_at) >= _SWEEP_EVERY:
            self._swept_at = now
            self._uses = {key: ends for key, ends in self._uses.items() if now < ends}
        if len(self._uses) >= self._most:
            raise LedgerUnavailable("no more uses can be remembered")
        self._uses[key] = now + seconds
        return True

    async def lease(self, stream: Stream) -> bool:
        """See `LedgerStore`. `LedgerUnavailable` when there is no room."""
        now, key = self._clock(), (stream.mount, stream.subject)
        if key not in self._leases and len(self._leases) >= self._most:
            self._forget(now)
        leases = {name: lease for name, lease in self._leases.get(key, {}).items() if now < lease.ends}
        self._leases[key] = leases
        return takes_turn(leases, stream, now)

    async def revoke(self, revocation: Revocation) -> None:
        """See `LedgerStore`."""
        try:
            self._revoked = self._revoked.without(revocation.id).with_entry(revocation, self._clock())
        except Misuse as misuse:
            raise LedgerFull(str(misuse)) from None

    async def lift(self, revocation_id: str) -> bool:
        """See `LedgerStore`."""
        is_known = revocation_id in self._revoked
        self._revoked = self._revoked.without(revocation_id)
        return is_known

    async def revocations(self, known: Revocations) -> Revocations:
        """See `LedgerStore`."""
        del known
        self._revoked = self._revoked.in_force(self._clock())
        return self._revoked

    async def change(self, seconds: float) -> None:
        """See `LedgerStore`."""
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """See `LedgerStore`."""

    def _forget(self, now: float) -> None:
        self._leases = {
            key: leases for key, leases in self._leases.items() if any(now < one.ends for one in leases.values())
        }
        if len(self._leases) >= self._most:
            raise LedgerUnavailable("no more viewers can be remembered")
