"""May this request have what it asks for below this mount, and who may store the answer?"""

from __future__ import annotations

from dataclasses import dataclass

from auth import Denied, Grant, Reason
from origin.edge.edge_identity import EdgeIdentity
from origin.edge.edge_proof import Trust
from origin.edge.lifetimes import Audience
from origin.edge.mount import Mount
from origin.serving.inbound import Inbound


@dataclass(frozen=True, slots=True)
class Admission:
    """A request that may go on. `path` and `query` are free of the token."""

    grant: Grant | None  # None: an open mount, or a pull by an edge that verifies tokens itself
    audience: Audience
    path: str
    query: str


def admit(mount: Mount, inbound: Inbound, now: float, edge: EdgeIdentity | None = None) -> Admission:
    """The admission of a GET or HEAD, or `Denied`. `edge` is who has proven to ask; None: a viewer."""
    facts = inbound.facts
    protection = mount.protection
    if protection is None:
        return Admission(None, Audience.EVERYBODY, facts.path, facts.query)
    proof = protection.proof
    is_edge = proof is not None and edge is not None
    audience = Audience.EDGE if is_edge else Audience.VIEWER
    try:
        grant = protection.gate.admit(facts, protection.rings(), now)
    except Denied as denied:
        is_verified_there = is_edge and proof is not None and proof.trust is Trust.VERIFIES
        if is_verified_there and denied.reason is Reason.ABSENT:
            return Admission(None, audience, facts.path, facts.query)
        raise
    return Admission(grant, audience, grant.path, grant.query)


async def admit_with_new_keys(
    mount: Mount, inbound: Inbound, now: float, edge: EdgeIdentity | None = None
) -> Admission:
    """`admit`, and once more when the token names a key that nobody here had and a source of keys has now."""
    try:
        return admit(mount, inbound, now, edge)
    except Denied as denied:
        missed = None if mount.protection is None else mount.protection.missed
        if denied.reason is not Reason.UNKNOWN_KEY or missed is None or not await missed():
            raise
    return admit(mount, inbound, now, edge)
