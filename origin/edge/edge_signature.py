"""An edge that signs each request (RFC 9421), with a nonce so that a signature is good for one request.

An edge that asks again, after a connection has broken for instance, signs anew. A request with several signatures
proves nothing: an edge takes away what viewers send under these names.
"""

from __future__ import annotations

from dataclasses import dataclass

from auth.errors import Denied, Reason
from auth.http_signatures import Component, SignaturePolicy, accept_signature, verify
from auth.keys import Rings, ring_of
from origin.edge.edge_identity import EdgeIdentity, Once, Shown
from origin.serving.inbound import Inbound

# What clocks of machines may be apart beyond the policy's skew, in seconds.
_OUTLIVES = 60.0


@dataclass(frozen=True, slots=True)
class SignatureProof:
    """The ring of the edges' keys, and what their signatures have to cover."""

    keys: str  # the ring's name
    policy: SignaturePolicy

    @classmethod
    def covering(cls, keys: str, components: tuple[str, ...], max_age: float) -> SignatureProof:
        """A proof whose signatures cover at least `components` and are at most `max_age` seconds old."""
        covered = tuple(map(Component, components))
        return cls(keys, SignaturePolicy(covered, max_age, nonce_required=True))

    @property
    def wanted(self) -> str:
        """The value of `Accept-Signature` (RFC 9421 §5.1)."""
        return accept_signature(self.policy)

    def check(self, inbound: Inbound, rings: Rings, now: float) -> Shown:
        """The one signature of the request holds; else Denied."""
        said = verify(inbound.facts, ring_of(rings, self.keys), now, self.policy)
        if said.nonce is None:
            raise Denied(Reason.MALFORMED, "a signature has a nonce")
        seconds = self.policy.max_age + 2 * self.policy.skew + _OUTLIVES
        return Shown(EdgeIdentity(said.key_id), Once.of(said.key_id, said.nonce, seconds))
