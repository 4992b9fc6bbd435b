"""aiohttp's connection pool, but for connections on which the other side has spoken unasked.

Bytes that are there before a request would be taken for its answer.
"""

from __future__ import annotations

import asyncio
import ssl
from contextvars import ContextVar
from dataclasses import dataclass
from weakref import WeakSet

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from origin.upstream.addresses import CheckedResolver, Reachable
from origin.upstream.origin_server import Trouble, UpstreamError

_POOLED = 32  # so many that have spoken are thrown away for one request


@dataclass(slots=True, eq=False)
class Attempt:
    """One request on its way, and what is known of its connection once there is one."""

    protocol: ResponseHandler | None = None
    closed: asyncio.Future[None] | None = None  # how the connection ends
    is_reused: bool = False


attempt_here: ContextVar[Attempt | None] = ContextVar("attempt_here", default=None)


class CheckedConnector(aiohttp.TCPConnector):
    """Connects to addresses that are allowed, and tells the `attempt_here` about the connection."""

    def __init__(self, rule: Reachable, resolver: CheckedResolver, tls: ssl.SSLContext | bool) -> None:
        """As many connections as are asked for: the caller counts them, and closes the resolver."""
        super().__init__(resolver=resolver, socket_factory=rule.new_socket, ssl=tls, limit=0)
        self._known: WeakSet[ResponseHandler] = WeakSet()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # as aiohttp calls it
    ) -> Connection:
        """A connection on which nothing has been said."""
        for _ in range(_POOLED):
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            # Every message that waits counts, and so does what could not be read as one.
            if protocol is not None and not protocol.should_close:
                self._tell(protocol)
                return connection
            connection.close()
        raise UpstreamError(Trouble.MALFORMED, "connections on which it speaks unasked")

    def _tell(self, protocol: ResponseHandler) -> None:
        attempt = attempt_here.get()
        if attempt is None:
            return
        attempt.protocol = protocol
        attempt.is_reused = protocol in self._known
        attempt.closed = protocol.closed
        if not attempt.is_reused and attempt.closed is not None:
            attempt.closed.add_done_callback(_look_at)
        self._known.add(protocol)


def _look_at(closed: asyncio.Future[None]) -> None:
    if not closed.cancelled():
        closed.exception()  # else the loop reports it as never seen
