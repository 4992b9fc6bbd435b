"""The contract of an upstream: an HTTP request goes out, an HTTP response comes back and is not believed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from origin.http.fields import Fields


class Trouble(StrEnum):
    """Why an upstream gave no good answer. The values are metric labels and reasons in logs."""

    UNREACHABLE = "upstream_unreachable"  # refused, reset before an answer, no address, all of them out of health
    TIMED_OUT = "upstream_timed_out"  # connecting, waiting for the first byte, or between two bytes
    FORBIDDEN_ADDRESS = "upstream_forbidden_address"  # a private network that is not configured
    BAD_REDIRECT = "upstream_bad_redirect"  # not on the list, too many, or not understood
    MALFORMED = "upstream_malformed"  # no HTTP, header block too large, broken chunks
    TOO_LARGE = "upstream_too_large"  # more bytes than the mount allows
    TRUNCATED = "upstream_truncated"  # fewer bytes than announced
    OVERLONG = "upstream_overlong"  # more bytes than announced
    WRONG_RANGE = "upstream_wrong_range"  # Content-Range is not what was asked for, or not what came
    CHANGED = "upstream_changed"  # another version than the one that a range was to be taken from
    BAD_TARGET = "upstream_bad_target"  # the request's target is no place below the upstream; nobody was asked
    LOOP = "upstream_loop"  # the request has been here before (CDN-Loop, RFC 8586)
    BUSY = "upstream_busy"  # too many requests to it are under way


class UpstreamError(Exception):
    """No good answer, or its body broke. The text never repeats a URL: it may carry a secret."""

    def __init__(self, trouble: Trouble, detail: str = "") -> None:
        """`detail` is for the log."""
        super().__init__(f"{trouble.value}: {detail}" if detail else trouble.value)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request to the upstream, complete but for Host and what belongs to the connection."""

    method: str
    target: str = field(repr=False)  # origin-form below the upstream's base: "/a%20b/x.m3u8?v=2", encoded
    fields: Fields = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)


class Incoming(Protocol):
    """An upstream's response; the header block is there, the body may still be on its way."""

    @property
    def status(self) -> int:
        """A final status, 200 to 999."""
        ...

    @property
    def fields(self) -> Fields:
        """All header fields as received; those of the connection are still among them."""
        ...

    @property
    def length(self) -> int | None:
        """How many body bytes are announced; None when that is not known."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body, once, in pieces as they arrive; none is empty.

        Raises `UpstreamError` instead of ending when the body is shorter or longer than announced, broken, too
        large or too slow.
        """
        ...

    async def close(self) -> None:
        """Let go of the connection, whether the body was read or not. Idempotent."""
        ...


class OriginServer(Protocol):
    """Somebody who answers requests."""

    async def fetch(self, request: Outgoing) -> Incoming:
        """The response to `request`. Raises `UpstreamError` when there is none."""
        ...

    async def probe(self) -> None:
        """Raise `UpstreamError` when it cannot answer at all (for readiness and `doctor`)."""
        ...

    async def close(self) -> None:
        """Give back everything that is held open."""
        ...
