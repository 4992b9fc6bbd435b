"""What answers carry beside what they are about: for pages, against leaks, and for whoever looks for a fault."""

from __future__ import annotations

from origin.edge.mount import Mount
from origin.http.caching import Timing, fold_vary, server_timing
from origin.http.cors import cors_headers
from origin.http.reply import Header, Reply

_EVERY_ANSWER: tuple[Header, ...] = (("X-Content-Type-Options", "nosniff"),)
# A token in a URL must not leave with a Referer field.
_SIGNED_ANSWER: tuple[Header, ...] = (("Referrer-Policy", "no-referrer"),)


def dressed(reply: Reply, mount: Mount, origin: str | None) -> Reply:
    """The reply with what every answer below a mount carries; `origin` is the request's."""
    signed = _SIGNED_ANSWER if mount.protection is not None else ()
    headers = fold_vary((*reply.headers, *cors_headers(mount.cors, origin), *signed))
    return Reply(reply.status, headers, reply.body, reply.must_close)


def finished(reply: Reply, milliseconds: float, request_id: str) -> Reply:
    """The reply with what every answer carries."""
    elapsed = server_timing([Timing("origin", milliseconds)])
    return reply.with_headers(*_EVERY_ANSWER, elapsed, ("X-Request-Id", request_id))
