"""`headgate serve`: the gateway itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from origin.cli.config import ConfigOption, load_settings
from origin.cli.trouble import ExitCode, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from origin.server.process import Listening
    from origin.settings import Settings

# Objects made and not yet freed before the youngest are looked through; a request makes and frees hundreds.
_ALLOCATIONS = 10_000


def serve(config: ConfigOption = None) -> None:
    """Serve the configured mounts until SIGTERM or SIGINT, then drain."""
    import logging

    from origin.server.process import authority

    settings = load_settings(config)

    def announce(where: Listening) -> None:
        log = logging.getLogger("headgate")
        prefixes = ", ".join(mount.prefix for mount in settings.mount)
        log.info("serving %s on %s", prefixes, authority(settings.public.host, where.public_port))
        log.info("metrics and health on %s", authority(settings.admin.host, where.admin_port))

    run_process(settings, lambda: _serve(settings, announce))


async def _serve(settings: Settings, announce: Callable[[Listening], None]) -> None:
    from origin.cli.place import place_of_this_process
    from origin.runtime import open_runtime
    from origin.server.process import serve as serve_until_told

    async with open_runtime(settings, place=place_of_this_process()) as runtime:
        spare_the_collector()
        await serve_until_told(settings, runtime, announce)


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
    from origin.server.loop import LoopUnavailableError, has_c_parser, loop_factory
    from origin.server.process import ListenError
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
