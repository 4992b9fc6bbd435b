"""The interface of a ledger's memory, and the one way in which it fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from auth.revocation import Revocation, Revocations


class LedgerUnavailable(Exception):  # noqa: N818  # reads as the state it is
    """The store does not answer in time, or not sensibly. Its text names no address and no password."""


class LedgerFull(Exception):  # noqa: N818  # as above
    """There are as many revocations as are kept; lift some, or rotate the keys."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One playback session that wants to go on."""

    mount: str  # the prefix
    subject: str
    session: str  # what tells this playback from the subject's others
    most: int  # streams at once, ≥ 1
    lease_seconds: float  # without a renewal for so long, the stream has ended
    evicts: bool = False  # a new stream ends the one that began first, instead of being refused


class LedgerStore(Protocol):
    """Every method raises `LedgerUnavailable` when the store is away, and decides alike for all who share it."""

    async def first_use(self, mount: str, token_id: str, seconds: float) -> bool:
        """Note a use, for `seconds`; whether it is the first. Of any number at once exactly one is."""
        ...

    async def lease(self, stream: Stream) -> bool:
        """Begin or renew a stream; whether it may go on. Never more than `most` of a subject may at once.

        A stream that was evicted stays refused until it has not asked for `lease_seconds`.
        """
        ...

    async def revoke(self, revocation: Revocation) -> None:
        """Add an entry, or put a new one in its place. `LedgerFull` when there is no room."""
        ...

    async def lift(self, revocation_id: str) -> bool:
        """Take an entry out; whether there was one."""
        ...

    async def revocations(self, known: Revocations) -> Revocations:
        """The entries in force now. `known` is what the caller had before, and is given back when nothing changed."""
        ...

    async def change(self, seconds: float) -> None:
        """Return when revocations may have changed, or after `seconds`. Raises nothing."""
        ...

    async def close(self) -> None:
        """End. Idempotent."""
        ...
