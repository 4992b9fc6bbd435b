"""Listening sockets: opened here for every way to run, or taken over ready, and told of in the same words."""

from __future__ import annotations

import errno
import logging
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from origin.systemd.activation import ActivationError, inherited

# Connections that the kernel keeps until a worker takes them.
BACKLOG = 1024


class ListenError(Exception):
    """A listener could not be opened."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a listener is configured to be."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Sockets:
    """Sockets that listen already; a listener without any is to be opened."""

    public: Sequence[socket.socket] = ()
    admin: Sequence[socket.socket] = ()


class Listener(socket.socket):
    """A socket that listens with the one backlog, whatever a loop would rather have.

    To an event loop its argument is also how many connections it accepts before it looks at anything else, and that
    many go to whichever worker is the first: see `ACCEPTS_AT_ONCE`.
    """

    def listen(self, _backlog: int = BACKLOG, /) -> None:
        """Listen, or go on listening."""
        super().listen(BACKLOG)


# Connections that a worker takes in one turn of its loop: few, so that workers who wake up together share them.
ACCEPTS_AT_ONCE = 4


def open_listener(name: str, place: Place) -> list[socket.socket]:
    """A listening socket for each address of the place. Blocks while a host name is looked up; `ListenError`."""
    opened: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            made = _listening(family, kind, protocol, address)
            opened += [] if made is None else [made]
    except OSError as error:
        for one in opened:
            one.close()
        raise ListenError(_sentence(name, place, error)) from error
    if not opened:
        raise ListenError(_sentence(name, place, OSError(errno.EADDRNOTAVAIL, "")))
    return opened


def _listening(family: int, kind: int, protocol: int, address: tuple[object, ...]) -> socket.socket | None:
    """None where the machine has no such address: a name may have one of a family that is turned off."""
    made = Listener(family, kind, protocol)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # "::" is IPv6 alone, as asyncio has it
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        made.listen()
    except OSError as error:
        made.close()
        if error.errno == errno.EADDRNOTAVAIL:
            return None
        raise
    return made


def adopt(descriptor: int) -> socket.socket:
    """The listening socket behind a descriptor that this process was given; `ListenError` when there is none."""
    try:
        adopted = Listener(fileno=descriptor)
    except OSError as error:
        raise ListenError(f"descriptor {descriptor} is no socket: {os.strerror(error.errno or 0)}") from error
    is_internet = adopted.family in {socket.AF_INET, socket.AF_INET6} and adopted.type == socket.SOCK_STREAM
    if not is_internet or not adopted.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        adopted.detach()
        raise ListenError(f"descriptor {descriptor} is no TCP socket that listens")
    adopted.setblocking(False)
    adopted.set_inheritable(False)
    return adopted


def given_sockets(environ: Mapping[str, str], pid: int) -> Sockets:
    """The sockets that a service manager has opened for process `pid`; `ListenError` when they do not fit."""
    try:
        found = inherited(environ, pid, ("public", "admin"))
    except ActivationError as error:
        raise ListenError(f"socket activation: {error}") from error
    public, admin = (tuple(map(adopt, found.get(name, ()))) for name in ("public", "admin"))
    return Sockets(public, admin)


def port_of(sockets: Sequence[socket.socket]) -> int:
    """The port of the first of them: a configured port 0 has become a real one."""
    port: int = sockets[0].getsockname()[1]
    return port


def place_of(sockets: Sequence[socket.socket]) -> Place:
    """Where the first of them is."""
    host, port, *_ = sockets[0].getsockname()
    return Place(host, port)


def announce(prefixes: Sequence[str], public: Place, admin: Place) -> None:
    """Say in the log where requests are answered now."""
    log = logging.getLogger("headgate")
    log.info("serving %s on %s", ", ".join(prefixes), authority(public.host, public.port))
    log.info("metrics and health on %s", authority(admin.host, admin.port))


def authority(host: str, port: int) -> str:
    """Host and port as they stand in a URL (RFC 3986 §3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _sentence(listener: str, place: Place, error: OSError) -> str:
    # A failed look-up of a name has a negative number and good words.
    number = error.errno or 0
    words = os.strerror(number) if number > 0 else error.strerror or str(error)
    return f"cannot listen on {authority(place.host, place.port)} ({listener}): {words}"
