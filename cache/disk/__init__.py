"""Bodies kept on disk: bounded, crash-safe, and shared by the worker processes of a machine.

A directory holds one SQLite database, the index, and a file for each body. What a body is the body of is its
caller's business: a key and an opaque head come in, the same come out.
"""

from cache.disk.errors import BodyBroken, DiskError, DiskFull, DiskUnavailable, TooLarge
from cache.disk.fill import Fill
from cache.disk.held import Held
from cache.disk.limits import DiskLimits
from cache.disk.outcome import DiskEvent, DiskRecorder
from cache.disk.rows import Stats
from cache.disk.store import DiskStore

__all__ = [
    "BodyBroken",
    "DiskError",
    "DiskEvent",
    "DiskFull",
    "DiskLimits",
    "DiskRecorder",
    "DiskStore",
    "DiskUnavailable",
    "Fill",
    "Held",
    "Stats",
    "TooLarge",
]
