"""One structured line per request, written by a thread of its own.

Field names follow the Elastic Common Schema where it has one, and RFC 9246 §4.5 for the outcome of URI Signing; our own
are under `headgate`.
"""

from __future__ import annotations

import select
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Protocol

import msgspec

from origin.telemetry.redaction import Redactor, redact_text

_MAX_TARGET = 2048  # characters that are written of each client text
_MAX_AGENT = 256
_MAX_WORD = 64
_MAX_EDGE = 128
_BATCH = 512
# How long lines may wait for others: waking the thread for every line would cost the loop more than writing it does.
_GATHER_SECONDS = 0.05
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class AccessRecord:
    """One answered request. Text comes as the client sent it; the line takes care of it."""

    time: float  # Unix seconds, when the request arrived
    duration_ns: int
    method: str
    target: str
    status: int
    sent_bytes: int  # of the body
    client: str = ""  # the viewer's address
    user_agent: str = ""
    mount: str = ""
    kind: str = ""
    cache: str = ""
    reason: str = ""
    dialect: str = ""
    uri_signing: str = ""
    token_id: str = ""
    session_id: str = ""
    edge: str = ""
    request_id: str = ""


class Sink(Protocol):
    """Where lines go: standard output's buffer, a file."""

    def write(self, data: bytes, /) -> object:
        """Take `data`, whole; may block."""
        ...

    def flush(self) -> object:
        """Pass on what has been taken; may block."""
        ...


def line(record: AccessRecord, redactor: Redactor) -> bytes:
    """The record as one line of JSON with its newline; never a token, never a raw control character."""
    fields: dict[str, object] = {
        "@timestamp": datetime.fromtimestamp(record.time, UTC).isoformat(timespec="milliseconds"),
        "http.request.method": _text(record.method, _MAX_WORD),
        "url.path": _text(redactor.target(record.target), _MAX_TARGET),
        "http.response.status_code": record.status,
        "http.response.body.bytes": record.sent_bytes,
        "event.duration": record.duration_ns,
    }
    optional = {
        "client.ip": _text(record.client, _MAX_WORD),
        "user_agent.original": _text(redact_text(record.user_agent), _MAX_AGENT),
        "headgate.mount": record.mount,
        "headgate.kind": record.kind,
        "headgate.cache": record.cache,
        "headgate.reason": record.reason,
        "headgate.dialect": record.dialect,
        "s-uri-signing": record.uri_signing,
        "headgate.token_id": _text(redact_text(record.token_id), _MAX_WORD),
        "headgate.session_id": _text(redact_text(record.session_id), _MAX_WORD),
        "headgate.edge": _text(record.edge, _MAX_EDGE),
        "headgate.request_id": _text(record.request_id, _MAX_WORD),
    }
    fields.update((name, value) for name, value in optional.items() if value)
    return _encode(fields) + b"\n"


def _text(value: str, limit: int) -> str:
    """At most `limit` characters of `value`, with what cannot be printed written as escapes."""
    if len(value) > limit:
        value = value[:limit] + "…"
    if value.isprintable():
        return value
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in value)


def pieces(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Whole lines, as many together as a pipe takes in one piece: workers write to one, and may not mix (pipe(7))."""
    piece: list[bytes] = []
    size = 0
    for one in lines:
        if piece and size + len(one) > select.PIPE_BUF:
            yield piece
            piece, size = [], 0
        piece.append(one)
        size += len(one)
    if piece:
        yield piece


class AccessLog:
    """Takes records without ever waiting; a thread turns them into lines.

    When the sink is slower than the requests the queue fills up; further records are dropped and counted. A
    sink that fails loses the lines it was given: they count as dropped too, and later ones are tried again.
    """

    def __init__(
        self, sink: Sink, redactor: Redactor, on_dropped: Callable[[int], None], *, capacity: int = 16_384
    ) -> None:
        """`on_dropped` is told how many lines were lost, from whichever thread lost them."""
        self._sink = sink
        self._redactor = redactor
        self._on_dropped = on_dropped
        self._capacity = capacity
        self._queue: SimpleQueue[AccessRecord | None] = SimpleQueue()
        self._is_closed = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    def write(self, record: AccessRecord) -> None:
        """Queue one record, or drop it."""
        if self._is_closed or self._queue.qsize() >= self._capacity:
            self._on_dropped(1)
        else:
            self._queue.put(record)

    def close(self, timeout_seconds: float = 5.0) -> bool:
        """Write what is queued and stop; blocks. False when the sink did not take it in time. Idempotent."""
        if not self._is_closed:
            self._is_closed = True
            self._closing.set()
            self._queue.put(None)
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        for batch in self._batches():
            for piece in pieces(line(record, self._redactor) for record in batch):
                try:
                    self._sink.write(b"".join(piece))
                    self._sink.flush()
                except (OSError, ValueError):  # ValueError: the sink is closed
                    self._on_dropped(len(piece))

    def _batches(self) -> Iterator[list[AccessRecord]]:
        """What has come in since the last time, until the queue is closed."""
        while (record := self._queue.get()) is not None:
            if self._queue.qsize() < _BATCH:
                self._closing.wait(_GATHER_SECONDS)
            batch = [record]
            is_last = False
            while len(batch) < _BATCH and not self._queue.empty():
                following = self._queue.get()
                if following is None:
                    is_last = True
                    break
                batch.append(following)
            yield batch
            if is_last:
                return
