"""HEAD for what is not kept: asked once for all who want to know, as edges do that ask before they answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cache.flights import Flights
from origin.http.fields import values_of
from origin.httpcache.policy import Policy
from origin.httpcache.stored import StoredResponse
from origin.httpcache.storing import StoreVerdict, may_store
from origin.shield.asked import Asked
from origin.shield.audience import may_share
from origin.shield.landing import Single

_CONDITIONS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")


@dataclass(frozen=True, slots=True)
class Head:
    """What an upstream says of a representation."""

    stored: StoredResponse
    length: int | None  # of the body that a GET would have
    is_shareable: bool  # a GET like this could be kept for others


class Heads:
    """The heads that are being asked for, for one mount."""

    def __init__(self, ask: Callable[[Asked], Awaitable[Single]], policy: Policy) -> None:
        """`ask` passes a request on."""
        self._ask = ask
        self._policy = policy
        self._flights = Flights[str, Head]()

    async def join(self, asked: Asked) -> tuple[Head, bool] | None:
        """The head, and whether this call asked for it; None when it is not for `asked`. Raises `UpstreamError`.

        Whoever has conditions asks for itself.
        """
        if any(values_of(asked.fields, name) for name in _CONDITIONS):
            return None
        head, is_mine = await self._flights.join(asked.key, lambda: self._fetch(asked))
        is_for = is_mine or (head.is_shareable and may_share(asked, head.stored, self._policy))
        return (head, is_mine) if is_for else None

    async def close(self) -> None:
        """End what is under way."""
        await self._flights.close()

    async def _fetch(self, asked: Asked) -> Head:
        single = await self._ask(asked)
        incoming = single.claim()
        length = None
        if incoming is not None:
            lengths = values_of(incoming.fields, "content-length")
            length = int(lengths[0]) if lengths and lengths[0].isdigit() else None
            await incoming.close()
        stored = single.stored
        verdict = may_store("GET", asked.fields, stored.status, stored.fields, self._policy)
        return Head(stored, length, verdict is StoreVerdict.STORE and not values_of(stored.fields, "set-cookie"))
