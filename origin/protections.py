"""A signed mount's settings → what protects it: its gate, its edge's proof, its sessions and its limits."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from auth import Gate, Realm, SessionPolicy
from origin import settings
from origin.edge.edge_certificate import CertificateProof
from origin.edge.edge_g2o import G2oProof
from origin.edge.edge_proof import EdgeProof, Trust
from origin.edge.edge_secret import SecretProof
from origin.edge.edge_signature import SignatureProof
from origin.edge.mount import Exchange, Propagation, Protection
from origin.keystore.rings import KeyRings
from origin.ledger.limits import Limits
from origin.realms import exchanged, realm_of
from origin.settings.mount import MountEdge

# Nobody can guess a session's id, nor meet another's.
_SESSION_ID_BYTES = 12


def protection_of(mount: settings.Mount, configured: settings.Settings, rings: KeyRings) -> Protection | None:
    """The protection of a signed mount; None for an open one."""
    if mount.access == "open" or mount.keys is None:
        return None
    realm = realm_of(mount)
    return Protection(
        gate=Gate(realm),
        rings=rings.snapshot,
        propagation=Propagation(mount.propagate),
        token_name=mount.token_name,
        annex_i=mount.dash_define == "annex-i",
        proof=_proof(mount.edge),
        missed=_missed(configured, rings, realm),
        exchange=_exchange(mount),
        renewed_for=mount.session.max_seconds,
        limits=Limits(
            max_streams=mount.limits.max_streams,
            evicts=mount.limits.stream_policy == "evict",
            lease_seconds=mount.limits.lease_seconds,
            one_time_unchecked=mount.limits.on_store_failure_one_time == "allow",
            streams_unchecked=mount.limits.on_store_failure_streams == "allow",
        ),
    )


def _proof(edge: MountEdge) -> EdgeProof | None:
    if edge.trust == "none":
        return None
    trust, keys = Trust(edge.trust), edge.keys or ""
    match edge.proof:
        case "secret":
            words = tuple(secret.get_secret_value().encode() for secret in edge.secrets)
            return EdgeProof(trust, SecretProof(edge.header.lower(), words))
        case "signature":
            return EdgeProof(trust, SignatureProof.covering(keys, edge.components, edge.max_age_seconds))
        case "g2o":
            return EdgeProof(trust, G2oProof(keys))
        case "certificate":
            return EdgeProof(trust, CertificateProof(edge.names))


def _exchange(mount: settings.Mount) -> Exchange | None:
    dialects, session = exchanged(mount), mount.session
    if not dialects:
        return None
    policy = SessionPolicy(session.ttl_seconds, session.max_seconds, session.renewal_window)
    return Exchange(dialects, policy, partial(secrets.token_urlsafe, _SESSION_ID_BYTES))


def _missed(configured: settings.Settings, rings: KeyRings, realm: Realm) -> Callable[[], Awaitable[bool]] | None:
    """Asks again for a key that is not in the realm's rings; None when there is nobody to ask."""
    names = askable(configured, {accepted.keys for accepted in realm.accepts})
    return partial(rings.missed, names) if names else None


def askable(configured: settings.Settings, names: Iterable[str]) -> tuple[str, ...]:
    """Of rings, those whose source is another machine: it may be away, and it may have news before it is due."""
    return tuple(name for name in sorted(names) if (ring := configured.keyrings[name]).jwks or ring.redis)
