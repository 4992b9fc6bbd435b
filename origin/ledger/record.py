"""What a ledger tells of itself."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class Rule(StrEnum):
    """What is held against a token that is otherwise good."""

    REVOCATION = "revocation"
    ONE_TIME = "one_time"
    STREAMS = "streams"


class Decision(StrEnum):
    """What came of it. Requests that no entry is about are not counted under REVOCATION."""

    KEPT = "kept"
    BROKEN = "broken"
    UNCHECKED = "unchecked"  # the store was away, and the mount lets such requests in
    UNAVAILABLE = "unavailable"  # the store was away, and the mount refuses them
    UNNAMED = "unnamed"  # the token names no subject: nobody's streams, so that none is too many


class StoreOperation(StrEnum):
    """What was asked of the store in vain."""

    FIRST_USE = "first_use"
    LEASE = "lease"
    LOAD = "load"
    REVOKE = "revoke"
    LIFT = "lift"


class Recorder(Protocol):
    """Listens to a ledger."""

    def ledger_decided(self, mount: str, rule: Rule, decision: Decision) -> None:
        """A rule was applied to a request below this mount."""
        ...

    def ledger_failed(self, operation: StoreOperation) -> None:
        """The store could not be asked."""
        ...

    def revocations(self, entries: int, age_seconds: float) -> None:
        """So many are in force here, and were known to be all so long ago."""
        ...
