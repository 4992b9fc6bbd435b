"""Revoking for callers of the control API: a request of the schema in, an answer of the schema out."""

from __future__ import annotations

import re
from collections.abc import Collection

from auth import Misuse
from auth.revocation import Revocation, Revoked
from origin.control.schemas import RevocationEntry, RevocationList, RevokeRequest
from origin.ledger.ledger import Ledger

_HASH = re.compile(r"[0-9a-f]{64}")


class RevocationDesk:
    """What operators tell the ledger."""

    def __init__(self, ledger: Ledger, mounts: Collection[str]) -> None:
        """`mounts` are the prefixes that there are: a revocation for another one would do nothing, in silence."""
        self._ledger = ledger
        self._mounts = frozenset(mounts)

    async def revoke(self, asked: RevokeRequest) -> RevocationEntry:
        """Put it in force, here on return. Misuse for what names nothing; `LedgerFull`, `LedgerUnavailable`."""
        if asked.mount and asked.mount not in self._mounts:
            raise Misuse("no mount has this prefix")
        value = _value(asked)
        return _shown(
            await self._ledger.revoke(asked.kind, value, seconds=asked.ttl, mount=asked.mount, moment=asked.moment)
        )

    def list(self) -> RevocationList:
        """What is in force here, the one that ends last first."""
        entries = sorted(self._ledger.list(), key=lambda one: (-one.ends, one.id))
        return RevocationList(revocations=tuple(map(_shown, entries)))

    async def lift(self, revocation_id: str) -> bool:
        """Take one back; whether there was one. `LedgerUnavailable`."""
        return await self._ledger.lift(revocation_id)


def _value(asked: RevokeRequest) -> str:
    """The name as requests are held against it. A token itself is refused: it would be kept and shown."""
    if asked.kind is Revoked.TOKEN_HASH and not _HASH.fullmatch(asked.value.lower()):
        raise Misuse("token_hash is the SHA-256 of a token, in hexadecimal")
    if asked.kind is Revoked.TOKEN_HASH:
        return asked.value.lower()
    return asked.value.strip("/") if asked.kind is Revoked.ASSET else asked.value


def _shown(entry: Revocation) -> RevocationEntry:
    return RevocationEntry(
        id=entry.id, kind=entry.what, value=entry.value, mount=entry.mount, moment=entry.moment, ends_at=entry.ends
    )
