"""TLS connections, accepted here: which certificate, within what time, and what came of it.

A loop's own server has one context for as long as it lives, tells nobody of a handshake that failed, and cannot read
what stands in front of one. So connections are accepted here, and handed to the loop when it is known which certificate
they are for. Nothing is taken off a connection before that but a PROXY header: the rest is peeked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import select
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from origin.http.proxy_protocol import MAX_V2, MalformedHeader, ProxyHeader, read_header
from origin.serving.connection import Connection, ConnectionServer
from origin.serving.forwarded import TrustedProxies, address_of
from origin.settings import Settings
from origin.settings.tls import Tls
from origin.telemetry.tls_metrics import TlsMetrics
from origin.tls.certificates import Certificates, CertificatesUnusable, Fault, Pair, Refreshed
from origin.tls.client_hello import MAX_BYTES, read_client_hello
from origin.tls.contexts import Policy
from origin.tls.handshakes import Handshake, failure_of

_log = logging.getLogger(__name__)

_AT = "public.tls"
_ACCEPTS_AT_ONCE = 4  # few, so that workers that wake up together share them; a handshake takes far longer
_PAUSE_SECONDS = 1.0  # after an accept that failed for want of descriptors or memory
_LEAST_SECONDS = 0.001  # loops want more than nothing
_LOOK_AGAIN_SECONDS = 0.05  # at what was readable and had nothing new
_END = getattr(select, "POLLRDHUP", None)
_GRACE_SECONDS = 1.0  # after which a handshake is over that the loop should have ended

Read = TypeVar("Read")
Address = tuple[object, ...]  # as `socket.accept` gives it


class TlsUnusable(Exception):  # noqa: N818  # reads as the verdict it is
    """The certificates cannot be served."""

    def __init__(self, lines: Sequence[str]) -> None:
        """A line for everything that is wrong with them."""
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


@dataclass(frozen=True, slots=True)
class Terms:
    """What handshakes of a listener have in common."""

    certificates: Certificates
    handshake_seconds: float
    max_handshakes: int
    load_balancers: TrustedProxies
    counted: Callable[[Handshake], None]


@contextlib.asynccontextmanager
async def tls_terms(configured: Settings, metrics: TlsMetrics) -> AsyncIterator[Terms | None]:
    """The public listener's certificates, read and kept fresh inside; None when it speaks plain HTTP.

    Raises `TlsUnusable`.
    """
    tls = configured.public.tls
    if not tls.certificates:
        yield None
        return
    certificates = certificates_of(tls)
    try:
        await certificates.open(time.time())
    except CertificatesUnusable as unusable:
        raise TlsUnusable(sentences(unusable.faults)) from None
    teller = _Teller(certificates, metrics)
    keeping = asyncio.create_task(certificates.keep_fresh(teller.told))
    try:
        yield Terms(
            certificates,
            tls.handshake_seconds,
            configured.public.max_connections,
            TrustedProxies(configured.public.load_balancers),
            metrics.handshake,
        )
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


def certificates_of(tls: Tls) -> Certificates:
    """What the settings name; nothing is read yet."""
    client_ca = None if tls.client_certificates == "off" else tls.client_ca
    policy = Policy(client_ca, tls.client_certificates == "required", tls.session_tickets)
    return Certificates([Pair(name, one.certificate, one.key) for name, one in tls.certificates.items()], policy)


def sentences(faults: Sequence[Fault]) -> list[str]:
    """The faults with their keys in the settings, each once."""
    return list(dict.fromkeys(f"{_key(fault)}: {fault.flaw.words}" for fault in faults))


def _key(fault: Fault) -> str:
    file = fault.flaw.file
    return f"{_AT}.{file}" if file == "client_ca" else f"{_AT}.certificates.{fault.pair}.{file}"


class _Teller:
    """Logs what came of looking at the files, each fault once for as long as it lasts, and measures."""

    def __init__(self, certificates: Certificates, metrics: TlsMetrics) -> None:
        self._certificates, self._metrics = certificates, metrics
        self._known: frozenset[str] = frozenset()
        self._measure()

    def told(self, done: Refreshed) -> None:
        for name in done.changed:
            _log.info("certificate %s was read again", name)
        faults = sentences(done.faults)
        for sentence in faults:
            if sentence not in self._known:
                _log.error("certificates stay as they were: %s", sentence)
        self._known = frozenset(faults)
        self._measure()

    def _measure(self) -> None:
        for name, expires in self._certificates.expiries.items():
            self._metrics.expiry(name, expires)


class TlsServer:
    """Accepts on listening sockets and hands on what has shaken hands, as `asyncio.Server` does without TLS."""

    def __init__(self, public: ConnectionServer, listeners: Sequence[socket.socket], terms: Terms) -> None:
        """Accepts at once. `listeners` are closed with it; `public` must not await a PROXY header itself."""
        self._public = public
        self._terms = terms
        self._loop = asyncio.get_running_loop()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self.sockets = tuple(listeners)
        for listener in listeners:
            listener.setblocking(False)
            self._watch(listener)

    @property
    def pending(self) -> int:
        """Handshakes that are under way."""
        return len(self._handshakes)

    def close(self) -> None:
        """Accept nobody any more. Handshakes that have begun go on."""
        if self._is_closed:
            return
        self._is_closed = True
        for listener in self.sockets:
            self._loop.remove_reader(listener)
            listener.close()

    async def wait_closed(self) -> None:
        """Break off what has not become a connection by now."""
        for handshake in tuple(self._handshakes):
            handshake.cancel()
        await asyncio.gather(*self._handshakes, return_exceptions=True)

    def _watch(self, listener: socket.socket) -> None:
        if not self._is_closed:
            self._loop.add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_ACCEPTS_AT_ONCE):
            try:
                accepted, peer = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                _log.error("cannot accept connections for a moment: %s", error.strerror)
                self._loop.remove_reader(listener)
                self._loop.call_later(_PAUSE_SECONDS, self._watch, listener)
                return
            accepted.setblocking(False)
            if len(self._handshakes) >= self._terms.max_handshakes:
                accepted.close()
                self._terms.counted(Handshake.CROWDED)
                continue
            handshake = self._loop.create_task(self._greet(accepted, peer))
            self._handshakes.add(handshake)
            handshake.add_done_callback(self._handshakes.discard)

    async def _greet(self, accepted: socket.socket, peer: Address) -> None:
        """Make a connection of what was accepted, or let go of it; either is counted."""
        deadline = self._loop.time() + self._terms.handshake_seconds
        try:
            header, host = await self._looked_at(accepted, peer, deadline)
        except (OSError, MalformedHeader) as error:
            accepted.close()
            is_malformed = isinstance(error, MalformedHeader)
            self._terms.counted(Handshake.PROXY_HEADER if is_malformed else failure_of(error))
            return
        except BaseException:
            accepted.close()
            raise
        try:
            # From here on the socket is the loop's, to close as well.
            async with asyncio.timeout_at(deadline + _GRACE_SECONDS):
                transport, _ = await self._loop.connect_accepted_socket(
                    lambda: self._connection(header),
                    accepted,
                    ssl=self._terms.certificates.context_for(host),
                    ssl_handshake_timeout=max(_LEAST_SECONDS, deadline - self._loop.time()),
                )
        except Exception as error:
            if not isinstance(error, OSError):
                _log.exception("a handshake ended in a defect")
            self._terms.counted(failure_of(error))
            return
        is_resumed = transport.get_extra_info("ssl_object").session_reused
        self._terms.counted(Handshake.RESUMED if is_resumed else Handshake.FULL)

    async def _looked_at(
        self, accepted: socket.socket, peer: Address, deadline: float
    ) -> tuple[ProxyHeader | None, str | None]:
        """The PROXY header in front, taken off, and the host that is asked for behind it, where it matters."""
        header, host = None, None
        async with asyncio.timeout_at(deadline):
            if address_of(str(peer[0])) in self._terms.load_balancers:
                header = await _peeked(accepted, read_header, MAX_V2)
                accepted.recv(header.length)
            if self._terms.certificates.differ_by_host:
                host = (await _peeked(accepted, read_client_hello, MAX_BYTES)).server_name
        return header, host

    def _connection(self, header: ProxyHeader | None) -> asyncio.BaseProtocol:
        connection = self._public()
        if isinstance(connection, Connection):
            connection.proxied = header
        return connection


async def _peeked(connection: socket.socket, read: Callable[[bytes], Read | None], most: int) -> Read:
    """What `read` makes of the first bytes, which stay where they are; ConnectionError when too few come."""
    data = b""
    try:
        while True:
            data = await _grown(connection, data, most)
            found = read(data)
            if found is not None:
                return found
            # Readable again when there is more than that: what is peeked at would keep it readable for ever.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, len(data) + 1)
    finally:
        if data:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)


async def _grown(connection: socket.socket, known: bytes, most: int) -> bytes:
    """The bytes that wait to be read, when they have become more than `known`; ConnectionError when they never will."""
    while True:
        await _readable(connection)
        data = connection.recv(most, socket.MSG_PEEK)
        if len(data) > len(known):
            return data
        if not data or _has_ended(connection):
            raise ConnectionResetError("ended before it was told what it is")
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)  # the kernel may say so early, when it is short of memory


def _has_ended(connection: socket.socket) -> bool:
    """Whether nothing more will come. Only Linux tells while something is left to be read; elsewhere it has ended."""
    if _END is None:
        return True
    poller = select.poll()
    poller.register(connection, _END)
    return bool(poller.poll(0))


async def _readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(connection, _set, ready)
    try:
        await ready
    finally:
        loop.remove_reader(connection)


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
