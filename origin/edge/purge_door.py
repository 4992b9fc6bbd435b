"""PURGE on the public listener: who may, what it does, and what is answered."""

from __future__ import annotations

import msgspec

from cache.fleet.purging import PurgeDesk
from origin.edge.purge_method import wanted_by
from origin.http.caching import NO_STORE, cache_control
from origin.http.reply import Bytes, Reply
from origin.serving.forwarded import TrustedProxies
from origin.serving.inbound import Inbound


class PurgeDoor:
    """Where trusted peers purge."""

    def __init__(self, purgers: TrustedProxies, desk: PurgeDesk) -> None:
        """`purgers` are the addresses that may."""
        self._purgers = purgers
        self._desk = desk

    async def answer(self, inbound: Inbound) -> Reply:
        """In force here, and as far as can be in the fleet, on return. Raises `RefusedRequestError`."""
        wanted = wanted_by(inbound, self._purgers)
        receipt = await self._desk.purge(wanted)
        told = {"id": receipt.id, "applied": len(receipt.purges), "fleet": receipt.fleet.value}
        fields = (("Content-Type", "application/json"), cache_control(NO_STORE))
        return Reply(200, fields, Bytes(msgspec.json.encode(told)))
