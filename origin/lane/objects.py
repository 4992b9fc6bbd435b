"""Answers for everything that is not a manifest, from open descriptors and hot bodies."""

from __future__ import annotations

from dataclasses import dataclass
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
# A run of at least so many bytes leaves by sendfile, where the transport has its own; see benchmarks/README.md.
FILE_FROM = 64 * 1024

Body: TypeAlias = bytes | bytearray | memoryview


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

    def answer(
        self, route: Route, head: Head, audience: Audience, now: float, *, is_head: bool, sends_files: bool = False
    ) -> Ready | None:
        """The answer at `now` (Unix seconds), or None when it takes waiting, or more than one run of bytes.

        `sends_files`: its body may be a `FileRun`.
        """
        content = route.mount.objects.peek(route.target.path)
        if content is None:
            return None
        is_taken = False
        try:
            version = content.info.version
            key = (route, head.variant, is_head)
            kept = self._known.get(key)
            if kept is None or kept.version != version:
                kept = self._decided(route, head, audience, content, now, is_head=is_head)
                if kept is None:
                    return None
                self._keep(key, kept, head, content, now)
            span = kept.span
            if span is None or is_head:
                return Ready(kept.told, kept.block, b"", kept.length, b"")
            if sends_files and span.length >= FILE_FROM:
                run = FileRun.of(content, span)
                is_taken = run is not None
                return None if run is None else Ready(kept.told, kept.block, b"", kept.length, run)
            whole = self._hot.get(route, version)
            if whole is None:
                is_taken = self._hot.wish(route, version, content)
                body: Body | None = self._copied(content, span)
            else:
                body = whole if span.length == len(whole) else memoryview(whole)[span.start : span.stop]
            return None if body is None else Ready(kept.told, kept.block, b"", kept.length, body)
        finally:
            if not is_taken:
                content.release()

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

    def _keep(self, key: tuple[Route, int, bool], kept: _Kept, head: Head, content: StoredObject, now: float) -> None:
        if not _is_timeless(head.conditions) or content.info.modified > now:
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


def _is_timeless(conditions: Conditions) -> bool:
    dated = (conditions.if_modified_since, conditions.if_unmodified_since, conditions.if_range)
    return all(each is None for each in dated)
