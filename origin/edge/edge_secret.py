"""An edge that shows a shared secret in a header field.

Two secrets may be in force at once, so that one can be rotated. Comparison is constant-time over both.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from auth.errors import Denied, Reason
from auth.keys import Rings
from origin.edge.edge_identity import EdgeIdentity, Shown
from origin.serving.inbound import Inbound

_IDENTITY = EdgeIdentity("secret")


@dataclass(frozen=True, slots=True)
class SecretProof:
    """The header field, and what it may hold."""

    header: str  # lower case
    secrets: tuple[bytes, ...]

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"SecretProof(header={self.header!r}, secrets={len(self.secrets)})"

    def check(self, inbound: Inbound, _rings: Rings, _now: float) -> Shown:
        """Exactly one such header field is there, and it is one of the secrets; else Denied."""
        values = inbound.facts.fields(self.header)
        if not values:
            raise Denied(Reason.ABSENT)
        if len(values) > 1:
            raise Denied(Reason.AMBIGUOUS)
        shown = values[0].encode(errors="surrogateescape")
        matches = [hmac.compare_digest(shown, secret) for secret in self.secrets]
        if not any(matches):
            raise Denied(Reason.BAD_SIGNATURE)
        return Shown(_IDENTITY)
