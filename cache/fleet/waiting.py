"""What becomes of a wait for another node that loads a body."""

from __future__ import annotations

import asyncio

from cache.fleet.leases import Leases, Wake
from cache.fleet.relay import Followed, Relay

_LAST_CHANCE_SECONDS = 0.25  # a holder that has just finished passes it on a moment longer


async def follow_or_wake(leases: Leases, relay: Relay, key: str, seconds: float) -> Followed | Wake:
    """The body that the key's holder receives, or, when it passes none on, why there is no more waiting for it.

    For a node that was refused the lease. EXPIRED at once when the holder declines: what it receives will be of no use
    here. Takes `seconds` at most and a moment; never raises.
    """
    waking = asyncio.ensure_future(leases.wait(key, seconds))
    following = asyncio.ensure_future(relay.follow(key, seconds))
    try:
        await asyncio.wait((waking, following), return_when=asyncio.FIRST_COMPLETED)
        if not following.done() and waking.result() is not Wake.FAILED:
            await asyncio.wait((following,), timeout=_LAST_CHANCE_SECONDS)
        if not following.done():
            return waking.result()
        followed = following.result()
        if followed is None and waking.done():
            return waking.result()
        return followed or Wake.EXPIRED
    finally:
        for task in (waking, following):
            task.cancel()
        await asyncio.gather(waking, following, return_exceptions=True)
