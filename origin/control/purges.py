"""Purging for callers of the control API: a request of the schema in, an answer of the schema out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cache.fleet.purging import PurgeDesk, Wanted
from cache.purges import Purge, Scope
from origin.control.schemas import PurgeReceipt, PurgeRequest

Pass = Callable[[Sequence[Purge]], None]


def _to_nobody(_purges: Sequence[Purge]) -> None:
    """There is no edge in front."""


class Purging:
    """What operators tell the cache."""

    def __init__(self, desk: PurgeDesk, pass_on: Pass = _to_nobody) -> None:
        """`pass_on` is told of each purge once it is in force here; it is quick and never raises."""
        self._desk = desk
        self._pass_on = pass_on

    async def purge(self, asked: PurgeRequest) -> PurgeReceipt:
        """Put it in force, here on return. `PurgeMeaningless` for an item that can name nothing, and then none is."""
        is_soft = asked.mode == "soft"
        items = ((Scope.URL, asked.urls), (Scope.PREFIX, asked.prefixes), (Scope.TAG, asked.tags))
        wanted = [Wanted(scope, value, is_soft) for scope, values in items for value in values]
        receipt = await self._desk.purge(wanted)
        self._pass_on(receipt.purges)
        return PurgeReceipt(id=receipt.id, applied=len(receipt.purges), fleet=receipt.fleet)
