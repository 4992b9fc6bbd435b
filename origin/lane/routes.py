"""What a path asks for, worked out once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from auth.scope import UnsafePath, normalise
from cache import CacheKey
from origin.edge.lifetimes import MANIFESTS
from origin.edge.manifests import manifest_key
from origin.edge.mount import Mount
from origin.lane.heads import HARMLESS
from origin.media.kinds import Kind
from origin.media.target import Refused, Target, find_mount, parse_target
from origin.telemetry.redaction import Redactor

_MOST = 16_384  # paths remembered


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """Where a path leads."""

    mount: Mount
    target: Target
    path: str  # as received
    shown: bytes  # the same, as it may be written down
    normal: str  # in the spelling that scopes are held against
    is_manifest: bool
    key: CacheKey  # of a manifest


class Routes:
    """The paths below mounts that the lane can serve; what came first is forgotten first."""

    def __init__(self, mounts: Sequence[Mount], is_taken: Callable[[str], bool], redactor: Redactor) -> None:
        """`mounts` are all there are; `is_taken` says of a path that it is answered by something else."""
        self._mounts: Mapping[str, Mount] = {mount.name.prefix: mount for mount in mounts if is_served(mount)}
        self._names = tuple(mount.name for mount in mounts)
        self._is_taken = is_taken
        self._redactor = redactor
        self._known: dict[bytes, Route | None] = {}

    def find(self, path: bytes) -> Route | None:
        """Where it leads; None when that is for others to say."""
        try:
            return self._known[path]
        except KeyError:
            route = self._known[path] = self._made(path.decode("ascii"))
            if len(self._known) > _MOST:
                del self._known[next(iter(self._known))]
            return route

    def _made(self, path: str) -> Route | None:
        name = None if self._is_taken(path) else find_mount(path, self._names)
        mount = None if name is None else self._mounts.get(name.prefix)
        # What has to be hidden in a log is nothing that many ask for.
        if mount is None or self._redactor.target(path) != path:
            return None
        try:
            target, normal = parse_target(path, self._names), normalise(path)
        except (Refused, UnsafePath):
            return None
        if target.kind is Kind.KEY or target.mount != mount.name.prefix:
            return None
        return Route(
            mount, target, path, path.encode(), normal, target.kind in MANIFESTS, manifest_key(mount, target, "")
        )


def is_served(mount: Mount) -> bool:
    """Whether answers below a mount depend on nothing that the lane does not look at."""
    if mount.upstream is not None or mount.content_keys is not None:
        return False
    protection = mount.protection
    if protection is None:
        return True
    headers = {accepted.carriage.header for accepted in protection.gate.realm.accepts}
    return protection.proof is None and not protection.limits.max_streams and not headers & HARMLESS
