"""Purging for callers of the control API: a request of the schema in, an answer of the schema out."""

from __future__ import annotations

from cache.fleet.purging import PurgeDesk, Wanted
from cache.purges import Scope
from origin.control.schemas import PurgeReceipt, PurgeRequest


class Purging:
    """What operators tell the cache."""

    def __init__(self, desk: PurgeDesk) -> None:
        """`desk` is the process's own."""
        self._desk = desk

    async def purge(self, asked: PurgeRequest) -> PurgeReceipt:
        """Put it in force, here on return. `PurgeMeaningless` for an item that can name nothing, and then none is."""
        is_soft = asked.mode == "soft"
        items = ((Scope.URL, asked.urls), (Scope.PREFIX, asked.prefixes), (Scope.TAG, asked.tags))
        wanted = [Wanted(scope, value, is_soft) for scope, values in items for value in values]
        receipt = await self._desk.purge(wanted)
        return PurgeReceipt(id=receipt.id, applied=len(receipt.purges), fleet=receipt.fleet)
