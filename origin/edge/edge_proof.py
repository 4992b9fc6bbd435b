"""A CDN edge shows a shared secret and is then told what a shared cache may keep.

Two secrets may be in force at once, so that one can be rotated. Comparison is constant-time over both.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Trust(StrEnum):
    """What the edge in front does about tokens."""

    VERIFIES = "verifies"  # it checks them itself; its pulls need none
    ASKS = "asks"  # it asks Headgate on every request; its pulls carry the viewer's token


@dataclass(frozen=True, slots=True)
class EdgeProof:
    """How pulls of the mount's own edge are recognised."""

    trust: Trust
    header: str  # lower case
    secrets: tuple[bytes, ...]

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"EdgeProof(trust={self.trust.value!r}, header={self.header!r}, secrets={len(self.secrets)})"

    def holds(self, fields: Sequence[tuple[str, str]]) -> bool:
        """Whether exactly one such header field is there, and it is one of the secrets."""
        shown = [value.encode(errors="surrogateescape") for name, value in fields if name == self.header]
        if len(shown) != 1:
            return False
        matches = [hmac.compare_digest(shown[0], secret) for secret in self.secrets]
        return any(matches)
