"""What a player tells about its playback (CTA-5004, Common Media Client Data), and how to leave it out.

The data is a dictionary much like that of structured fields (RFC 9651), either in the query argument `CMCD`
or in four header fields. Version 1 is read in full; of version 2 the lists, parameters and the new `nor`.
Everything here comes from strangers: sizes are bounded, nothing raises, and what breaks the grammar counts as
nothing said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar
from urllib.parse import unquote_to_bytes

ARGUMENT = "CMCD"
FIELDS = ("cmcd-request", "cmcd-object", "cmcd-session", "cmcd-status")

MAX_CHARACTERS = 4_096  # of all that one request says, percent-decoded
MAX_KEYS = 64
MAX_ITEMS = 32  # of one list, and parameters of one item
MAX_ID_CHARACTERS = 64
MAX_NEXT_OBJECTS = 8

Value = int | float | str | bool
ByteRange = tuple[int | None, int | None]  # first and last byte; without a first one, the last so many bytes


class ObjectType(StrEnum):
    """`ot`: what is being fetched."""

    MANIFEST = "m"
    AUDIO = "a"
    VIDEO = "v"
    MUXED = "av"
    INIT = "i"
    CAPTION = "c"
    TEXT_TRACK = "tt"
    KEY = "k"
    OTHER = "o"


class StreamingFormat(StrEnum):
    """`sf`: by which manifest."""

    DASH = "d"
    HLS = "h"
    SMOOTH = "s"
    OTHER = "o"


class StreamType(StrEnum):
    """`st`: whether there is an end to it."""

    ON_DEMAND = "v"
    LIVE = "l"


@dataclass(frozen=True, slots=True)
class NextObject:
    """An object that the player is going to ask for: a URI reference against the object it asks for now."""

    reference: str
    range: ByteRange | None = None


@dataclass(frozen=True, slots=True)
class Cmcd:
    """What one request says. None stands for what is not said or makes no sense; numbers are never negative."""

    next_objects: tuple[NextObject, ...] = ()  # nor, with nrr or its own ranges
    next_range: ByteRange | None = None  # nrr; without `nor`, of the object that is asked for now
    object_type: ObjectType | None = None  # ot
    is_startup: bool = False  # su: needed urgently, for a start, a seek or an empty buffer
    is_starved: bool = False  # bs: the buffer ran empty since the request before
    session_id: str | None = None  # sid
    content_id: str | None = None  # cid
    streaming_format: StreamingFormat | None = None  # sf
    stream_type: StreamType | None = None  # st
    encoded_bitrate: int | None = None  # br, kbit/s
    top_bitrate: int | None = None  # tb, kbit/s
    buffer_length: int | None = None  # bl, milliseconds
    deadline: int | None = None  # dl, milliseconds
    object_duration: int | None = None  # d, milliseconds
    measured_throughput: int | None = None  # mtp, kbit/s
    requested_throughput: int | None = None  # rtp, kbit/s
    playback_rate: float | None = None  # pr; 0 is paused
    version: int = 1  # v


def of_query(query: str) -> Cmcd | None:
    """What the argument `CMCD` of a query (without "?") says; None without it, and where it is malformed."""
    found = [piece for piece in query.split("&") if _is_cmcd(piece)]
    if len(found) != 1:
        return None
    text = _decoded(found[0].partition("=")[2])
    return None if text is None else _of_text(text)


def of_fields(fields: Iterable[tuple[str, str]]) -> Cmcd | None:
    """What the four header fields (names in any case) say together; None as in `of_query`."""
    texts = [value for name, value in fields if name.lower() in FIELDS and value.strip(" \t")]
    return _of_text(",".join(texts)) if texts else None


def without_cmcd(query: str) -> str:
    """`query` without every argument called exactly `CMCD`, and without one "&" for each; the rest as it was."""
    if ARGUMENT not in query:
        return query
    return "&".join(piece for piece in query.split("&") if not _is_cmcd(piece))


def _is_cmcd(piece: str) -> bool:
    return piece.partition("=")[0] == ARGUMENT


def _decoded(text: str) -> str | None:
    """Percent-decoded once, as UTF-8; None where that is not possible. A "+" is a plus."""
    if len(text) > 3 * MAX_CHARACTERS or not text.isascii():
        return None
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        return None


@dataclass(frozen=True, slots=True)
class _Item:
    """A value and its parameters."""

    value: Value
    parameters: Mapping[str, Value]


_Entries = dict[str, tuple[_Item, ...]]


class _BrokenError(Exception):
    """The text is outside the grammar or too large; never leaves this module."""


_BLANKS = re.compile(r"[ \t]*+")
_KEY = re.compile(r"[A-Za-z*][A-Za-z0-9_.*-]{0,63}+")
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?+(?![0-9A-Za-z.])")
# Structured strings are ASCII; players write others as they are.
_STRING = re.compile(r'"((?:[ !#-\[\]-~\u00a0-\ud7ff\ue000-\U0010ffff]|\\["\\])*+)"')
_TOKEN = re.compile(r"[A-Za-z*][!#$%&'*+.^_`|~:/0-9A-Za-z-]*+")
_BOOLEAN = re.compile(r"\?[01]")
_ESCAPED = re.compile(r"\\(.)")


class _Reader:
    """One pass over the text of a dictionary."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_CHARACTERS:
            raise _BrokenError
        self._text = text
        self._at = 0

    def entries(self) -> _Entries:
        """Every member; of two with one key the last, as in RFC 9651 §4.2.2."""
        entries: _Entries = {}
        while True:
            self._skip(_BLANKS)
            key = self._need(_KEY)[0]
            entries[key] = self._member()
            if len(entries) > MAX_KEYS:
                raise _BrokenError
            self._skip(_BLANKS)
            if self._at == len(self._text):
                return entries
            if not self._next(","):
                raise _BrokenError

    def _member(self) -> tuple[_Item, ...]:
        if not self._next("="):
            return (_Item(True, self._parameters()),)
        if not self._next("("):
            return (_Item(self._bare(), self._parameters()),)
        items: list[_Item] = []
        self._skip(_BLANKS)
        while not self._next(")"):
            items.append(_Item(self._bare(), self._parameters()))
            blanks = self._skip(_BLANKS)
            if len(items) > MAX_ITEMS or not (blanks or self._text.startswith(")", self._at)):
                raise _BrokenError
        self._parameters()
        return tuple(items)

    def _parameters(self) -> Mapping[str, Value]:
        parameters: dict[str, Value] = {}
        while self._next(";"):
            self._skip(_BLANKS)
            key = self._need(_KEY)[0]
            parameters[key] = self._bare() if self._next("=") else True
            if len(parameters) > MAX_ITEMS:
                raise _BrokenError
        return parameters

    def _bare(self) -> Value:
        if found := self._found(_STRING):
            return _ESCAPED.sub(r"\1", found[1])
        if found := self._found(_NUMBER):
            return float(found[0]) if found[1] else int(found[0])
        if found := self._found(_BOOLEAN):
            return found[0] == "?1"
        return self._need(_TOKEN)[0]

    def _next(self, mark: str) -> bool:
        is_next = self._text.startswith(mark, self._at)
        self._at += is_next
        return is_next

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        found = self._found(pattern)
        return bool(found and found[0])

    def _need(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = self._found(pattern)
        if found is None:
            raise _BrokenError
        return found

    def _found(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._at)
        if found:
            self._at = found.end()
        return found


def _of_text(text: str) -> Cmcd | None:
    try:
        entries = _Reader(text).entries()
    except _BrokenError:
        return None
    values = {key: items[0].value for key, items in entries.items() if items}
    next_range = _byte_range(values.get("nrr"))
    version = _count(values.get("v")) or 1
    return Cmcd(
        next_objects=tuple(_next_objects(entries.get("nor", ()), version, next_range)),
        next_range=next_range,
        object_type=_word(ObjectType, values.get("ot")),
        is_startup=values.get("su") is True,
        is_starved=values.get("bs") is True,
        session_id=_id(values.get("sid")),
        content_id=_id(values.get("cid")),
        streaming_format=_word(StreamingFormat, values.get("sf")),
        stream_type=_word(StreamType, values.get("st")),
        encoded_bitrate=_count(values.get("br")),
        top_bitrate=_count(values.get("tb")),
        buffer_length=_count(values.get("bl")),
        deadline=_count(values.get("dl")),
        object_duration=_count(values.get("d")),
        measured_throughput=_count(values.get("mtp")),
        requested_throughput=_count(values.get("rtp")),
        playback_rate=_rate(values.get("pr")),
        version=version,
    )


def _next_objects(items: tuple[_Item, ...], version: int, next_range: ByteRange | None) -> Iterator[NextObject]:
    """Version 1 has one object, percent-encoded once more, and its range in `nrr`.

    Version 2 has a list of references as they are, with ranges as parameters.
    """
    for item in items[:MAX_NEXT_OBJECTS]:
        text = item.value if isinstance(item.value, str) else None
        reference = _decoded(text) if text and version == 1 else text
        if reference:
            yield NextObject(reference, _byte_range(item.parameters.get("r")) or next_range)


_RANGE = re.compile(r"([0-9]{0,15})-([0-9]{0,15})")


def _byte_range(value: Value | None) -> ByteRange | None:
    found = _RANGE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    first, last = (int(digits) if digits else None for digits in found.groups())
    is_range = last is not None if first is None else last is None or first <= last
    return (first, last) if is_range else None


W = TypeVar("W", bound=StrEnum)


def _word(words: type[W], value: Value | None) -> W | None:
    return next((word for word in words if word.value == value), None)


def _id(value: Value | None) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= MAX_ID_CHARACTERS else None


def _count(value: Value | None) -> int | None:
    rate = _rate(value)
    return None if rate is None else int(rate)


def _rate(value: Value | None) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and value is not None and float(value) >= 0 else None
