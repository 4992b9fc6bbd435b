"""The words for what a node did with others, which double as metric labels, and who is told them."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class FleetEvent(StrEnum):
    """Things worth counting. Those of bytes count bytes."""

    BUS_CONNECTED = "bus_connected"
    BUS_LOST = "bus_lost"
    MESSAGE_SENT = "message_sent"
    MESSAGE_DROPPED = "message_dropped"  # too many waited, or Redis did not take it
    MESSAGE_IGNORED = "message_ignored"  # foreign, of another version, or too large
    LEASE_ACQUIRED = "lease_acquired"
    LEASE_LOCAL = "lease_local"  # Redis is away: everybody loads alone
    LEASE_HELD = "lease_held"  # by somebody else
    LEASE_LOST = "lease_lost"  # by a holder that took too long
    WOKEN_DONE = "woken_done"
    WOKEN_FAILED = "woken_failed"
    WAIT_EXPIRED = "wait_expired"  # the holder is gone, or the waiter's time is over
    RELAY_STARTED = "relay_started"
    RELAY_DECLINED = "relay_declined"  # too large or too late
    RELAY_FOLLOWED = "relay_followed"
    RELAY_BROKEN = "relay_broken"  # for a node that followed
    BYTES_SHARED = "bytes_shared"
    BYTES_FOLLOWED = "bytes_followed"


class FleetRecorder(Protocol):
    """Told what happens, as it happens. Quick, and never raises."""

    def noted(self, event: FleetEvent, amount: int = 1) -> None:
        """Something countable happened."""
        ...


class NullFleetRecorder:
    """Records nothing."""

    def noted(self, event: FleetEvent, amount: int = 1) -> None:
        """Nothing."""
