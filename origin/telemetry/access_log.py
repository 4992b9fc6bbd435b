"""One structured line per request, written by a thread of its own.

Field names follow the Elastic Common Schema where it has one, and RFC 9246 §4.5 for the outcome of URI Signing; our own
are under `headgate`.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from queue import SimpleQueue
from typing import Protocol

import msgspec

from origin.telemetry.redaction import Redactor, redact_text

MAX_TARGET = 2048  # characters that are written of each client text
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
        "url.path": _text(redactor.target(record.target), MAX_TARGET),
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


class LineForm:
    """What the lines of many alike requests have in common: `line` with holes.

    A form is made from the record of one of them, and filled with what tells the others apart.
    """

    __slots__ = ("_after_bytes", "_after_duration", "_after_path", "_after_time", "_before_time")

    def __init__(self, record: AccessRecord, redactor: Redactor) -> None:
        """Of `record` the time, the path, the bytes, the duration and the request's id do not matter."""
        sample = replace(
            record, time=0.0, target=_PATH_HOLE, sent_bytes=_BYTES_HOLE, duration_ns=_DURATION_HOLE, request_id=_ID_HOLE
        )
        text = line(sample, redactor)
        self._before_time, text = _cut(text, b"1970-01-01T00:00:00.000+00:00")
        self._after_time, text = _cut(text, _PATH_HOLE.encode())
        self._after_path, text = _cut(text, str(_BYTES_HOLE).encode())
        self._after_bytes, text = _cut(text, str(_DURATION_HOLE).encode())
        self._after_duration, _ = _cut(text, _ID_HOLE.encode())

    def filled(self, time: float, shown: bytes, sent_bytes: int, duration_ns: int, request_id: bytes) -> bytes:
        """The line of one request.

        `shown` is its target, free of tokens and of what JSON has to escape, and of at most `MAX_TARGET` characters.
        """
        return b'%b%b%b%b%b%d%b%d%b%b"}\n' % (
            self._before_time,
            _timestamp(time),
            self._after_time,
            shown,
            self._after_path,
            sent_bytes,
            self._after_bytes,
            duration_ns,
            self._after_duration,
            request_id,
        )


_PATH_HOLE = "/path-hole"
_ID_HOLE = "id-hole"
_BYTES_HOLE, _DURATION_HOLE = 11_111_111, 22_222_222


def _cut(text: bytes, at: bytes) -> tuple[bytes, bytes]:
    before, found, after = text.partition(at)
    if not found:
        raise ValueError("a line without its hole")
    return before, after


def _timestamp(time: float) -> bytes:
    """As `datetime.isoformat` writes it, to the millisecond."""
    second = math.floor(time)
    microseconds = round((time - second) * 1_000_000)
    return b"%b.%03d+00:00" % (_to_the_second(second + microseconds // 1_000_000), microseconds % 1_000_000 // 1000)


@lru_cache(8)
def _to_the_second(second: int) -> bytes:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()


def _text(value: str, limit: int) -> str:
    """At most `limit` characters of `value`, with what cannot be printed written as escapes."""
    if len(value) > limit:
        value = value[:limit] + "…"
    if value.isprintable():
        return value
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in value)


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
        self._queue: SimpleQueue[AccessRecord | bytes | None] = SimpleQueue()
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

    def form(self, record: AccessRecord) -> LineForm:
        """A form for lines that are like the record's."""
        return LineForm(record, self._redactor)

    def put(self, done: bytes) -> None:
        """Queue one line of a form, or drop it."""
        if self._is_closed or self._queue.qsize() >= self._capacity:
            self._on_dropped(1)
        else:
            self._queue.put(done)

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
            try:
                self._sink.write(b"".join(map(self._line, batch)))
                self._sink.flush()
            except (OSError, ValueError):  # ValueError: the sink is closed
                self._on_dropped(len(batch))

    def _line(self, record: AccessRecord | bytes) -> bytes:
        return record if isinstance(record, bytes) else line(record, self._redactor)

    def _batches(self) -> Iterator[list[AccessRecord | bytes]]:
        """What has come in since the last time, until the queue is closed."""
        while (record := self._queue.get()) is not None:
            if self._queue.qsize() < _BATCH:
                self._closing.wait(_GATHER_SECONDS)
            batch: list[AccessRecord | bytes] = [record]
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
