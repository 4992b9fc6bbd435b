"""A mount's settings → the realm that guards it: the one place where configuration becomes admission rules."""

from __future__ import annotations

from auth import Accepted, Carriage, Policy, Realm
from origin.settings import Mount


def realm_of(mount: Mount) -> Realm:
    """The realm of a signed mount."""
    carriage = Carriage(mount.token_name)
    return Realm(
        prefix=mount.prefix,
        accepts=tuple(Accepted(dialect, carriage) for dialect in mount.dialects),
        policy=Policy(
            issuers=frozenset(mount.issuers),
            audiences=frozenset(mount.audience),
            leeway=float(mount.leeway_seconds),
            scope_required=mount.require_path_scope,
        ),
    )
