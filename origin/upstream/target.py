"""Which request targets are places below an upstream. Anything else might lead elsewhere, and is sent to nobody."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from origin.upstream.origin_server import Trouble, UpstreamError

MAX_TARGET_BYTES = 8000

# Printable ASCII but for the space, "#" and the backslash. A query may have a lone "%": nobody takes it for a path.
_PATH = re.compile(r"/(?:[!\"$&-\[\]-~]|%[0-9A-Fa-f]{2})*")
_QUERY = re.compile(r"[!\"$-\[\]-~]*")
_SEPARATORS = re.compile(rb"[/\\]")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_DOTS = frozenset({b".", b".."})


def check_target(target: str) -> None:
    """Raise `UpstreamError` (BAD_TARGET) unless `target` is in origin-form and stays where it is put.

    That is a path of one leading slash and, behind a "?", a query, both encoded. No segment is "." or "..", also none
    that is so once decoded or once "%2F" and "%5C" are taken for separators, and none has a control character.
    """
    path, _, query = target.partition("?")
    if len(target) > MAX_TARGET_BYTES:
        raise UpstreamError(Trouble.BAD_TARGET, f"more than {MAX_TARGET_BYTES} bytes")
    if not _PATH.fullmatch(path) or not _QUERY.fullmatch(query):
        raise UpstreamError(Trouble.BAD_TARGET, "not in origin-form, or not encoded")
    if path.startswith("//"):
        raise UpstreamError(Trouble.BAD_TARGET, "begins with two slashes")
    decoded = unquote_to_bytes(path)
    if _CONTROL.search(decoded):
        raise UpstreamError(Trouble.BAD_TARGET, "an encoded control character")
    if not _DOTS.isdisjoint(_SEPARATORS.split(decoded)):
        raise UpstreamError(Trouble.BAD_TARGET, "a dot segment")
