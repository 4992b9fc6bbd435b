"""The order in which everything happens to a request on the fast lane."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from random import getrandbits
from typing import NamedTuple, TypeAlias

from aiohttp.http_parser import RawRequestMessage

from origin.lane.answer import Ready
from origin.lane.heads import Head, Heads
from origin.lane.line import read_line
from origin.lane.objects import Objects
from origin.lane.passes import Pass, Passes
from origin.lane.playlists import Playlists, onward_of
from origin.lane.routes import Route, Routes
from origin.lane.visitor import Read, Visitor
from origin.media.kinds import Kind
from origin.serving.inbound import Inbound
from origin.serving.observe import Alike, Observer
from origin.telemetry.access_log import AccessRecord

_MOST = 32_768  # kinds of requests whose observing is remembered
_JOINED_AT_MOST = 16 * 1024  # bytes of a body that are copied behind the header block rather than sent beside it


class Sent(NamedTuple):
    """What is to be written, and where the next request begins."""

    buffers: tuple[bytes | bytearray | memoryview, ...]
    end: int


class _Asked(NamedTuple):
    """One request that may go on."""

    is_head: bool
    route: Route
    head: Head
    known: Pass
    inbound: Inbound
    client: str
    started_at: float  # by time.perf_counter
    now: float  # Unix seconds


class _Told(NamedTuple):
    """What is to be said of an answer."""

    kind: Kind
    status: int
    cache: str = ""
    session_id: str = ""


_AlikeKey: TypeAlias = tuple[Pass, Head, bool, str, str, _Told]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a lane is made of."""

    routes: Routes
    passes: Passes
    playlists: Playlists
    objects: Objects


class Lane:
    """Answers requests from the bytes of a connection, or says nothing and has changed nothing."""

    def __init__(self, parts: Parts, read: Read, observer: Observer, decided: Callable[[str, str, str], None]) -> None:
        """`read` is the listener's; `decided(mount, dialect, reason)` is told of every decision about a token."""
        self._routes = parts.routes
        self._passes = parts.passes
        self._playlists = parts.playlists
        self._objects = parts.objects
        self._heads = Heads()
        self._read = read
        self._observer = observer
        self._decided = decided
        self._alike: dict[_AlikeKey, Alike] = {}

    def visitor(self, remote: str | None, protocol: object, *, secure: bool) -> Visitor:
        """For a connection that has been accepted."""
        return Visitor(self._read, remote, protocol, secure=secure)

    def learn(self, data: bytes, message: RawRequestMessage) -> None:
        """`data` was exactly one request, which the parser has accepted as `message`."""
        line = read_line(data, 0)  # where that one ends, the block begins, whatever a parser may make of others
        if line is not None:
            self._heads.learn(data, line.end, message)

    def answer(self, data: bytes, start: int, visitor: Visitor) -> Sent | None:
        """The answer to the request that begins at `start`; None when that is for others to give."""
        line = read_line(data, start)
        if line is None:
            return None
        is_head, path, query, end = line
        found, route = self._heads.find(data, end), self._routes.find(path)
        if found is None or route is None:
            return None
        head, end = found
        inbound = visitor.inbound(head)
        if inbound is None:
            return None
        started_at, now = time.perf_counter(), time.time()
        known = self._passes.find(route, query, head, inbound, now)
        if known is None:
            return None
        asked = _Asked(is_head, route, head, known, inbound, visitor.client, started_at, now)
        answer = self._manifest(asked, query) if route.is_manifest else self._object(asked)
        return None if answer is None else Sent(answer, end)

    def _manifest(self, asked: _Asked, query: bytes) -> tuple[bytes | bytearray | memoryview, ...] | None:
        route, known, facts = asked.route, asked.known, asked.inbound.facts
        hit = self._playlists.find(route)
        if hit is None:
            return None
        manifest = hit.entry.value
        onward = onward_of(known, route, query, manifest, asked.now)
        if onward is None:
            return None
        origin = (facts.scheme, facts.authority)
        ready = self._playlists.answer(
            route, asked.head, hit, onward, known.audience, origin, asked.now, is_head=asked.is_head
        )
        if ready is None:
            return None
        self._playlists.took(hit)
        return self._written(asked, ready, _Told(manifest.kind, ready.status, hit.outcome.value, onward.session_id))

    def _object(self, asked: _Asked) -> tuple[bytes | bytearray | memoryview, ...] | None:
        route, grant = asked.route, asked.known.grant
        ready = self._objects.answer(route, asked.head, asked.known.audience, asked.now, is_head=asked.is_head)
        if ready is None:
            return None
        session_id = "" if grant is None else grant.claims.session_id or ""
        return self._written(asked, ready, _Told(route.target.kind, ready.status, session_id=session_id))

    def _written(self, asked: _Asked, ready: Ready, told: _Told) -> tuple[bytes | bytearray | memoryview, ...]:
        _, route, _, known, _, _, started_at, now = asked
        request_id = b"%016x" % getrandbits(64)
        alike = self._alike.get((known, asked.head, asked.is_head, asked.client, route.mount.label, told))
        if alike is None:
            alike = self._observed(asked, told)
        if known.grant is not None:
            self._decided(route.mount.label, known.grant.claims.dialect, "ok")
        seconds = time.perf_counter() - started_at
        block = ready.block.filled(ready.etag, seconds * 1000, request_id, ready.length, now)
        size = len(ready.body)
        self._observer.served(alike, now, seconds, route.shown + known.shown, size, request_id)
        if not size:
            return (block,)
        return (block + ready.body,) if size <= _JOINED_AT_MOST else (block, ready.body)

    def _observed(self, asked: _Asked, told: _Told) -> Alike:
        """How such requests are counted and logged, worked out once."""
        route, known, inbound = asked.route, asked.known, asked.inbound
        claims = None if known.grant is None else known.grant.claims
        record = AccessRecord(
            time=0.0,
            duration_ns=0,
            method="HEAD" if asked.is_head else "GET",
            target="/",
            status=told.status,
            sent_bytes=0,
            client=asked.client,
            user_agent=inbound.fields.get("User-Agent", ""),
            mount=route.mount.label,
            kind=told.kind.value,
            cache=told.cache,
            dialect="" if claims is None else claims.dialect,
            token_id="" if claims is None else claims.token_id or "",
            session_id=told.session_id,
        )
        alike = self._observer.alike(record, told.kind)
        key = (known, asked.head, asked.is_head, asked.client, route.mount.label, told)
        self._alike[key] = alike
        if len(self._alike) > _MOST:
            del self._alike[next(iter(self._alike))]
        return alike
