"""aiohttp's protocol, with the deadlines and error answers that a public listener needs.

aiohttp's keep-alive timer is armed once per idle period and says nothing about a header block that drips in, so a
second, shorter timer runs from a request's first byte to the end of its header block. Parser errors are answered
without echoing the request, and without a traceback for every scanner on the internet.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from origin.http.problem import Problem, problem_reply
from origin.http.reply import Bytes

_log = logging.getLogger(__name__)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Connection(RequestHandler):
    """One connection of a public listener."""

    __slots__ = ("_header_deadline", "_header_seconds", "_requests_seen")

    def __init__(self, manager: ConnectionServer, loop: asyncio.AbstractEventLoop) -> None:
        """Deadlines and limits come from the server that accepts the connection."""
        super().__init__(
            manager,
            loop=loop,
            keepalive_timeout=manager.keepalive_seconds,
            access_log=None,  # type: ignore[arg-type]  # typed too narrowly; None turns it off
            max_line_size=manager.max_line_bytes,
            max_field_size=manager.max_line_bytes,
            auto_decompress=False,
        )
        self._header_seconds = manager.header_seconds
        self._header_deadline: asyncio.TimerHandle | None = None
        self._requests_seen = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start waiting for the first header block."""
        super().connection_made(transport)
        self._arm()

    def data_received(self, data: bytes) -> None:
        """Feed the parser; a finished header block disarms the deadline, an unfinished one arms it."""
        super().data_received(data)
        if self._request_count != self._requests_seen:
            self._requests_seen = self._request_count
            self._disarm()
        elif self._header_deadline is None and not self._request_in_progress:
            self._arm()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the deadline."""
        self._disarm()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # the parser's words, which quote the request: dropped
    ) -> web.StreamResponse:
        """The answer to what the parser refused (400) or a handler did not survive (500).

        Raises `ConnectionError` when the beginning of another answer has left: nothing may be mixed into it.
        """
        if status >= 500 and exc is not None:
            _log.error("handler failed", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was broken off")
        reason = "request_malformed" if status < 500 else "internal_error"
        reply = problem_reply(Problem(status, reason))
        body = reply.body.data if isinstance(reply.body, Bytes) else b""
        response = web.Response(status=status, body=body, headers=dict(reply.headers))
        response.force_close()
        return response

    def _arm(self) -> None:
        self._header_deadline = self._loop.call_later(self._header_seconds, self._give_up)

    def _disarm(self) -> None:
        if self._header_deadline is not None:
            self._header_deadline.cancel()
            self._header_deadline = None

    def _give_up(self) -> None:
        self._header_deadline = None
        if not self._request_in_progress:
            self.force_close()


class ConnectionServer(web.Server):
    """Accepts connections up to a number, and holds what they share."""

    def __init__(
        self,
        handler: Handler,
        *,
        keepalive_seconds: float,
        header_seconds: float,
        max_connections: int,
        max_line_bytes: int = 16 * 1024,
    ) -> None:
        """`max_line_bytes` bounds the request line and each header field; tokens travel in both."""
        super().__init__(handler)
        self.keepalive_seconds = keepalive_seconds
        self.header_seconds = header_seconds
        self.max_connections = max_connections
        self.max_line_bytes = max_line_bytes

    def __call__(self) -> RequestHandler:
        """A protocol for one accepted connection."""
        return Connection(self, self._loop)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Count the connection, or close it when there are too many."""
        super().connection_made(handler, transport)
        if len(self._connections) > self.max_connections:
            transport.abort()
