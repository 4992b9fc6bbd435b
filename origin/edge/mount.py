"""A mount as the public listener sees it: a URL prefix, what lies behind, and who may have it how."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from auth import Gate, Rings, SessionPolicy
from origin.edge.edge_proof import EdgeProof
from origin.edge.lifetimes import CachePolicy
from origin.edge.upstream import Upstream
from origin.http.cors import CorsPolicy
from origin.keystore.content_keys import ContentKeys
from origin.ledger.limits import Limits
from origin.media.target import MountName
from origin.storage.descriptors import DescriptorCache
from origin.storage.store import Reader


class Propagation(StrEnum):
    """How a viewer's token reaches the URIs that a manifest names."""

    QUERY = "query"  # every URI is rewritten, per viewer
    DEFINE = "define"  # players substitute it themselves; one manifest for all
    PATH = "path"  # a path segment that relative URIs inherit
    COOKIE = "cookie"  # set once for the asset
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Exchange:
    """Tokens of these dialects are exchanged for sessions of our own, which the gate accepts as well."""

    dialects: frozenset[str]
    policy: SessionPolicy
    new_id: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Protection:
    """What makes a mount a signed one."""

    gate: Gate
    rings: Callable[[], Rings]  # the rings in force now; a reload swaps them
    propagation: Propagation
    token_name: str
    annex_i: bool  # DASH: let players carry the query on themselves (ISO/IEC 23009-1 Annex I)
    proof: EdgeProof | None  # how a CDN edge shows that it is ours
    missed: Callable[[], Awaitable[bool]] | None = None  # looks for newer keys; whether there are any
    limits: Limits = field(default_factory=Limits)
    exchange: Exchange | None = None  # None: every token goes on as it is
    renewed_for: int = SessionPolicy().most  # seconds from the first issue of a token that asks for its own renewal


@dataclass(frozen=True, slots=True)
class Mount:
    """One configured mount."""

    name: MountName
    source: Reader  # opened anew for each load of a manifest
    objects: DescriptorCache  # the same store behind open descriptors
    protection: Protection | None  # None: open to everybody
    cors: CorsPolicy
    policy: CachePolicy
    own_hosts: frozenset[str]  # "cdn.example": absolute URIs to these are ours; empty: to the host that was asked
    compress: bool = True
    content_keys: Callable[[], ContentKeys] | None = None  # those in force now; None: keys lie in storage
    upstream: Upstream | None = None  # None: objects lie in a store of this machine

    @property
    def is_transparent(self) -> bool:
        """Whether answers go through as the upstream gives them, manifests too: nothing has to be written into them."""
        behind = self.upstream
        return self.protection is None and behind is not None and behind.is_http and behind.prefetcher is None

    @property
    def label(self) -> str:
        """The mount in metrics and logs."""
        return self.name.prefix
