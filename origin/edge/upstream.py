"""What lies behind a mount that has no directory of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from origin.shield.prefetch import Prefetcher
from origin.shield.shield import Shield
from origin.storage.store import StoredObject

OpenManifest = Callable[[str, str], Awaitable[StoredObject | None]]


@dataclass(frozen=True, slots=True)
class Upstream:
    """What lies behind a mount that has no directory."""

    shield: Shield
    is_http: bool  # an HTTP origin says itself how long its answers live; a bucket is told by the mount
    keeps_query: bool = False
    methods: frozenset[str] = frozenset()  # passed on beside GET and HEAD
    max_body: int = 0  # bytes of a request that is passed on
    own_fields: frozenset[str] = frozenset()  # request fields that are for this hop alone, in lower case
    tags: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # by the path below the mount that they begin with
    open_manifest: OpenManifest | None = None  # as the upstream answers it to a query; None: it has no use for one
    tells_viewers: bool = False  # the upstream is told for whom is asked
    prefetcher: Prefetcher | None = None  # looks ahead of viewers

    def tags_of(self, path: str) -> tuple[str, ...]:
        """The tags that the rules give to an object."""
        if not self.tags:
            return ()
        return tuple(tag for start, tags in self.tags.items() if path.startswith(start) for tag in tags)
