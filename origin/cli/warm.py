"""`headgate warm`: have a title in the caches before anybody asks for it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from origin.cli.config import JsonOption
from origin.cli.trouble import ExitCode, Trouble

if TYPE_CHECKING:
    import aiohttp

    from origin.shield.walk import Bounds, Fetched, Order, Spend, Summary

_TIMED_OUT = "timed out"
_NO_CONNECTION = "no connection"
_AWAY = (_TIMED_OUT, _NO_CONNECTION)


def warm(
    url: Annotated[str, Argument(help="URL of a playlist or an MPD, with its token if it needs one.")],
    limit: Annotated[int, Option(min=1, help="At most so many objects.")] = 1_000,
    max_bytes: Annotated[int, Option(min=1, help="At most so many bytes.")] = 10 * 1024**3,
    concurrency: Annotated[int, Option(min=1, max=64, help="So many requests at once.")] = 4,
    timeout: Annotated[float, Option(min=0.1, help="Seconds that one request may take.")] = 60.0,
    follow_hosts: Annotated[bool, Option("--follow-hosts", help="Fetch from other hosts, too.")] = False,
    as_json: JsonOption = False,
) -> ExitCode:
    """Fetch everything that a manifest leads to, and forget it. Exit code 0 when nothing is missing.

    What has no query of its own is asked for with the query of URL.
    """
    import asyncio
    from urllib.parse import urlsplit

    from origin.shield.walk import Bounds

    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url or not url.isascii() or any(character <= " " for character in url):
        raise Trouble(ExitCode.USAGE, "the URL is http:// or https://, with a host, and percent-encoded")
    bounds = Bounds(limit, max_bytes, concurrency, follow_hosts)
    summary = asyncio.run(_walk(url.partition("#")[0], bounds, timeout, is_silent=as_json))
    _show(summary, as_json=as_json)
    if summary.is_complete:
        return ExitCode.OK
    is_away = summary.objects == 0 and bool(summary.failures) and summary.failures[0].fault in _AWAY
    return ExitCode.UNAVAILABLE if is_away else ExitCode.FAILED


async def _walk(url: str, bounds: Bounds, patience: float, *, is_silent: bool) -> Summary:
    from functools import partial

    import aiohttp

    from origin.shield.walk import Walk

    tell = _ignore if is_silent else _tell
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=patience),
        connector=aiohttp.TCPConnector(limit=bounds.concurrency),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        return await Walk(partial(_fetch, session), bounds, time.time(), tell).run(url)


async def _fetch(session: aiohttp.ClientSession, order: Order, spend: Spend) -> Fetched:
    """Make one request. What fails is told in words of ours: those of others may show the URL."""
    import aiohttp
    from yarl import URL

    from origin.shield.walk import Fetched

    try:
        target = URL(order.url, encoded=True)
        async with session.get(target, headers=_fields(order), allow_redirects=order.may_redirect) as response:
            return await _received(response, order, spend)
    except TimeoutError:
        return Fetched(order.url, fault=_TIMED_OUT)
    except aiohttp.ClientPayloadError:
        return Fetched(order.url, fault="broken off")
    except (aiohttp.ClientConnectionError, OSError):
        return Fetched(order.url, fault=_NO_CONNECTION)
    except (aiohttp.ClientError, ValueError):
        return Fetched(order.url, fault="no answer that can be understood")


def _fields(order: Order) -> dict[str, str]:
    if order.span is None:
        return {}
    first, last = order.span
    # Ranges are of the object as it is stored.
    return {"Range": f"bytes={first}-{'' if last is None else last}", "Accept-Encoding": "identity"}


async def _received(response: aiohttp.ClientResponse, order: Order, spend: Spend) -> Fetched:
    from origin.shield.walk import Fetched, cache_result

    url = str(response.url)
    if response.status not in ((200,) if order.span is None else (200, 206)):
        return Fetched(url, fault=f"status {response.status}")
    size = 0
    kept: list[bytes] = []
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if not spend(len(chunk)):
            return Fetched(url, size, fault="more bytes than allowed")
        if order.keep:
            kept.append(chunk)
        if 0 < order.keep < size:
            return Fetched(url, size, fault="too large for a manifest")
    return Fetched(url, size, b"".join(kept), cache_result(response.headers.get("Cache-Status")))


def _ignore(_fetched: Fetched) -> None:
    pass


def _tell(fetched: Fetched) -> None:
    what = fetched.fault or fetched.cache.value
    print(f"{what:10} {fetched.size:>12,}  {_shown(fetched.url)}")


def _shown(url: str) -> str:
    """A URL without its query, and without whatever looks like a token in its path."""
    from origin.telemetry.redaction import redactor

    return redactor(frozenset()).target(url.partition("?")[0])


def _show(summary: Summary, *, as_json: bool) -> None:
    if as_json:
        failures = [{"url": _shown(each.url), "fault": each.fault} for each in summary.failures]
        counts = {name: getattr(summary, name) for name in ("objects", "bytes", "hits", "misses")}
        print(json.dumps({"ok": summary.is_complete, **counts, "cut": summary.is_cut, "failures": failures}))
        return
    print(f"{summary.objects:,} objects, {summary.bytes:,} bytes: {summary.hits:,} hits, {summary.misses:,} misses")
    if summary.failures:
        print(f"{len(summary.failures):,} failed")
    if summary.is_cut:
        print("not all of it: a limit was reached")
