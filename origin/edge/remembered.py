"""The last question about a token that is otherwise good: what the fleet remembers of it."""

from __future__ import annotations

from origin.edge.admission import Admission
from origin.edge.mount import Mount
from origin.ledger.ledger import Asked, Ledger


async def recall(ledger: Ledger, mount: Mount, admission: Admission, asset: str) -> None:
    """Raise Denied when the token, or the asset, is revoked, used up, or one stream too many.

    An edge that verifies tokens itself pulls without one: of all rules only a revoked asset is held against it. Nothing
    is asked about an open mount.
    """
    protection, grant = mount.protection, admission.grant
    if protection is None:
        return
    claims, token = (None, None) if grant is None else (grant.claims, grant.token)
    await ledger.check(Asked(mount.label, asset, claims, token, protection.limits))
