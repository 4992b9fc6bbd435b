"""What an unsafe request has changed is used by no node any more (RFC 9111 §4.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cache.fleet.bus import Bus
from origin.shield.shelf import Shelf

_TOPIC = "written"


class Invalidations:
    """Forgets here at once, and has the other nodes forget as soon as they hear of it.

    One that does not hear, because Redis is away, uses what it has until that is stale.
    """

    def __init__(self, shelf: Shelf, bus: Bus, node: bytes, clock: Callable[[], float]) -> None:
        """`node` differs for every process, and all are equally long; `clock` gives Unix seconds."""
        self._shelf = shelf
        self._bus = bus
        self._node = node
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        bus.subscribe(_TOPIC, self._heard)

    async def forget(self, key: str, before: float) -> None:
        """See `Shelf.forget`."""
        await self._shelf.forget(key, before)
        self._bus.publish(_TOPIC, self._node + key.encode())

    async def close(self) -> None:
        """Wait for what was heard."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _heard(self, payload: bytes) -> None:
        node, key = payload[: len(self._node)], payload[len(self._node) :].decode(errors="replace")
        if node == self._node:
            return
        # What is on its way here may be of before; by whose clock the write came then is of no use.
        task = asyncio.get_running_loop().create_task(self._shelf.forget(key, self._clock()))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
