"""The header block of an answer with holes for what differs between requests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus

from origin.edge.dressing import dressed, finished
from origin.edge.mount import Mount
from origin.http.dates import format_http_date
from origin.http.etags import EntityTag
from origin.http.reply import Reply
from origin.serving.send import wire_headers

# Stand where the holes will be; no header field that is written here has a NUL.
ETAG_HOLE = EntityTag("\0etag\0")
_ID_HOLE = "\0id\0"
_MILLISECONDS = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A header block up to its holes: entity tag, milliseconds, request id, length, date."""

    before_etag: bytes  # or all up to the milliseconds, where the tag is in it
    after_etag: bytes
    after_milliseconds: bytes
    after_id: bytes
    has_length: bool

    def filled(self, etag: bytes, milliseconds: float, request_id: bytes, length: int | None, now: float) -> bytes:
        """The whole block. `etag` without its quotes; `now` in Unix seconds."""
        told = b"Content-Length: %d\r\n" % length if self.has_length and length is not None else b""
        return b"%b%b%b%.3f%b%b%b%bDate: %b\r\n\r\n" % (
            self.before_etag,
            etag,
            self.after_etag,
            milliseconds,
            self.after_milliseconds,
            request_id,
            self.after_id,
            told,
            _date(int(now)),
        )


def block_of(reply: Reply, mount: Mount, origin: str | None) -> Block:
    """The block of a reply below a mount, to a request with this Origin.

    Where its tag is `ETAG_HOLE`, that is a hole.
    """
    whole = finished(dressed(reply, mount, origin), _MILLISECONDS, _ID_HOLE)
    fields = wire_headers(whole, None)
    lines = [f"HTTP/1.1 {whole.status} {HTTPStatus(whole.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    text = "\r\n".join([*lines, ""]).encode()
    before, _, after_etag = text.partition(ETAG_HOLE.opaque.encode())
    if not after_etag:
        before, after_etag = b"", text
    up_to_timing, timing, after_timing = after_etag.partition(f"dur={_MILLISECONDS:.3f}".encode())
    after_milliseconds, _, after_id = after_timing.partition(_ID_HOLE.encode())
    has_length = whole.status not in {204, 304}
    return Block(before, up_to_timing + timing[: len(b"dur=")], after_milliseconds, after_id, has_length)


@lru_cache(4)
def _date(second: int) -> bytes:
    return format_http_date(second).encode()
