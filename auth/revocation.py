"""What has been taken back: tokens, sessions, subjects, assets, and everything issued before a moment.

An immutable set of entries; a change makes another set. Every entry has an end, after which no token that it is
about can be valid any more: that bounds the set, beside `MAX_REVOCATIONS`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from auth.claims import MAX_TEXT, Claims
from auth.errors import Denied, Misuse, Reason
from auth.secret import Token

MAX_REVOCATIONS = 20_000
_MAX_MOMENT = 2**53
_ID_LENGTH = 32

_Key: TypeAlias = tuple["Revoked", str, str]


class Revoked(StrEnum):
    """What a revocation is about."""

    TOKEN = "token"  # noqa: S105  # by its id (`jti`, `cti`)
    TOKEN_HASH = "token_hash"  # noqa: S105  # by `token_hash`, for tokens that have no id
    SESSION = "session"
    SUBJECT = "subject"
    ASSET = "asset"  # whatever token opens it; needs a mount
    ISSUED_BEFORE = "issued_before"  # every token issued before a moment, and every one that does not say when


def token_hash(token: Token) -> str:
    """The SHA-256 of a token as it is spelled, in hexadecimal: it may be stored and shown.

    An ECDSA token can be spelled anew without its key (a signature's s and n - s both verify), so that this is a good
    name for tokens with a MAC only; revoke others by id, session, subject or key.
    """
    return hashlib.sha256(token.reveal().encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Revocation:
    """One entry. `mount` limits it to a mount's prefix; "" is everywhere. Times are Unix seconds."""

    what: Revoked
    value: str  # the id, hash, session, subject or asset; "" for ISSUED_BEFORE
    ends: float  # no longer kept from here on
    mount: str = ""
    moment: float | None = None  # ISSUED_BEFORE: tokens issued earlier than this

    def __post_init__(self) -> None:
        """Misuse for what names nothing, or too much."""
        has_moment = self.what is Revoked.ISSUED_BEFORE
        if has_moment == bool(self.value) and self.what is not Revoked.ASSET:
            raise Misuse("a revocation names a value, or a moment")
        if has_moment != (self.moment is not None) or not 0 <= (self.moment or 0) <= _MAX_MOMENT:
            raise Misuse("a moment in Unix seconds goes with issued_before, and with nothing else")
        if self.what is Revoked.ASSET and not self.mount:
            raise Misuse("an asset is named by its mount and its path below it")
        if max(len(self.value), len(self.mount)) > MAX_TEXT:
            raise Misuse(f"what is revoked is named in at most {MAX_TEXT} characters")
        if not 0 <= self.ends <= _MAX_MOMENT:
            raise Misuse("a revocation ends at a moment in Unix seconds")
        if any("\ud800" <= character <= "\udfff" for character in self.value + self.mount):
            raise Misuse("what is revoked is named in Unicode text")

    @property
    def id(self) -> str:
        """A name for the entry that fits into a URL; the same revocation, however long it is for, has the same."""
        said = "\n".join(
            (self.what.value, self.mount, "" if self.moment is None else repr(float(self.moment)), self.value)
        )
        return hashlib.sha256(said.encode()).hexdigest()[:_ID_LENGTH]


class Revocations:
    """All that is revoked, asked in constant time. Immutable."""

    __slots__ = ("_by_id", "_ends", "_moments")

    def __init__(self, entries: Iterable[Revocation] = ()) -> None:
        """Of entries with the same id the one that ends last counts. Misuse for more than `MAX_REVOCATIONS`."""
        self._by_id: dict[str, Revocation] = {}
        for entry in entries:
            name = entry.id
            known = self._by_id.get(name)
            if known is None or known.ends < entry.ends:
                self._by_id[name] = entry
        if len(self._by_id) > MAX_REVOCATIONS:
            raise Misuse(f"at most {MAX_REVOCATIONS} revocations are kept")
        self._ends: dict[_Key, float] = {}
        self._moments: dict[str, list[tuple[float, float]]] = {}  # by mount: (moment, end), the latest moment first
        for entry in self._by_id.values():
            if entry.moment is None:
                self._ends[entry.what, entry.mount, entry.value] = entry.ends
            else:
                self._moments.setdefault(entry.mount, []).append((entry.moment, entry.ends))
        for moments in self._moments.values():
            moments.sort(reverse=True)

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Revocation]:
        return iter(self._by_id.values())

    def __contains__(self, revocation_id: object) -> bool:
        return revocation_id in self._by_id

    def __repr__(self) -> str:
        return f"Revocations({len(self)})"

    def in_force(self, now: float) -> Revocations:
        """The set without what has ended; the same one when nothing has."""
        entries = [entry for entry in self if now < entry.ends]
        return self if len(entries) == len(self) else Revocations(entries)

    def with_entry(self, entry: Revocation, now: float) -> Revocations:
        """The set with one more, and without what has ended. Misuse when it is full."""
        return Revocations((*self.in_force(now), entry))

    def without(self, revocation_id: str) -> Revocations:
        """The set without one."""
        return Revocations(entry for entry in self if entry.id != revocation_id)

    def objection(
        self, claims: Claims | None, mount: str, asset: str, now: float, token: Token | None = None
    ) -> Denied | None:
        """`Denied` when any entry in force is about this request, or None.

        `mount` is the mount's prefix and `asset` the asset's path below it. Without claims, when who asks needs no
        token, only the asset counts. Constant time, however many entries.
        """
        if not self._by_id:
            return None
        if claims is None:
            return Denied(Reason.REVOKED) if self._holds(Revoked.ASSET, mount, asset, now) else None
        named = (
            (Revoked.TOKEN, claims.token_id),
            (Revoked.SESSION, claims.session_id),
            (Revoked.SUBJECT, claims.subject),
            (Revoked.ASSET, asset),
            (Revoked.TOKEN_HASH, None if token is None else token_hash(token)),
        )
        for what, value in named:
            if value is not None and (self._holds(what, mount, value, now) or self._holds(what, "", value, now)):
                return Denied(Reason.REVOKED)
        if self._is_too_old(claims.issued_at, mount, now) or self._is_too_old(claims.issued_at, "", now):
            return Denied(Reason.REVOKED)
        return None

    def _holds(self, what: Revoked, mount: str, value: str, now: float) -> bool:
        ends = self._ends.get((what, mount, value))
        return ends is not None and now < ends

    def _is_too_old(self, issued_at: float | None, mount: str, now: float) -> bool:
        """The latest moment in force decides; only those that have ended, and will be dropped, are passed over."""
        latest = next((moment for moment, ends in self._moments.get(mount, ()) if now < ends), None)
        return latest is not None and (issued_at is None or issued_at < latest)
