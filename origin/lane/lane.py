"""The order in which everything happens to a request on the fast lane."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import getrandbits
from time import perf_counter, time
from typing import NamedTuple, TypeAlias

from aiohttp.http_parser import RawRequestMessage

from origin.lane.answer import Ready, Told
from origin.lane.heads import Head, Heads
from origin.lane.line import read_line
from origin.lane.objects import Objects
from origin.lane.passes import Pass, Passes
from origin.lane.playlists import Playlists, onwards_of
from origin.lane.routes import Route, Routes
from origin.lane.visitor import Read, Visitor
from origin.serving.file_run import FileRun
from origin.serving.observe import Alike, Observer
from origin.telemetry.access_log import AccessRecord

_MOST = 32_768  # kinds of requests whose observing is remembered
_JOINED_AT_MOST = 16 * 1024  # bytes of a body that are copied behind the header block rather than sent beside it


class Sent(NamedTuple):
    """What is to be written, perhaps in two parts, and where the next request begins."""

    block: bytes
    body: bytes | bytearray | memoryview | FileRun
    end: int


_Key: TypeAlias = tuple[Pass, Head, Told, str, str, bool]


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
        self._alike: dict[_Key, Alike] = {}

    def visitor(self, remote: str | None, protocol: object, *, secure: bool, sends_files: bool = False) -> Visitor:
        """For a connection that has been accepted."""
        return Visitor(self._read, remote, protocol, secure=secure, sends_files=sends_files)

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
        if not visitor.sends(head):
            return None
        started_at, now = perf_counter(), time()
        known = self._passes.find(route, query, head, visitor, now)
        if known is None:
            return None
        if route.is_manifest:
            ready, session_id = self._manifest(route, head, known, query, visitor, now)
        else:
            sends_files = visitor.sends_files
            ready = self._objects.answer(route, head, known.audience, now, is_head=is_head, sends_files=sends_files)
            session_id = known.session_id
        if ready is None:
            return None
        alike = self._alike.get((known, head, ready.told, visitor.client, session_id, is_head))
        if alike is None:
            alike = self._observed(known, head, ready.told, visitor, session_id, route.mount.label, is_head=is_head)
        if known.grant is not None:
            self._decided(route.mount.label, known.grant.claims.dialect, "ok")
        return self._written(ready, alike, route.shown + known.shown, started_at, now, end, is_head=is_head)

    def _manifest(
        self, route: Route, head: Head, known: Pass, query: bytes, visitor: Visitor, now: float
    ) -> tuple[Ready | None, str]:
        """The answer, and the session that it belongs to."""
        hit = self._playlists.find(route)
        goes = None if hit is None else onwards_of(known, route, query, hit.entry.value, now)
        if hit is None or goes is None:
            return None, ""
        is_open = known.grant is None
        ready = self._playlists.answer(route, head, hit, goes, visitor.place, now, is_open=is_open)
        if ready is not None:
            self._playlists.took(route, hit)
        return ready, goes.onward.session_id

    def _written(
        self, ready: Ready, alike: Alike, shown: bytes, started_at: float, now: float, end: int, *, is_head: bool
    ) -> Sent:
        _, prepared, etag, length, body = ready
        request_id = b"%016x" % getrandbits(64)
        seconds = perf_counter() - started_at
        block = prepared.filled(etag, seconds * 1000, request_id, length, now)
        served = self._observer.served
        if isinstance(body, FileRun):
            body.when_sent(
                lambda sent: served(alike, now, seconds, perf_counter() - started_at, shown, sent, request_id)
            )
            return Sent(block, body, end)
        size = 0 if is_head else len(body)
        served(alike, now, seconds, seconds, shown, size, request_id)
        if not size:
            return Sent(block, b"", end)
        return Sent(block + body, b"", end) if size <= _JOINED_AT_MOST else Sent(block, body, end)

    def _observed(
        self, known: Pass, head: Head, told: Told, visitor: Visitor, session_id: str, mount: str, *, is_head: bool
    ) -> Alike:
        """How such requests are counted and logged, worked out once."""
        claims = None if known.grant is None else known.grant.claims
        record = AccessRecord(
            time=0.0,
            duration_ns=0,
            method="HEAD" if is_head else "GET",
            target="/",
            status=told.status,
            sent_bytes=0,
            client=visitor.client,
            user_agent=head.fields.get("User-Agent", ""),
            mount=mount,
            kind=told.kind.value,
            cache=told.cache,
            dialect="" if claims is None else claims.dialect,
            token_id="" if claims is None else claims.token_id or "",
            session_id=session_id,
        )
        alike = self._alike[known, head, told, visitor.client, session_id, is_head] = self._observer.alike(
            record, told.kind
        )
        if len(self._alike) > _MOST:
            del self._alike[next(iter(self._alike))]
        return alike
