"""A mount's settings → the realm that guards it: the one place where configuration becomes admission rules."""

from __future__ import annotations

from auth import DIALECTS, Accepted, Carriage, Policy, Realm, read_options
from origin.settings import Mount, MountToken
from origin.settings.checks import carriage_of


def realm_of(mount: Mount) -> Realm:
    """The realm of a signed mount."""
    return Realm(
        prefix=mount.prefix,
        accepts=(*_session(mount), *(_accepted(mount, dialect) for dialect in mount.dialects)),
        public_origin=mount.public_url,
        policy=Policy(
            issuers=frozenset(mount.issuers),
            audiences=frozenset(mount.audience),
            leeway=float(mount.leeway_seconds),
            scope_required=mount.require_path_scope,
            expiry_required=mount.require_expiry,
        ),
    )


def exchanged(mount: Mount) -> frozenset[str]:
    """The dialects of a signed mount whose tokens are exchanged for sessions."""
    if mount.propagate == "none" or mount.session.exchange == "never":
        return frozenset()
    return frozenset(name for name in mount.dialects if mount.session.exchange == "always" or name != "jwt")


def _session(mount: Mount) -> tuple[Accepted, ...]:
    """What a viewer goes on with is asked for most, so it is looked for first."""
    if not exchanged(mount):
        return ()
    keys = mount.session.keys or mount.keys or ""
    return (Accepted("session", Carriage(mount.token_name), keys=keys, is_internal=True),)


def _accepted(mount: Mount, dialect: str) -> Accepted:
    spec, asked = DIALECTS[dialect], mount.tokens.get(dialect, MountToken())
    return Accepted(
        dialect,
        carriage_of(mount, dialect),
        options=read_options(spec.options, asked.options),
        keys=asked.keys or mount.keys or "",
        reads=spec.reads,
    )
