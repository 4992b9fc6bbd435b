"""The memory of verified tokens: a signature that held once holds for as long as its key ring does."""

from __future__ import annotations

from typing import TypeAlias

from auth.claims import Claims
from auth.keys import KeyRing

Identity: TypeAlias = tuple[str, tuple[str, ...]]  # token, what else was signed


class VerifiedTokens:
    """Claims by the exact token that said them; at most `limit`, the least recently used go first.

    Only authentic tokens are kept, so nobody without a key can fill it; and only what they said, so every
    request is judged anew. Another ring, even one with equal keys, begins with an empty memory.
    """

    __slots__ = ("_claims", "_limit", "_ring")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._claims: dict[Identity, Claims] = {}
        self._ring: KeyRing | None = None

    def __len__(self) -> int:
        return len(self._claims)

    def __repr__(self) -> str:
        return f"VerifiedTokens({len(self)} of {self._limit})"

    def get(self, identity: Identity, ring: KeyRing) -> Claims | None:
        """What this token said when it was verified with this ring."""
        if ring is not self._ring:
            return None
        claims = self._claims.pop(identity, None)
        if claims is not None:
            self._claims[identity] = claims
        return claims

    def put(self, identity: Identity, claims: Claims, ring: KeyRing) -> None:
        """Remember a token that `ring` has just verified."""
        if ring is not self._ring:
            self._claims.clear()
            self._ring = ring
        self._claims[identity] = claims
        while len(self._claims) > self._limit:
            del self._claims[next(iter(self._claims))]
