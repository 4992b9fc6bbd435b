"""A response as it comes from aiohttp, and what its body owes: every byte that was promised, no other, in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from origin.http.fields import Fields, combined
from origin.upstream.addresses import ForbiddenAddressError
from origin.upstream.connections import Attempt
from origin.upstream.origin_server import Outgoing, Trouble, UpstreamError
from origin.upstream.promised import body_length, check_head


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a response may take."""

    header_bytes: int
    body_bytes: int
    idle_seconds: float  # between two pieces of the body


class HttpIncoming:
    """An `Incoming` of HTTP/1.1."""

    def __init__(self, response: aiohttp.ClientResponse, attempt: Attempt, bounds: Bounds, request: Outgoing) -> None:
        """From now on the other side has `idle_seconds` for each piece."""
        self.status = response.status
        self.fields: Fields = tuple((_text(name), _text(value)) for name, value in response.raw_headers)
        self.length: int | None = None
        self._response = response
        self._attempt = attempt
        self._bounds = bounds
        self._request = request
        self._let_go: list[Callable[[], None]] = []
        self._is_done = False
        self._is_followed: bool | None = None  # whether something stood behind the end, once that was looked at
        connection = response.connection
        if connection is not None and connection.protocol is not None:
            connection.protocol.read_timeout = bounds.idle_seconds
            connection.protocol.start_timeout()
        if attempt.closed is not None:
            attempt.closed.add_done_callback(self._connection_ended)
        if response.content.is_eof():
            self._look_behind()
        else:
            response.content.on_eof(self._end_came)

    def check(self) -> None:
        """Raise `UpstreamError` when the header block is not to be believed, or promises too much."""
        check_head(self._request, self, self._bounds.header_bytes)
        self.length = body_length(self._request, self)
        if self.length is not None and self.length > self._bounds.body_bytes:
            raise UpstreamError(Trouble.TOO_LARGE, f"more than {self._bounds.body_bytes} bytes are announced")

    def when_done(self, let_go: Callable[[], None]) -> None:
        """Call `let_go` once, as soon as the connection is no longer needed."""
        self._let_go.append(let_go)

    async def chunks(self) -> AsyncIterator[bytes]:
        """See `Incoming`."""
        received = 0
        while piece := await self._next(received):
            received += len(piece)
            self._check_size(received)
            if received == self.length:
                # Whoever has the last byte has an answer: it is given when the end turns out to be one.
                self._check_size(received + len(await self._next(received)))
                self._check_end(received)
            yield piece
        self._check_end(received)
        self._finish()

    async def close(self) -> None:
        """See `Incoming`."""
        self._finish()

    async def _next(self, received: int) -> bytes:
        """The next piece; empty at the end."""
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as error:
            trouble = self._trouble(error)
            self._finish()
            raise UpstreamError(trouble, f"after {received} bytes: {type(error).__name__}") from None
        except asyncio.CancelledError:
            self._finish()
            raise

    def _trouble(self, error: Exception) -> Trouble:
        if isinstance(error, TimeoutError):
            return Trouble.TIMED_OUT
        return Trouble.MALFORMED if self._is_unreadable() else Trouble.TRUNCATED

    def _is_unreadable(self) -> bool:
        """Whether what came was no HTTP: aiohttp tells the connection so, and not whoever waits for the body."""
        protocol = self._attempt.protocol
        return protocol is not None and isinstance(protocol.exception(), HttpProcessingError)

    def _check_size(self, received: int) -> None:
        if self.length is not None and received > self.length:
            self._finish()
            raise UpstreamError(Trouble.OVERLONG, f"more than the {self.length} bytes that were announced")
        if received > self._bounds.body_bytes:
            self._finish()
            raise UpstreamError(Trouble.TOO_LARGE, f"more than {self._bounds.body_bytes} bytes")

    def _check_end(self, received: int) -> None:
        trouble = self._trouble_at_end(received)
        if trouble is not None:
            self._finish()
            raise UpstreamError(trouble, f"{received} bytes came, of {self.length or 'an unknown number'}")

    def _trouble_at_end(self, received: int) -> Trouble | None:
        if self.length is not None and received < self.length:
            return Trouble.TRUNCATED
        self._look_behind()
        if self._is_followed:
            return Trouble.OVERLONG
        closed = self._attempt.closed
        if self._ends_with_connection() and closed is not None and closed.done() and not closed.cancelled():
            # Where the end of the connection is the end of the body, a reset is none (RFC 9112 §8).
            return None if closed.exception() is None else Trouble.TRUNCATED
        return None

    def _end_came(self) -> None:
        # The parser is on its way through what came with the end: look when it is through.
        asyncio.get_running_loop().call_soon(self._look_behind)

    def _look_behind(self) -> None:
        """Note whether anything came behind the body, as soon as its end is there.

        From then on the connection is in the pool: what comes on it later may be the answer to another request, and
        nothing of this body.
        """
        if self._is_followed is None:
            protocol = self._attempt.protocol
            self._is_followed = self._is_unreadable() or (protocol is not None and len(protocol) > 0)

    def _ends_with_connection(self) -> bool:
        return self.length is None and combined(self.fields, "transfer-encoding") is None

    def _connection_ended(self, closed: asyncio.Future[None]) -> None:
        """End the body when aiohttp does not: it leaves a reader waiting after chunks that it cannot read."""
        content = self._response.content
        if not closed.cancelled() and not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("the connection ended in the middle of the body"))

    def _finish(self) -> None:
        if self._is_done:
            return
        self._is_done = True
        if self._attempt.closed is not None:
            self._attempt.closed.remove_done_callback(self._connection_ended)
        self._response.close()  # a connection whose body has been read to its end is back in the pool already
        for let_go in self._let_go:
            let_go()


def translated(error: Exception) -> UpstreamError:
    """What aiohttp raises before there is a response, in our words, without address or URL."""
    name = type(error).__name__
    match error:
        case UpstreamError():
            return error
        case aiohttp.ConnectionTimeoutError():
            return UpstreamError(Trouble.TIMED_OUT, "connecting")
        case TimeoutError():
            return UpstreamError(Trouble.TIMED_OUT, "waiting for the header block")
        case aiohttp.ClientConnectorError() if isinstance(error.os_error, ForbiddenAddressError):
            return UpstreamError(Trouble.FORBIDDEN_ADDRESS, str(error.os_error))
        case aiohttp.ClientSSLError():
            return UpstreamError(Trouble.UNREACHABLE, f"TLS: {name}")
        case aiohttp.ClientConnectionError() | OSError():
            return UpstreamError(Trouble.UNREACHABLE, name)
        case _:
            return UpstreamError(Trouble.MALFORMED, name)


def _text(raw: bytes) -> str:
    """Bytes of a header field; those that are not UTF-8 are taken one by one, as they always were (RFC 9110 §5.5)."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
