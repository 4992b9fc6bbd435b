"""Which event loop runs, and the one place that decides it.

uvloop schedules faster than asyncio's own loop but has no `sendfile`; through aiofastnet's transports it has.
benchmarks/README.md has the figures behind the default.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from aiohttp import http_parser

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


class LoopUnavailableError(Exception):
    """The configured loop cannot run here."""


def loop_factory(name: str) -> LoopFactory:
    """The factory for `name`: "uvloop+fast", "uvloop", "asyncio+fast" or "asyncio"."""
    base, _, fast = name.partition("+")
    factory = _base_factory(base)
    if not fast:
        return factory
    try:
        import aiofastnet  # noqa: PLC0415  # optional on this platform
    except ImportError as error:
        raise LoopUnavailableError(f"{name}: aiofastnet is not installed") from error
    fast_factory: LoopFactory = aiofastnet.loop_factory(factory)
    return fast_factory


def _base_factory(base: str) -> LoopFactory:
    if base == "asyncio":
        return asyncio.new_event_loop
    try:
        import uvloop  # noqa: PLC0415  # optional on this platform
    except ImportError as error:
        raise LoopUnavailableError(f"{base}: not installed on {sys.platform}") from error
    factory: LoopFactory = uvloop.new_event_loop
    return factory


def has_c_parser() -> bool:
    """Whether aiohttp parses requests in C; without it a wheel for this platform is missing."""
    return http_parser.HttpRequestParser is not http_parser.HttpRequestParserPy
