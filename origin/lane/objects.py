"""Answers for everything that is not a manifest, from open descriptors and hot bodies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from origin.edge.lifetimes import Audience
from origin.edge.objects import object_reply
from origin.http.conditions import Conditions
from origin.http.reply import Empty, FileSlice, Reply
from origin.http.spans import ByteSpan
from origin.lane.answer import Ready, Told, told_of
from origin.lane.blocks import Block, block_of
from origin.lane.heads import Head
from origin.lane.hot import HotBodies
from origin.lane.routes import Route
from origin.serving.file_run import FileRun
from origin.serving.send import COPY_AT_MOST, read_now
from origin.storage.store import StoredObject

_MOST = 16_384  # answers remembered
# A file that is asked for ten thousand times a second is looked at this often.
LOOK_AGAIN_SECONDS = 0.02

Body: TypeAlias = bytes | bytearray | memoryview | FileRun


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """A reply without its bytes."""

    version: str
    told: Told
    block: Block
    length: int | None
    span: ByteSpan | None  # None: no body


class Objects:
    """Remembers what was decided about one version of an object for one kind of request."""

    def __init__(self, hot: HotBodies) -> None:
        """`hot` is closed by whoever made it."""
        self._hot = hot
        self._known: dict[tuple[Route, int, bool], _Kept] = {}
        self._looked: dict[Route, tuple[str, float]] = {}  # the version that was there, and when

    def answer(
        self, route: Route, head: Head, audience: Audience, now: float, *, is_head: bool, sends_files: bool = False
    ) -> Ready | None:
        """The answer at `now` (Unix seconds), or None when it takes waiting, or more than one run of bytes.

        `sends_files`: its body may be a `FileRun`.
        """
        key = (route, head.variant, is_head)
        kept = self._known.get(key)
        if kept is not None and (at_hand := self._from_memory(route, kept, now)) is not None:
            return at_hand
        content = route.mount.objects.peek(route.target.path)
        if content is None:
            return None
        ready: Ready | None = None
        try:
            version = content.info.version
            self._looked[route] = (version, now)
            if len(self._looked) > _MOST:
                del self._looked[next(iter(self._looked))]
            if kept is None or kept.version != version:
                kept = self._decided(route, head, audience, content, now, is_head=is_head)
                self._keep(key, kept, head, content, now)
            ready = None if kept is None else self._with_body(route, kept, content, sends_files=sends_files)
            return ready
        finally:
            if ready is None or not isinstance(ready.body, FileRun):
                content.release()

    def _with_body(self, route: Route, kept: _Kept, content: StoredObject, *, sends_files: bool) -> Ready | None:
        """The answer with its bytes. A `FileRun` takes `content` over."""
        span = kept.span
        if span is None:
            return Ready(kept.told, kept.block, b"", kept.length, b"")
        # Memory first: one write, and for bodies of any length less work than sendfile (benchmarks/README.md).
        whole = self._hot.get(route, kept.version)
        if whole is not None:
            return Ready(kept.told, kept.block, b"", kept.length, _part(whole, span))
        is_file = span.length > COPY_AT_MOST and sends_files
        body: Body | None = FileRun.of(content, span) if is_file else self._copied(content, span)
        self._hot.wish(route, kept.version, content.size, partial(route.mount.objects.peek, route.target.path))
        return None if body is None else Ready(kept.told, kept.block, b"", kept.length, body)

    def _from_memory(self, route: Route, kept: _Kept, now: float) -> Ready | None:
        """The answer from a hot body whose file was looked at a moment ago."""
        version, looked_at = self._looked.get(route, ("", 0.0))
        if version != kept.version or not 0 <= now - looked_at < LOOK_AGAIN_SECONDS:
            return None
        span = kept.span
        if span is None:
            return Ready(kept.told, kept.block, b"", kept.length, b"")
        whole = self._hot.get(route, version)
        if whole is None:
            return None
        return Ready(kept.told, kept.block, b"", kept.length, _part(whole, span))

    def _copied(self, content: StoredObject, span: ByteSpan) -> Body | None:
        """As `serving.send` copies a short run."""
        data = read_now(content.fileno(), span) if span.length <= COPY_AT_MOST else None
        return data if data is not None and content.is_unchanged() else None

    def _decided(
        self, route: Route, head: Head, audience: Audience, content: StoredObject, now: float, *, is_head: bool
    ) -> _Kept | None:
        method = "HEAD" if is_head else "GET"
        reply = object_reply(route.mount, route.target, audience, method, head.conditions, content, now)
        told = told_of(route.target.kind, reply.status)
        return _kept(content.info.version, told, reply, block_of(reply, route.mount, head.origin))

    def _keep(
        self, key: tuple[Route, int, bool], kept: _Kept | None, head: Head, content: StoredObject, now: float
    ) -> None:
        if kept is None or not _is_timeless(head.conditions) or content.info.modified > now:
            return  # what was decided by the clock is decided again
        self._known[key] = kept
        if len(self._known) > _MOST:
            del self._known[next(iter(self._known))]


def _kept(version: str, told: Told, reply: Reply, block: Block) -> _Kept | None:
    match reply.body:
        case Empty(length=length):
            return _Kept(version, told, block, length, None)
        case FileSlice(span=span):
            return _Kept(version, told, block, span.length, span)
        case _:
            return None


def _part(whole: bytes, span: ByteSpan) -> bytes | memoryview:
    return whole if span.length == len(whole) else memoryview(whole)[span.start : span.stop]


def _is_timeless(conditions: Conditions) -> bool:
    dated = (conditions.if_modified_since, conditions.if_unmodified_since, conditions.if_range)
    return all(each is None for each in dated)
