"""aiohttp's protocol, with the deadlines and error answers that a public listener needs.

aiohttp's keep-alive timer is armed once per idle period and says nothing about a header block that drips in, so a
second, shorter timer runs from a request's first byte to the end of its header block. Parser errors are answered
without echoing the request, and without a traceback for every scanner on the internet.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import RequestHandler

from origin.http.problem import Problem, problem_reply
from origin.http.proxy_protocol import MalformedHeader, ProxyHeader, read_header
from origin.http.reply import Bytes
from origin.serving.file_run import FileRun, SendsFiles
from origin.serving.forwarded import TrustedProxies, address_of

_log = logging.getLogger(__name__)

_SETTLE_SECONDS = 0.1
_LOOK_SECONDS = 0.02
_CUT_SECONDS = 0.1  # a handler may take to notice that it is cut off

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Body = bytes | bytearray | memoryview | FileRun
V = TypeVar("V")

_BLANK_LINE = b"\r\n\r\n"


class FastLane(Protocol[V]):
    """Answers some requests from the bytes of a connection, at once."""

    def visitor(self, remote: str | None, protocol: object, *, secure: bool, sends_files: bool) -> V:
        """What it wants to know of a connection: the peer's address, the connection, whether it is by TLS.

        `sends_files`: its transport takes a `FileRun`.
        """
        ...

    def answer(self, data: bytes, start: int, visitor: V) -> tuple[bytes, Body, int] | None:
        """What to write for the request that begins at `start`, and where that ends; None leaves it to aiohttp.

        A header block, perhaps with the body, and what is to be sent behind it.
        """
        ...

    def learn(self, data: bytes, message: RawRequestMessage) -> None:
        """aiohttp's parser has made `message` of `data`, which is one request without a body."""
        ...


class Connection(RequestHandler):
    """One connection of a public listener."""

    __slots__ = (
        "_answered",
        "_goes_on",
        "_header_deadline",
        "_header_seconds",
        "_held",
        "_is_between",
        "_lane",
        "_preface",
        "_requests_seen",
        "_visitor",
        "proxied",
    )

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
        self._lane = manager.lane
        self._visitor: object = None
        self._answered = 0  # of the requests that aiohttp has parsed
        self._goes_on = True  # the last of those answers kept the connection open
        self._held: bytes | None = None  # what has come while a file is sent
        self._is_between = True  # the parser holds nothing of a request that is not whole
        self._preface: bytes | None = None  # what has come of a PROXY header that is still awaited
        self.proxied: ProxyHeader | None = None

    @property
    def peername(self) -> object:  # type: ignore[override]  # aiohttp caches the transport's; ours comes later
        """Who is at the other end: the transport's peer, or whom a load balancer handed on."""
        if self.proxied is not None and self.proxied.source is not None:
            return (str(self.proxied.source), self.proxied.port)
        return None if self.transport is None else self.transport.get_extra_info("peername")

    @property
    def has_more(self) -> bool:
        """Whether requests wait behind the one that is answered."""
        return bool(self._messages)

    def leave_lane(self) -> None:
        """From now on aiohttp alone answers."""
        self._lane = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start waiting for the first header block."""
        super().connection_made(transport)
        if isinstance(self._manager, ConnectionServer) and self._manager.is_proxied(transport):
            self._preface = b""
        self._arm()

    def data_received(self, data: bytes) -> None:
        """Feed the parser; a finished header block disarms the deadline, an unfinished one arms it."""
        if self._preface is not None:
            rest = self._after_proxy_header(self._preface + data)
            if not rest:
                return
            data = rest
        if self._held is not None:
            self._held += data
            return
        if self._lane is not None and self._is_idle():
            data = self._by_lane(self._lane, data)
            if not data:
                return
        self._by_aiohttp(data)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Take note of what aiohttp has answered."""
        finished, is_lost = await super().finish_response(request, resp, start_time)
        self._answered += 1
        self._goes_on = bool(finished.keep_alive) and not is_lost
        return finished, is_lost

    def _is_idle(self) -> bool:
        """Whether aiohttp waits for the next request's first byte, and everything before it has left."""
        transport = self.transport
        is_next = self._is_between and self._goes_on and self._answered == self._request_count
        is_open = not (self._close or self._force_close or self._paused or self._upgraded)
        return is_next and is_open and transport is not None and transport.get_write_buffer_size() == 0

    def _by_lane(self, lane: FastLane[object], data: bytes) -> bytes:
        """Answer what the lane answers; what is left of `data` is for aiohttp."""
        transport, at = self.transport, 0
        if transport is None:
            return data
        if self._visitor is None:
            secure = self.ssl_context is not None
            sends_files = not secure and isinstance(transport, SendsFiles)
            self._visitor = lane.visitor(self._remote(), self, secure=secure, sends_files=sends_files)
        while (sent := lane.answer(data, at, self._visitor)) is not None:
            block, body, at = sent
            if isinstance(body, FileRun):
                transport.write(block)
                if not body.start(transport, self._file_is_sent):
                    self._hold(transport, data[at:])
                    return b""
            elif body:
                transport.writelines((block, body))
            else:
                transport.write(block)
            # A slow reader is aiohttp's to wait for.
            if at == len(data) or transport.get_write_buffer_size():
                break
        if at:
            self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
            self._disarm()
        return data[at:] if at else data

    def _hold(self, transport: asyncio.Transport, data: bytes) -> None:
        """Read and answer nothing before the file has been sent: its end is still to be written."""
        self._held = data
        self._request_in_progress = True  # so that a drain waits for it
        self._disarm()
        transport.pause_reading()

    def _file_is_sent(self) -> None:
        held, self._held = self._held, None
        self._request_in_progress = False
        if self._handler_waiter is not None and not self._handler_waiter.done():
            self._handler_waiter.set_result(None)
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()
            if held:
                self.data_received(held)

    def _process_keepalive(self) -> None:
        """Close an idle connection; one that a file is sent on is not idle."""
        if self._held is None:
            super()._process_keepalive()
        else:
            self._keepalive_handle = self._loop.call_later(self._keepalive_timeout, self._process_keepalive)

    def _by_aiohttp(self, data: bytes) -> None:
        was_between, seen = self._is_between, self._request_count
        super().data_received(data)
        self._is_between = self._ends_with_a_request(data, self._request_count - seen)
        if self._request_count != self._requests_seen:
            self._requests_seen = self._request_count
            self._disarm()
        elif self._header_deadline is None and not self._request_in_progress:
            self._arm()
        if self._lane is not None and was_between and self._is_between and self._request_count == seen + 1:
            message, _ = self._messages[-1]
            if isinstance(message, RawRequestMessage):
                self._lane.learn(data, message)

    def _ends_with_a_request(self, data: bytes, requests: int) -> bool:
        """Whether `data`, of which the parser has made so many requests, ends where the last of them does."""
        if not requests or not self._messages or not data.endswith(_BLANK_LINE):
            return False
        message, payload = self._messages[-1]
        is_whole = payload is EMPTY_PAYLOAD and isinstance(message, RawRequestMessage)
        return is_whole and not self._upgraded and not self._buffer_paused

    def _remote(self) -> str | None:
        """As aiohttp's requests say it."""
        peer = self.peername
        return str(peer[0]) if isinstance(peer, tuple | list) else None if peer is None else str(peer)

    def _after_proxy_header(self, data: bytes) -> bytes:
        """What follows the PROXY header; nothing while it is not whole. Without a sound one the connection ends."""
        try:
            header = read_header(data)
        except MalformedHeader:
            self.force_close()
            return b""
        if header is None:
            self._preface = data
            return b""
        self._preface, self.proxied = None, header
        return data[header.length :]

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
        load_balancers: TrustedProxies | None = None,
        lane: FastLane[Any] | None = None,
    ) -> None:
        """`max_line_bytes` bounds the request line and each header field; tokens travel in both.

        Connections from `load_balancers` begin with a PROXY header, or they are closed. `lane` is asked before aiohttp.
        """
        super().__init__(handler, request_factory=self._request)
        self.is_draining = False
        self.keepalive_seconds = keepalive_seconds
        self.header_seconds = header_seconds
        self.max_connections = max_connections
        self.max_line_bytes = max_line_bytes
        self.lane = lane
        self._load_balancers = load_balancers

    def is_proxied(self, transport: asyncio.BaseTransport) -> bool:
        """Whether a connection begins with a PROXY header."""
        peer = transport.get_extra_info("peername")
        if self._load_balancers is None or not isinstance(peer, tuple):
            return False
        return address_of(str(peer[0])) in self._load_balancers

    def __call__(self) -> RequestHandler:
        """A protocol for one accepted connection."""
        return Connection(self, self._loop)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Count the connection, or close it when there are too many."""
        super().connection_made(handler, transport)
        if len(self._connections) > self.max_connections:
            transport.abort()

    async def drain(
        self, seconds: float, hurry: asyncio.Event, is_greeting: Callable[[], bool] = lambda: False
    ) -> None:
        """Close every connection with the next answer on it; after `seconds`, or in a hurry, those that are left.

        To close idle ones at once would lose the requests that are on their way to them (RFC 9112 §9.5). Nobody may be
        accepting any more; `is_greeting` says whether somebody who was accepted is still shaking hands.
        """
        self.is_draining = True
        self.lane = None  # which says nothing of closing
        for connection in self._connections:
            if isinstance(connection, Connection):
                connection.leave_lane()
        deadline = self._loop.time() + seconds
        await asyncio.sleep(min(_SETTLE_SECONDS, seconds))  # what was accepted becomes a connection
        while self._connections or is_greeting():  # both go without a word
            if hurry.is_set() or self._loop.time() >= deadline:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        left = list(self._connections.values())
        await self.shutdown(_CUT_SECONDS)
        for transport in left:  # closing waits for as long as a reader takes, which may be for ever
            transport.abort()

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        # The last of those that have come: what was pipelined behind a "close" would never be answered.
        if self.is_draining and not (isinstance(protocol, Connection) and protocol.has_more):
            message = message._replace(should_close=True)
        return self._make_request(message, payload, protocol, writer, task)
