"""What divides the parts of a multipart answer."""

from __future__ import annotations

import secrets

from origin.http.conditions import Conditions


def boundary_for(conditions: Conditions) -> str:
    """A boundary that no content can have foreseen, when the request may need one: it asks for several ranges."""
    return secrets.token_hex(12) if "," in (conditions.range or "") else "none"
