"""Who of a subject's streams may go on: a pure rule about the leases that a store remembers."""

from __future__ import annotations

from dataclasses import dataclass

from origin.ledger.store import Stream


@dataclass(slots=True)
class Lease:
    """One session's. Times are Unix seconds."""

    began: float
    ends: float
    is_evicted: bool = False


def takes_turn(leases: dict[str, Lease], stream: Stream, now: float) -> bool:
    """Begin or renew a stream among its subject's `leases` by session, which are changed; whether it may go on.

    Leases that have ended must have been taken out.
    """
    mine = leases.get(stream.session)
    if mine is None:
        mine = _begin(leases, stream, now)
    if mine is None:
        return False
    mine.ends = now + stream.lease_seconds
    return not mine.is_evicted


def _begin(leases: dict[str, Lease], stream: Stream, now: float) -> Lease | None:
    """A new lease among those of its subject, or None when there is no place for it."""
    playing = sorted((one for one in leases.values() if not one.is_evicted), key=lambda one: one.began)
    excess = len(playing) - stream.most + 1
    if excess > 0 and not stream.evicts:
        return None
    for oldest in playing[: max(0, excess)]:
        oldest.is_evicted = True
        oldest.ends = now + stream.lease_seconds
    leases[stream.session] = fresh = Lease(now, now)
    return fresh
