"""An origin server that does as a test says, without a network: it keeps every promise of `OriginServer`.

    origin = ScriptedOrigin()
    origin.put("/a", b"data", ("Cache-Control", "max-age=60"))
    origin.answers["/b"] = Answer(503, body=b"later")
    ... origin.asked, origin.open_now

A gate holds a body back after some of its bytes until the test opens it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256

from origin.http.fields import Fields, combined
from origin.http.ranges import Multiple, Single, Unsatisfiable, content_range, select, unsatisfied_range
from origin.upstream.origin_server import Outgoing, Trouble, UpstreamError
from origin.upstream.target import check_target


@dataclass
class Gate:
    """Where a body stops after `after` bytes, or an answer before its header block (`after` None)."""

    after: int | None = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True)
class Answer:
    """What is answered."""

    status: int = 200
    fields: Fields = ()
    body: bytes = b""
    is_chunked: bool = False  # its length is not announced
    gate: Gate | None = None
    breaks: Trouble | None = None  # after `gate.after` bytes, or else before the first
    piece: int = 64 * 1024


Script = Callable[[Outgoing], Answer]


class ScriptedIncoming:
    """An `Incoming`."""

    def __init__(self, origin: ScriptedOrigin, answer: Answer, request: Outgoing) -> None:
        self.status = answer.status
        has_body = request.method != "HEAD" and answer.status not in {204, 304}
        self._body = answer.body if has_body else b""
        length = () if answer.is_chunked or answer.status == 304 else (("Content-Length", str(len(answer.body))),)
        self.fields: Fields = (*answer.fields, *length)
        self.length: int | None = None if answer.is_chunked and has_body else len(self._body)
        self._origin = origin
        self._answer = answer
        self._is_open = True
        origin.incoming.append(self)

    @property
    def is_held_back(self) -> bool:
        """Whether a gate is closed before some of its body."""
        gate = self._answer.gate
        return gate is not None and not gate.opened.is_set()

    async def chunks(self) -> AsyncIterator[bytes]:
        """See `Incoming`."""
        answer, gate = self._answer, self._answer.gate
        stop = len(self._body) if gate is None or gate.after is None else gate.after
        if answer.breaks is None or gate is not None:
            for piece in self._pieces(0, stop):
                yield piece
        if answer.breaks is not None:
            raise UpstreamError(answer.breaks, "as scripted")
        if gate is not None and gate.after is not None:
            gate.reached.set()
            await self._origin.unless_closed(gate.opened)
        for piece in self._pieces(stop, len(self._body)):
            yield piece

    async def close(self) -> None:
        """See `Incoming`."""
        if self._is_open:
            self._is_open = False
            self._origin.incoming.remove(self)

    def _pieces(self, start: int, stop: int) -> list[bytes]:
        size = self._answer.piece
        return [self._body[at : min(at + size, stop)] for at in range(start, stop, size)]


class ScriptedOrigin:
    """An `OriginServer` over a dictionary of objects, and of scripts that go before them."""

    def __init__(self) -> None:
        self.objects: dict[str, Answer] = {}  # answered whole, in ranges and conditionally
        self.answers: dict[str, Answer | Script] = {}  # answered as they stand
        self.asked: list[Outgoing] = []
        self.incoming: list[ScriptedIncoming] = []  # those that nobody has closed
        self.down: Trouble | None = None
        self._closed = asyncio.Event()

    @property
    def open_now(self) -> int:
        """How many answers nobody has let go of."""
        return len(self.incoming)

    def put(
        self,
        target: str,
        body: bytes,
        *fields: tuple[str, str],
        gate: Gate | None = None,
        breaks: Trouble | None = None,
    ) -> str:
        """Answer `target` with `body`, in ranges and conditionally too; its entity tag."""
        etag = next((value for name, value in fields if name.lower() == "etag"), f'"{sha256(body).hexdigest()[:8]}"')
        own = tuple(one for one in fields if one[0].lower() != "etag")
        self.objects[target] = Answer(200, (("ETag", etag), *own) if etag else own, body, gate=gate, breaks=breaks)
        return etag

    def requests(self, target: str = "") -> list[Outgoing]:
        """What was asked for `target`, or for all."""
        return [one for one in self.asked if target in {"", one.target}]

    def ranges(self, target: str) -> list[str | None]:
        """The ranges that were asked for, in order."""
        return [combined(one.fields, "Range") for one in self.requests(target)]

    async def fetch(self, request: Outgoing) -> ScriptedIncoming:
        """See `OriginServer`."""
        check_target(request.target)
        self._check_up()
        self.asked.append(request)
        answer = self._answer(request)
        if answer.gate is not None and answer.gate.after is None:
            answer.gate.reached.set()
            await self.unless_closed(answer.gate.opened)
        return ScriptedIncoming(self, answer, request)

    async def probe(self) -> None:
        """See `OriginServer`."""
        self._check_up()

    async def close(self) -> None:
        """See `OriginServer`."""
        self.down = Trouble.UNREACHABLE
        self._closed.set()

    async def unless_closed(self, opened: asyncio.Event) -> None:
        """Wait, and raise when this server is closed first."""
        waits = [asyncio.ensure_future(event.wait()) for event in (opened, self._closed)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
        if not opened.is_set():
            raise UpstreamError(Trouble.UNREACHABLE, "closed")

    def _check_up(self) -> None:
        if self.down is not None:
            raise UpstreamError(self.down, "as scripted")

    def _answer(self, request: Outgoing) -> Answer:
        scripted = self.answers.get(request.target)
        if scripted is not None:
            return scripted(request) if callable(scripted) else scripted
        found = self.objects.get(request.target)
        return Answer(404, body=b"nothing here") if found is None else selected(found, request)


def selected(found: Answer, request: Outgoing) -> Answer:
    """The object as the request wants it."""
    etag = combined(found.fields, "ETag")
    if etag is not None and combined(request.fields, "If-None-Match") == etag:
        return replace(found, status=304, body=b"", gate=None)
    changed = combined(found.fields, "Last-Modified")
    if etag is None and changed is not None and combined(request.fields, "If-Modified-Since") == changed:
        return replace(found, status=304, body=b"", gate=None)
    if combined(request.fields, "If-Range") not in {None, etag}:
        return found
    length = len(found.body)
    match select(request.method, combined(request.fields, "Range"), length):
        case Single(span):
            place = ("Content-Range", content_range(span, length))
            body = found.body[span.start : span.stop]
            return replace(found, status=206, fields=(*found.fields, place), body=body)
        case Unsatisfiable():
            return Answer(416, (("Content-Range", unsatisfied_range(length)),))
        case Multiple():
            return found  # as servers may that do not want to
        case _:
            return found
