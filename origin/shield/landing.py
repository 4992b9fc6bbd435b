"""What a pull comes to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TypeAlias

from origin.httpcache.stored import StoredResponse
from origin.shield.shelf import Arriving
from origin.upstream.origin_server import Incoming

# How long a response that is for one viewer alone waits for that viewer, who may have gone.
_CLAIM_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Landed:
    """A response that all who waited may have, and that is kept."""

    key: str
    stored: StoredResponse
    received: StoredResponse  # with the fields too that are not kept
    status: int  # what the upstream said: 200, 206, 304, …
    arriving: Arriving | None  # None after a 304: the body is the one that was kept
    about: StoredResponse | None = None  # what a 304 was asked about


@dataclass(slots=True)
class Single:
    """A response that only the request that caused it may have; its body has not been read."""

    stored: StoredResponse  # its head, as it would be kept
    reason: str  # why it is not kept
    _incoming: Incoming | None = field(repr=False)
    _timer: asyncio.TimerHandle | None = field(default=None, repr=False)
    _closing: asyncio.Task[None] | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls, stored: StoredResponse, reason: str, incoming: Incoming, patience_seconds: float = _CLAIM_SECONDS
    ) -> Single:
        """Closed by itself when nobody claims it soon."""
        single = cls(stored, reason, incoming)
        single._timer = asyncio.get_running_loop().call_later(patience_seconds, single._expire)
        return single

    def claim(self) -> Incoming | None:
        """The response; whoever has it closes it. None when it was claimed before."""
        if self._timer is not None:
            self._timer.cancel()
        incoming, self._incoming = self._incoming, None
        return incoming

    def _expire(self) -> None:
        incoming = self.claim()
        if incoming is not None:
            self._closing = asyncio.ensure_future(incoming.close())


@dataclass(frozen=True, slots=True)
class Failure:
    """An upstream's own answer that it cannot answer (5xx): small, not kept, for all who waited."""

    stored: StoredResponse
    body: bytes
    is_for_all: bool = True  # not so where credentials may have brought it about


Landing: TypeAlias = Landed | Single | Failure
