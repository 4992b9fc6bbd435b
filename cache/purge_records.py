"""Purges as bytes: for a file, for a message, and as fields of a hash where the newest of a kind has its place.

Whatever cannot be understood is passed over, so that a newer release may write what this one does not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

import msgspec

from cache.purges import Purge, PurgeMeaningless, Scope, canonical

_LONGEST_ID = 4096 + 64  # a folded purge has its value in its id
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_MODES = {True: "soft", False: "hard"}
_PURGE = msgspec.json.Decoder(Purge)
_PARTS = msgspec.json.Decoder(list[msgspec.Raw])


def packed(purges: Iterable[Purge]) -> bytes:
    """All of them as one message."""
    return msgspec.json.encode(list(purges))


def unpacked(data: bytes) -> list[Purge]:
    """What `packed` made; nothing when it is nothing of ours."""
    try:
        parts = _PARTS.decode(data)
    except _UNREADABLE:
        return []
    found = []
    for part in parts:
        with suppress(*_UNREADABLE):
            found.append(_PURGE.decode(part))
    return [one for one in found if _is_sound(one)]


def field_of(purge: Purge) -> str:
    """The place of a purge: the same for all of its scope, mode and value."""
    return f"{purge.scope}:{_MODES[purge.is_soft]}:{purge.value}"


def content_of(purge: Purge) -> str:
    """What stands there: its time, so that two can be compared without reading more, and its id."""
    return f"{purge.at!r} {purge.id}"


def from_fields(fields: Mapping[bytes, bytes]) -> list[Purge]:
    """The purges of a hash."""
    found = []
    for field, content in fields.items():
        with suppress(ValueError):  # no text, no number, or a scope of which nothing is known
            scope, mode, value = field.decode().split(":", 2)
            at, name = content.decode().split(" ", 1)
            found.append(Purge(Scope(scope), value, _is_soft(mode), float(at), name))
    return [one for one in found if _is_sound(one)]


def _is_soft(mode: str) -> bool:
    if mode not in _MODES.values():
        raise ValueError("no mode of ours")
    return mode == _MODES[True]


def _is_sound(purge: Purge) -> bool:
    if not (0 <= purge.at < 2**53 and 0 < len(purge.id) <= _LONGEST_ID):
        return False
    try:
        return canonical(purge.scope, purge.value) == purge.value
    except PurgeMeaningless:
        return False
