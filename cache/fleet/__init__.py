"""What nodes and workers tell each other through Redis, so that a fleet loads a thing once.

    bus       messages to all who listen now; whoever did not listen has missed them
    leases    who loads a key, with a fence that tells a holder from the one before it
    purging   what is to be used no more, told to all and remembered for those who are away
    relay     the body that a holder receives, passed on while it arrives to nodes that asked for it
    waiting   the two ends of a wait for another node: its body, or its word

Nothing here is needed for a right answer: without Redis every process is a fleet of its own. Time, chance and tokens
are arguments, and Redis is known to `cache.redis_client` alone.
"""

from cache.fleet.bus import Bus, LocalBus, RedisBus
from cache.fleet.guard import Guard
from cache.fleet.leases import Lease, Leases, LocalLease, NoLeases, RedisLeases, Wake, kept
from cache.fleet.record import FleetEvent, FleetRecorder, NullFleetRecorder
from cache.fleet.relay import Followed, Growing, Relay, RelayBroken, RelayLimits
from cache.fleet.waiting import follow_or_wake

__all__ = [
    "Bus",
    "FleetEvent",
    "FleetRecorder",
    "Followed",
    "Growing",
    "Guard",
    "Lease",
    "Leases",
    "LocalBus",
    "LocalLease",
    "NoLeases",
    "NullFleetRecorder",
    "RedisBus",
    "RedisLeases",
    "Relay",
    "RelayBroken",
    "RelayLimits",
    "Wake",
    "follow_or_wake",
    "kept",
]
