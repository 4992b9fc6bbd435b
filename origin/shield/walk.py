"""Fetches everything that a manifest leads to, once, so that the caches on the way have it.

From a multivariant playlist to its media playlists to their segments, or from an MPD to its segments, all by
URL and through whatever stands in front of the origin, as a player would. Bounds end the walk, and then it
says that it is not complete.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import reduce
from typing import TypeVar

from origin.manifests.courses import Course, Span, Track, Wanted
from origin.manifests.references import Uri, origin_of, parse_reference
from origin.manifests.template import Malformed
from origin.manifests.upcoming import as_sent, course_of

MAX_MANIFEST_BYTES = 8 * 1024 * 1024


class CacheResult(StrEnum):
    """What the nearest cache said of an answer (RFC 9211)."""

    HIT = "hit"
    MISS = "miss"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of one request."""

    url: str  # where the answer came from in the end
    size: int = 0  # bytes of content
    body: bytes = b""  # as much as was to be kept
    cache: CacheResult = CacheResult.UNKNOWN
    fault: str = ""  # why it counts as failed: a few words without the URL; "" when all is well


@dataclass(frozen=True, slots=True)
class Order:
    """One request to make. `keep` bytes of the content are wanted, more of them are a fault if there are any."""

    url: str
    span: Span | None = None
    keep: int = 0
    may_redirect: bool = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """When a walk ends."""

    limit: int = 1_000  # objects, manifests included
    max_bytes: int = 10 * 1024**3
    concurrency: int = 4
    follow_hosts: bool = False  # whether it leaves the origin (scheme, host, port) of the first URL


@dataclass(slots=True)
class Summary:
    """What a walk did."""

    objects: int = 0  # fetched well
    bytes: int = 0
    hits: int = 0
    misses: int = 0
    failures: list[Fetched] = field(default_factory=list)
    is_cut: bool = False  # a bound ended it

    @property
    def is_complete(self) -> bool:
        """Whether everything there is was fetched."""
        return not self.is_cut and not self.failures


Spend = Callable[[int], bool]  # told of every byte that comes; False when that is enough
Fetch = Callable[[Order, Spend], Awaitable[Fetched]]  # raises nothing

T = TypeVar("T")


class Walk:
    """One walk."""

    def __init__(self, fetch: Fetch, bounds: Bounds, now: float, tell: Callable[[Fetched], None]) -> None:
        """`now` (Unix seconds) says what of a live MPD is available; `tell` hears of every request that ended."""
        self._fetch = fetch
        self._bounds = bounds
        self._now = now
        self._tell = tell
        self._summary = Summary()
        self._begun = 0

    async def run(self, url: str) -> Summary:
        """Walk from the manifest at `url`. Use it once."""
        root = Uri.parse(url)
        courses: list[Course] = []

        async def read(manifest: str) -> None:
            course = await self._manifest(root, manifest)
            if course is not None:
                courses.append(course)

        await self._each([url], read)
        playlists = [name for course in courses for name in course.playlists]
        await self._each(playlists, read)
        tracks = [track for course in courses for track in course.tracks]
        await self._each(_in_turn(tracks, self._now, self._bounds.limit + 1), self._object)
        return self._summary

    async def _manifest(self, root: Uri, url: str) -> Course | None:
        fetched = await self._take(Order(url, None, MAX_MANIFEST_BYTES, self._bounds.follow_hosts))
        if fetched is None or fetched.fault:
            return None
        uri = Uri.parse(fetched.url)
        parameters = dict(pair.partition("=")[::2] for pair in (uri.query or "").split("&"))
        try:
            return course_of(fetched.body, _Web(root, uri, self._bounds.follow_hosts).locate, parameters)
        except Malformed as error:
            unread = Fetched(url, fault=f"not a manifest that can be read ({error.reason})")
            self._summary.failures.append(unread)
            self._tell(unread)
            return None

    async def _object(self, wanted: Wanted) -> None:
        await self._take(Order(wanted.name, wanted.span, may_redirect=self._bounds.follow_hosts))

    async def _take(self, order: Order) -> Fetched | None:
        """Fetch and count one; None when a bound forbids it."""
        summary, bounds = self._summary, self._bounds
        if self._begun >= bounds.limit or summary.bytes >= bounds.max_bytes:
            summary.is_cut = True
            return None
        self._begun += 1
        fetched = await self._fetch(order, self._spend)
        if fetched.fault:
            summary.failures.append(fetched)
        else:
            summary.objects += 1
            summary.hits += fetched.cache is CacheResult.HIT
            summary.misses += fetched.cache is CacheResult.MISS
        self._tell(fetched)
        return fetched

    def _spend(self, size: int) -> bool:
        self._summary.bytes += size
        self._summary.is_cut |= self._summary.bytes > self._bounds.max_bytes
        return self._summary.bytes <= self._bounds.max_bytes

    async def _each(self, items: Iterable[T], act: Callable[[T], Awaitable[None]]) -> None:
        """Act on all items, so many at once."""
        waiting = iter(items)

        async def work() -> None:
            for item in waiting:
                await act(item)

        async with asyncio.TaskGroup() as workers:
            for _ in range(self._bounds.concurrency):
                workers.create_task(work())


def _in_turn(tracks: list[Track], now: float, limit: int) -> Iterator[Wanted]:
    """The first of every track, then the second of every track …, each once and no more than `limit`."""
    seen: dict[Wanted, None] = {}
    waiting = [track.all(now) for track in tracks]
    while waiting and len(seen) < limit:
        rest = []
        for each in waiting:
            found = next(each, None)
            if found is None:
                continue
            rest.append(each)
            if found not in seen:
                seen[found] = None
                yield found
        waiting = rest


class _Web:
    """Names as absolute URLs, for what a manifest at a URL refers to."""

    def __init__(self, root: Uri, manifest: Uri, follow_hosts: bool) -> None:
        self._home = _origin(root)
        self._query = root.query
        self._manifest = manifest
        self._follow_hosts = follow_hosts

    def locate(self, reference: str, bases: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
        """A `Locate`. What has no query gets the first URL's, at home, for a token may be in it."""
        found = (self._located(reference, chain) for chain in bases or ((),))
        return tuple(url for url in found if url is not None)

    def _located(self, reference: str, chain: tuple[str, ...]) -> str | None:
        try:
            uri = reduce(Uri.join, map(parse_reference, (*chain, reference)), self._manifest)
            origin = _origin(uri)
            path, own_query = as_sent(uri.path), None if uri.query is None else as_sent(uri.query)
        except (Malformed, UnicodeEncodeError):
            return None
        if origin is None or not (self._follow_hosts or origin == self._home):
            return None
        query = self._query if own_query is None and origin == self._home else own_query
        return str(Uri(path, uri.scheme, uri.authority, query))


def _origin(uri: Uri) -> str | None:
    is_web = uri.scheme in ("http", "https") and uri.authority
    return origin_of(uri.scheme or "", uri.authority or "") if is_web else None


_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"')


def cache_result(field_value: str | None) -> CacheResult:
    """What the last, nearest member of a `Cache-Status` says."""
    if field_value is None:
        return CacheResult.UNKNOWN
    member = _QUOTED.sub("", field_value).rpartition(",")[2]
    parameters = [each.strip() for each in member.split(";")[1:]]
    if "hit" in parameters or "hit=?1" in parameters:
        return CacheResult.HIT
    is_forwarded = any(each.startswith("fwd=") for each in parameters)
    return CacheResult.MISS if is_forwarded else CacheResult.UNKNOWN
