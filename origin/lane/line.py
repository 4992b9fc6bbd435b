"""The first line of the plainest requests (RFC 9112 §3)."""

from __future__ import annotations

import re
from typing import NamedTuple

# Origin form, without escapes in the path, and no longer than any path or token that is remembered.
_LINE = re.compile(
    rb"(GET|HEAD) (/[A-Za-z0-9._~!$&'()*+,;:@/-]{0,255})(?:\?([A-Za-z0-9._~!$&'()*+,;=:@/?%-]{0,4096}))? HTTP/1\.1\r\n"
)


class RequestLine(NamedTuple):
    """One line. `path` has no "=", "%" or "?" in it; `query` is empty where there is none; `end` is behind its CRLF."""

    is_head: bool
    path: bytes
    query: bytes
    end: int


def read_line(data: bytes, start: int) -> RequestLine | None:
    """The request line that begins at `start`; None for all but the plainest."""
    found = _LINE.match(data, start)
    if found is None:
        return None
    method, path, query = found.groups()
    return RequestLine(method == b"HEAD", path, query or b"", found.end())
