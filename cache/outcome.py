"""The words for what the cache did, which double as metric labels, and who is told them."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class Outcome(StrEnum):
    """How a look-up ended, in the words of RFC 9211 where it has one."""

    HIT = "hit"  # fresh, in this process
    HIT_SHARED = "hit_shared"  # fresh, in the shared tier
    STALE = "stale"  # served stale while it is being refreshed
    STALE_ERROR = "stale_error"  # served stale because the source failed
    REVALIDATED = "revalidated"  # stale, asked the source, not changed
    MISS = "miss"  # loaded
    COLLAPSED = "collapsed"  # waited for somebody else's load
    PARTIAL = "partial"  # some of it was there, the rest is loaded
    BYPASS = "bypass"  # for one viewer alone, so not kept


class Operation(StrEnum):
    """What was asked of the second tier."""

    GET = "get"
    SET = "set"
    DELETE = "delete"
    PROBE = "probe"


class Result(StrEnum):
    """How an operation on the second tier ended."""

    FOUND = "found"
    ABSENT = "absent"
    DONE = "done"
    REFUSED = "refused"  # it answered, with an error: full, read-only, not permitted, a foreign type
    DENIED = "denied"  # it does not know this user and password
    TIMED_OUT = "timed_out"
    FAILED = "failed"  # connection refused, reset, or nonsense on the wire


class BreakerState(StrEnum):
    """Whether the second tier is being asked."""

    CLOSED = "closed"  # it is
    OPEN = "open"  # it is not
    HALF_OPEN = "half_open"  # one probe is


class Event(StrEnum):
    """Things worth counting beside look-ups and operations."""

    SOURCE_FAILED = "source_failed"
    NOT_KEPT = "not_kept"  # too large for the first tier
    SHARED_UNREADABLE = "shared_unreadable"  # foreign, corrupt, or of another version
    SHARED_TOO_LARGE = "shared_too_large"
    SHARED_SKIPPED = "shared_skipped"  # the breaker spared the operation
    SHARED_WRITE_DROPPED = "shared_write_dropped"  # too many in flight
    SHARED_WRITE_FENCED = "shared_write_fenced"  # loaded under a lease that was lost, and a newer value was there


class Recorder(Protocol):
    """Told what happens, as it happens. Its methods are quick and never raise."""

    def looked_up(self, outcome: Outcome) -> None:
        """A look-up was answered."""
        ...

    def operated(self, operation: Operation, result: Result, seconds: float) -> None:
        """The second tier was asked and the operation took `seconds`."""
        ...

    def breaker(self, state: BreakerState) -> None:
        """The breaker changed to `state`."""
        ...

    def resized(self, entries: int, size_bytes: int, evicted: int) -> None:
        """The first tier now holds this much, after pushing `evicted` entries out."""
        ...

    def happened(self, event: Event) -> None:
        """Something countable happened."""
        ...


class NullRecorder:
    """Records nothing."""

    def looked_up(self, outcome: Outcome) -> None:
        """Nothing."""

    def operated(self, operation: Operation, result: Result, seconds: float) -> None:
        """Nothing."""

    def breaker(self, state: BreakerState) -> None:
        """Nothing."""

    def resized(self, entries: int, size_bytes: int, evicted: int) -> None:
        """Nothing."""

    def happened(self, event: Event) -> None:
        """Nothing."""
