"""Settings and finished mounts → the fast lane, opened."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

from cache import Cache
from origin import settings
from origin.edge.manifest import Manifest
from origin.edge.mount import Mount
from origin.lane.hot import HotBodies
from origin.lane.lane import Lane, Parts
from origin.lane.objects import Objects
from origin.lane.passes import Passes
from origin.lane.playlists import Playlists
from origin.lane.routes import Routes
from origin.lane.visitor import Read
from origin.ledger.ledger import Ledger
from origin.serving.observe import Observer
from origin.telemetry.redaction import Redactor

# A larger body leaves by sendfile: what its header costs does not matter beside it.
LARGEST_HOT = 16 * 1024 * 1024


def open_lane(
    configured: settings.Settings,
    mounts: Sequence[Mount],
    is_taken: Callable[[str], bool],
    cache: Cache[Manifest],
    ledger: Ledger,
    redactor: Redactor,
    watch: tuple[Read, Observer, Callable[[str, str, str], None]],
    stack: contextlib.AsyncExitStack,
) -> Lane | None:
    """The lane, unless it is off. `is_taken` says of a path that no mount answers it; `watch` is as for `Lane`."""
    if not configured.server.fast_lane:
        return None
    hot = HotBodies(configured.server.hot_bytes, LARGEST_HOT)
    stack.push_async_callback(hot.close)
    parts = Parts(Routes(mounts, is_taken, redactor), Passes(ledger, redactor), Playlists(cache), Objects(hot))
    return Lane(parts, *watch)
