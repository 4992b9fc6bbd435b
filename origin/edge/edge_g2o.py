"""An Akamai edge that signs each request with a shared key (Signature Header Authentication, "G2O").

The sign string is the path and query as they were asked for. What the edge says of the viewer's address is covered by
its signature, and therefore believed: tokens are judged by that address.
"""

from __future__ import annotations

from dataclasses import dataclass

from auth.g2o import WINDOW, verify
from auth.keys import Rings, ring_of
from origin.edge.edge_identity import EdgeIdentity, Once, Shown
from origin.serving.forwarded import address_of
from origin.serving.inbound import Inbound

# What clocks of machines may be apart beyond the window, in seconds.
_OUTLIVES = 60.0


@dataclass(frozen=True, slots=True)
class G2oProof:
    """The ring of the edges' keys. Only HMAC-SHA256 (version 5) is taken."""

    keys: str  # the ring's name
    window: float = WINDOW  # seconds, to either side

    def check(self, inbound: Inbound, rings: Rings, now: float) -> Shown:
        """The request's two header fields hold; else Denied."""
        facts = inbound.facts
        asked = f"{facts.path}?{facts.query}" if facts.query else facts.path
        said = verify(facts.headers, asked, ring_of(rings, self.keys), now, window=self.window)
        once = Once.of(said.key_id, said.unique_id, 2 * self.window + _OUTLIVES)
        return Shown(EdgeIdentity(said.key_id, address_of(str(said.client))), once)
