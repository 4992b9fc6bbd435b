"""Serving with workers: `headgate serve` becomes their supervisor, and what that starts becomes one of them."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Callable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Literal, NoReturn

from origin.cli.trouble import ExitCode, Trouble
from origin.supervisor.handover import READY, RETIRE, Part, PlannerPart, WorkerPart, take_part

if TYPE_CHECKING:
    from origin.server.listeners import Sockets
    from origin.server.orders import Orders
    from origin.settings import Settings
    from origin.supervisor.plan import Plan

MOST = 256


def workers_wanted(text: str) -> int | Literal["auto"]:
    """What `--workers` says; raises `ValueError`."""
    if text == "auto":
        return "auto"
    if not (text.isascii() and text.isdecimal() and len(text) <= 3 and 1 <= int(text) <= MOST):
        raise ValueError(f'"{text}" is neither "auto" nor a number from 1 to {MOST}')
    return int(text)


def part_of_this_process(environ: MutableMapping[str, str]) -> Part | None:
    """What a supervisor wants this process to be; None when there is no supervisor."""
    try:
        return take_part(environ)
    except ValueError as error:
        raise Trouble(ExitCode.USAGE, str(error)) from None


def plan_of(settings: Settings, workers: int | Literal["auto"]) -> Plan:
    """What the supervisor has to know."""
    from origin.server.listeners import Place
    from origin.supervisor.plan import Plan
    from origin.supervisor.processors import usable_processors

    return Plan(
        workers=usable_processors() if workers == "auto" else workers,
        drain_seconds=settings.server.drain_seconds,
        public=Place(settings.public.host, settings.public.port),
        admin=Place(settings.admin.host, settings.admin.port),
        prefixes=tuple(mount.prefix for mount in settings.mount),
        log_level=settings.log.level,
        log_format=settings.log.format,
    )


def supervise(plan: Plan) -> NoReturn:
    """Become the supervisor. Workers are started by the command line that started this process."""
    from origin.supervisor.program import become_supervisor

    become_supervisor(plan, [sys.executable, *sys.orig_argv[1:]])


def tell_plan(part: PlannerPart, make: Callable[[], Plan]) -> None:
    """Tell the supervisor what the configuration says now, or what is wrong with it."""
    from origin.supervisor.plan import write_plan, write_problems

    try:
        told = write_plan(make())
    except Trouble as trouble:
        told = write_problems(trouble.lines)
    with contextlib.suppress(OSError), socket.socket(fileno=part.control) as control:  # it may have gone meanwhile
        control.sendall(told.encode())


def sockets_of(part: WorkerPart) -> Sockets:
    """The listening sockets that all workers share."""
    from origin.server.listeners import Sockets, adopt

    return Sockets(tuple(map(adopt, part.public)), tuple(map(adopt, part.admin)))


class Link:
    """A worker's end of what connects it to its supervisor."""

    def __init__(self, part: WorkerPart) -> None:
        """The descriptor is this object's from now on."""
        self._control = socket.socket(fileno=part.control)
        self._control.setblocking(False)
        os.set_inheritable(self._control.fileno(), False)

    def say_ready(self) -> None:
        """Requests are answered."""
        with contextlib.suppress(OSError):  # its end is noticed by `followed`
            self._control.send(READY)

    @contextlib.contextmanager
    def followed(self, orders: Orders) -> Iterator[None]:
        """Its words are orders, and its end is one to stop: nobody watches any more. For the running loop."""
        import asyncio

        loop = asyncio.get_running_loop()

        def heard() -> None:
            try:
                word = self._control.recv(16)
            except BlockingIOError:
                return
            except OSError:
                word = b""
            if RETIRE in word:
                orders.retire()
            elif not word:
                loop.remove_reader(self._control)
                orders.stop()

        loop.add_reader(self._control, heard)
        try:
            yield
        finally:
            loop.remove_reader(self._control)
            self._control.close()
