"""Listen, serve until told to stop, drain."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from aiohttp import web

from origin.runtime import Runtime
from origin.server.tls import Terms, TlsServer, tls_terms
from origin.serving.connection import ConnectionServer
from origin.serving.forwarded import TrustedProxies
from origin.settings import Settings

_log = logging.getLogger(__name__)

BACKLOG = 1024
# Between "not ready" and "no longer accepting", so that a load balancer that polls can look away first.
_LOOK_AWAY_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the process listens once everything is up (a configured port 0 has become a real one)."""

    public_port: int
    admin_port: int


class ListenError(Exception):
    """A listener could not be opened."""


@contextlib.asynccontextmanager
async def listening(settings: Settings, runtime: Runtime) -> AsyncIterator[Listening]:
    """Both listeners are open inside; leaving drains the public one within the configured time."""
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
    async with tls_terms(settings, runtime.metrics.tls) as terms, _admin(settings, runtime) as admin_port:
        sockets = await _open(public, settings.public.host, settings.public.port, terms)
        try:
            yield Listening(_port(sockets), admin_port)
        finally:
            await _drain(public, sockets, runtime, settings.server.drain_seconds)


async def serve(settings: Settings, runtime: Runtime, announce: Callable[[Listening], None]) -> None:
    """Serve until SIGTERM or SIGINT. `announce` is called once, when requests are answered."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        async with listening(settings, runtime) as where:
            announce(where)
            await stop.wait()
            _log.info("draining")
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _drain(
    public: ConnectionServer, sockets: asyncio.Server | TlsServer, runtime: Runtime, drain_seconds: float
) -> None:
    """Not ready → stop accepting → close idle connections → wait for transfers up to a limit → close."""
    runtime.health.is_draining = True
    await asyncio.sleep(min(_LOOK_AWAY_SECONDS, drain_seconds))
    sockets.close()
    public.pre_shutdown()
    # aiohttp waits for the handlers once, cancels them, and waits once more: half the time for each.
    await public.shutdown(drain_seconds / 2)
    await sockets.wait_closed()


@contextlib.asynccontextmanager
async def _admin(settings: Settings, runtime: Runtime) -> AsyncIterator[int]:
    runner = web.AppRunner(runtime.admin_application, access_log=None, keepalive_timeout=75, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.admin.host, settings.admin.port)
        try:
            await site.start()
        except OSError as error:
            raise ListenError(_sentence("admin", settings.admin.host, settings.admin.port, error)) from error
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _open(public: ConnectionServer, host: str, port: int, terms: Terms | None) -> asyncio.Server | TlsServer:
    loop, is_plain = asyncio.get_running_loop(), terms is None
    try:
        bound = await loop.create_server(
            public, host, port, backlog=BACKLOG, reuse_address=True, start_serving=is_plain
        )
        return bound if terms is None else TlsServer(public, _taken_over(bound), terms)
    except OSError as error:
        raise ListenError(_sentence("public", host, port, error)) from error


def _taken_over(bound: asyncio.Server) -> list[socket.socket]:
    """The sockets of a server that has not begun to accept."""
    taken = [socket.fromfd(one.fileno(), one.family, one.type) for one in bound.sockets]
    bound.close()
    for one in taken:
        one.listen(BACKLOG)
    return taken


def authority(host: str, port: int) -> str:
    """Host and port as they stand in a URL (RFC 3986 §3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _sentence(listener: str, host: str, port: int, error: OSError) -> str:
    # The loop's own words repeat the address; a failed look-up of a name has a negative number and good words.
    number = error.errno or 0
    words = os.strerror(number) if number > 0 else error.strerror or str(error)
    return f"cannot listen on {authority(host, port)} ({listener}): {words}"


def _port(server: asyncio.Server | TlsServer) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port
