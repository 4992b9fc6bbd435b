"""`headgate serve`: the gateway itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Annotated

from typer import Option

from origin.cli.config import ConfigOption, load_settings
from origin.cli.place import place_of_this_process
from origin.cli.trouble import ExitCode, Trouble
from origin.cli.workers import (
    Link,
    part_of_this_process,
    plan_of,
    sockets_of,
    supervise,
    tell_plan,
    workers_wanted,
)
from origin.supervisor.handover import PlannerPart, WorkerPart

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from origin.server.process import Listening
    from origin.settings import Settings
    from origin.supervisor.plan import Plan

# Objects made and not yet freed before the youngest are looked through; a request makes and frees hundreds.
_ALLOCATIONS = 10_000

WorkersOption = Annotated[
    str | None,
    Option("--workers", metavar="N|auto", help="Supervised processes on one port; else server.workers, if set."),
]


def serve(config: ConfigOption = None, workers: WorkersOption = None) -> None:
    """Serve the configured mounts until SIGTERM or SIGINT, then drain. With workers, SIGHUP reloads."""
    part = part_of_this_process(os.environ)
    if isinstance(part, PlannerPart):
        tell_plan(part, lambda: _plan(load_settings(config), workers))
        return
    with _collector_at_rest():
        settings = load_settings(config)
        is_supervisor = part is None and (workers is not None or settings.server.workers is not None)
        if not is_supervisor:
            from origin import runtime  # noqa: F401  # imported now, and not a moment later
            from origin.server import process  # noqa: F401
    if is_supervisor:
        supervise(_plan(settings, workers))
    elif isinstance(part, WorkerPart):
        link = Link(part)
        run_process(settings, lambda: _serve_as_worker(settings, part, link))
    else:
        run_process(settings, lambda: _serve_alone(settings))


def _plan(settings: Settings, workers: str | None) -> Plan:
    try:
        wanted = settings.server.workers if workers is None else workers_wanted(workers)
    except ValueError as error:
        raise Trouble(ExitCode.USAGE, f"--workers: {error}") from None
    return plan_of(settings, 1 if wanted is None else wanted)  # the setting is gone: one worker, still supervised


async def _serve_alone(settings: Settings) -> None:
    from origin.runtime import open_runtime
    from origin.server.listeners import Place, announce, given_sockets, place_of
    from origin.server.process import Surroundings
    from origin.server.process import serve as serve_until_told
    from origin.systemd.notify import Notifier, watchdog_seconds

    pid = os.getpid()
    notifier, given = Notifier(os.environ.get("NOTIFY_SOCKET")), given_sockets(os.environ, pid)
    around = Surroundings(given, notifier, watchdog_seconds(os.environ, pid))

    def announced(where: Listening) -> None:
        public = place_of(given.public) if given.public else Place(settings.public.host, where.public_port)
        admin = place_of(given.admin) if given.admin else Place(settings.admin.host, where.admin_port)
        announce([mount.prefix for mount in settings.mount], public, admin)

    async with open_runtime(settings, place=place_of_this_process()) as runtime:
        spare_the_collector()
        await serve_until_told(settings, runtime, announced, around)


async def _serve_as_worker(settings: Settings, part: WorkerPart, link: Link) -> None:
    from origin.runtime import open_runtime
    from origin.server.orders import Orders
    from origin.server.process import Surroundings
    from origin.server.process import serve as serve_until_told

    orders, around = Orders(), Surroundings(sockets_of(part))
    with link.followed(orders):
        async with open_runtime(settings, place=place_of_this_process()) as runtime:
            spare_the_collector()
            await serve_until_told(settings, runtime, lambda _where: link.say_ready(), around, orders)


@contextlib.contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Look for no garbage meanwhile: importing makes a hundred thousand objects, and throws hardly one of them away."""
    import gc

    gc.disable()
    try:
        yield
        gc.freeze()  # or they would all be looked through as soon as it is enabled
    finally:
        gc.enable()


def spare_the_collector() -> None:
    """Keep what start-up has made out of every later collection of garbage, and have fewer of them.

    It lives as long as the process, and going through all of it takes longer than a crowd should wait for.
    """
    import gc

    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, *gc.get_threshold()[1:])


def run_process(settings: Settings, main: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run `main` on the configured loop with process logging set up; its known errors end the command in one line."""
    import logging
    import sys

    from cache import BadRedisUrl
    from cache.disk import DiskUnavailable
    from origin.edges import BadEdge
    from origin.keystore.fault import KeystoreError
    from origin.server.listeners import ListenError
    from origin.server.loop import LoopUnavailableError, has_c_parser, loop_factory
    from origin.server.tls import TlsUnusable
    from origin.serving.geo import GeoDatabaseError
    from origin.storage.mounts import BadStorageUrl
    from origin.telemetry.logs import configure, handler

    configure(logging.getLogger(), handler(sys.stderr, settings.log.format), settings.log.level)
    if not has_c_parser():
        logging.getLogger("headgate").warning(
            "aiohttp runs without its C parser on this platform; expect it to be slow"
        )
    try:
        with asyncio.Runner(loop_factory=loop_factory(settings.server.loop)) as runner:
            runner.run(main())
    except (LoopUnavailableError, KeystoreError, BadStorageUrl, BadRedisUrl, BadEdge, GeoDatabaseError) as error:
        raise Trouble(ExitCode.USAGE, str(error)) from None
    except TlsUnusable as error:
        raise Trouble(ExitCode.USAGE, *error.lines) from None
    except DiskUnavailable as error:
        raise Trouble(ExitCode.UNAVAILABLE, f"the disk cache cannot be used: {error}") from None
    except ListenError as error:
        raise Trouble(ExitCode.UNAVAILABLE, str(error)) from None
