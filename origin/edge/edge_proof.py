"""A CDN edge proves to be ours, and is then told what a shared cache may keep.

There are four ways, each a small value: a secret, a signature over the request, Akamai's, or a client certificate. A
proof that fails refuses nothing: whoever asks is then a viewer, and the token decides.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from auth.errors import Denied, Reason
from auth.keys import Rings
from origin.edge.edge_certificate import CertificateProof
from origin.edge.edge_g2o import G2oProof
from origin.edge.edge_identity import EdgeIdentity, ProofResult, Shown, result_of
from origin.edge.edge_secret import SecretProof
from origin.edge.edge_signature import SignatureProof
from origin.serving.inbound import Inbound

Way: TypeAlias = SecretProof | SignatureProof | G2oProof | CertificateProof
FirstUse: TypeAlias = Callable[[str, float], Awaitable[bool]]  # name, seconds; Denied when that cannot be told


class Trust(StrEnum):
    """What the edge in front does about tokens."""

    VERIFIES = "verifies"  # it checks them itself; its pulls need none
    ASKS = "asks"  # it asks Headgate on every request; its pulls carry the viewer's token


@dataclass(frozen=True, slots=True)
class EdgeProof:
    """How pulls of the mount's own edge are recognised."""

    trust: Trust
    way: Way

    def challenge(self, denied: Denied) -> tuple[tuple[str, str], ...]:
        """What the refusal of a request without a token tells an edge that could have signed (RFC 9421 §5)."""
        if denied.reason is not Reason.ABSENT or self.trust is not Trust.VERIFIES:
            return ()
        return (("Accept-Signature", self.way.wanted),) if isinstance(self.way, SignatureProof) else ()


async def prove(
    proof: EdgeProof,
    inbound: Inbound,
    rings: Rings,
    now: float,
    first_use: FirstUse,
    told: Callable[[ProofResult], None],
) -> EdgeIdentity | None:
    """The edge that asks, or None: then it is not one. Call it once per request, for a nonce is used up by it.

    `first_use` is asked only about proofs that hold in every other way; `told` learns the result.
    """
    try:
        shown = proof.way.check(inbound, rings, now)
        await _use_up(shown, first_use)
    except Denied as denied:
        told(result_of(denied))
        return None
    told(ProofResult.OK)
    return shown.identity


async def _use_up(shown: Shown, first_use: FirstUse) -> None:
    if shown.once is not None and not await first_use(shown.once.name, shown.once.seconds):
        raise Denied(Reason.REPLAYED)
