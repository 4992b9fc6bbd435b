"""Who an edge has proven to be, and what came of its proof: shared by all the ways to prove it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias

from auth.errors import Denied, Reason

Address: TypeAlias = IPv4Address | IPv6Address


class ProofResult(StrEnum):
    """What came of looking for a proof."""

    OK = "ok"
    ABSENT = "absent"
    INVALID = "invalid"
    EXPIRED = "expired"  # or from the future
    REPLAYED = "replayed"
    UNKNOWN_KEY = "unknown_key"  # or one that is not in force, or a certificate that nobody has named
    UNAVAILABLE = "unavailable"  # whether it was shown before cannot be told at the moment


@dataclass(frozen=True, slots=True)
class EdgeIdentity:
    """A proven edge. `name` is a configured word, never what a client has made up."""

    name: str  # a key's id, a certificate's name or fingerprint as configured, or "secret"
    client: Address | None = None  # the viewer, where the proof covers its address


@dataclass(frozen=True, slots=True)
class Once:
    """What may be shown once: a name of fixed length, and for how many seconds it has to be remembered."""

    name: str
    seconds: float

    @classmethod
    def of(cls, key_id: str, text: str, seconds: float) -> Once:
        """`text` is unique among what that key has signed."""
        return cls(hashlib.sha256(f"{key_id}\n{text}".encode()).hexdigest(), seconds)


@dataclass(frozen=True, slots=True)
class Shown:
    """A proof that holds, unless it was seen before."""

    identity: EdgeIdentity
    once: Once | None = None


_RESULTS = {
    Reason.ABSENT: ProofResult.ABSENT,
    Reason.EXPIRED: ProofResult.EXPIRED,
    Reason.NOT_YET_VALID: ProofResult.EXPIRED,
    Reason.UNKNOWN_KEY: ProofResult.UNKNOWN_KEY,
    Reason.KEY_NOT_IN_FORCE: ProofResult.UNKNOWN_KEY,
    Reason.REPLAYED: ProofResult.REPLAYED,
    Reason.STORE_UNAVAILABLE: ProofResult.UNAVAILABLE,
}


def result_of(denied: Denied) -> ProofResult:
    """What a proof that does not hold is counted as."""
    return _RESULTS.get(denied.reason, ProofResult.INVALID)
