"""Listen, serve until told to stop, drain."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from origin.runtime import Runtime
from origin.server.listeners import ACCEPTS_AT_ONCE, BACKLOG, Place, Sockets, open_listener, port_of
from origin.server.orders import Orders, obeying_signals
from origin.server.tls import Terms, TlsServer, tls_terms
from origin.serving.connection import ConnectionServer
from origin.serving.forwarded import TrustedProxies
from origin.settings import Settings
from origin.systemd.notify import Notifier

_log = logging.getLogger(__name__)

# Between "not ready" and "no longer accepting", so that a load balancer that polls can look away first.
_LOOK_AWAY_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the process listens once everything is up (a configured port 0 has become a real one)."""

    public_port: int
    admin_port: int


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What whoever started the process has given it."""

    sockets: Sockets = field(default_factory=Sockets)
    notifier: Notifier = field(default_factory=lambda: Notifier(None))
    watchdog_seconds: float | None = None


@contextlib.asynccontextmanager
async def listening(
    settings: Settings, runtime: Runtime, sockets: Sockets | None = None, orders: Orders | None = None
) -> AsyncIterator[Listening]:
    """Both listeners are open inside, on `sockets` or new ones; leaving drains within the configured time."""
    sockets, orders = sockets or Sockets(), orders or Orders()
    has_tls = bool(settings.public.tls.certificates)
    public = ConnectionServer(
        runtime.public_handler,
        keepalive_seconds=settings.public.keepalive_seconds,
        header_seconds=settings.public.header_seconds,
        max_connections=settings.public.max_connections,
        # With TLS the header stands in front of the handshake, and is read there.
        load_balancers=None if has_tls else TrustedProxies(settings.public.load_balancers),
        lane=runtime.lane,
    )
    async with tls_terms(settings, runtime.metrics.tls) as terms, _admin(settings, runtime, sockets.admin) as admin:
        place = Place(settings.public.host, settings.public.port)
        opened = await _opened("public", place, sockets.public)
        port = port_of(opened)
        servers = [await _start(public, each, terms, is_shared=bool(sockets.public)) for each in opened]
        try:
            yield Listening(port, admin.port)
        finally:
            if orders.is_replaced:
                await admin.close()  # who asks anew whether the service is ready is to hear it from the others
            else:
                runtime.health.is_draining = True
                await asyncio.sleep(min(_LOOK_AWAY_SECONDS, settings.server.drain_seconds))
            await _drain(public, servers, settings.server.drain_seconds, orders)


async def serve(
    settings: Settings,
    runtime: Runtime,
    announce: Callable[[Listening], None],
    surroundings: Surroundings | None = None,
    orders: Orders | None = None,
) -> None:
    """Serve until SIGTERM, SIGINT, or `orders`. `announce` is called once, when requests are answered."""
    surroundings, orders = surroundings or Surroundings(), orders or Orders()
    notifier = surroundings.notifier
    with obeying_signals(orders):
        async with listening(settings, runtime, surroundings.sockets, orders) as where:
            announce(where)
            notifier.ready("Serving")
            async with _watched(notifier, surroundings.watchdog_seconds):
                await orders.end.wait()
            _log.info("draining")
            notifier.stopping()


@contextlib.asynccontextmanager
async def _watched(notifier: Notifier, every_seconds: float | None) -> AsyncIterator[None]:
    """The loop says that it turns, where a watchdog listens."""

    async def say() -> None:
        while every_seconds is not None:
            notifier.alive()
            await asyncio.sleep(every_seconds)

    saying = asyncio.create_task(say())
    try:
        yield
    finally:
        saying.cancel()
        await asyncio.gather(saying, return_exceptions=True)


async def _drain(
    public: ConnectionServer, servers: Sequence[asyncio.Server | TlsServer], drain_seconds: float, orders: Orders
) -> None:
    """Stop accepting → answer what comes on open connections, and finish what goes out → close."""
    for server in servers:
        server.close()

    def is_greeting() -> bool:
        return any(isinstance(server, TlsServer) and server.pending for server in servers)

    await public.drain(drain_seconds, orders.hurry, is_greeting)
    for server in servers:
        await server.wait_closed()


@dataclass(frozen=True, slots=True)
class _Admin:
    """The admin listener."""

    port: int
    sites: Sequence[web.SockSite]

    async def close(self) -> None:
        """Accept nobody any more; who is there already goes on being answered."""
        for site in self.sites:
            await site.stop()


@contextlib.asynccontextmanager
async def _admin(settings: Settings, runtime: Runtime, given: Sequence[socket.socket]) -> AsyncIterator[_Admin]:
    runner = web.AppRunner(runtime.admin_application, access_log=None, keepalive_timeout=75, shutdown_timeout=1)
    await runner.setup()
    try:
        opened = await _opened("admin", Place(settings.admin.host, settings.admin.port), given)
        port, sites = port_of(opened), [web.SockSite(runner, each, backlog=BACKLOG) for each in opened]
        for site in sites:
            await site.start()
        yield _Admin(port, sites)
    finally:
        await runner.cleanup()


async def _opened(name: str, place: Place, given: Sequence[socket.socket]) -> Sequence[socket.socket]:
    # In a thread: a name is looked up.
    return given or await asyncio.to_thread(open_listener, name, place)


async def _start(
    public: ConnectionServer, listener: socket.socket, terms: Terms | None, *, is_shared: bool
) -> asyncio.Server | TlsServer:
    if terms is not None:
        return TlsServer(public, (listener,), terms)
    accepts = ACCEPTS_AT_ONCE if is_shared else BACKLOG
    server = await asyncio.get_running_loop().create_server(public, sock=listener, backlog=accepts)
    listener.listen(BACKLOG)  # a loop in C has made `accepts` the kernel's limit, too
    return server
