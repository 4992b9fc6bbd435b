"""CBOR (RFC 8949) with one meaning per text, as tokens use it.

Refused: duplicate map keys (§5.6), indefinite lengths, tags that are not asked for, keys that are neither integers nor
texts, `undefined` and other simple values, NaN and infinities, text that is not UTF-8, and anything behind the first
item. Bytes, depth and items are bounded. The library's decoder keeps the last of two equal keys and turns tags into
objects of its own, so what comes from outside is read here; what we write ourselves, it writes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import cbor2

CborKey: TypeAlias = int | str
CborValue: TypeAlias = "bool | int | float | str | bytes | list[CborValue] | CborMap | Tagged | None"
CborMap: TypeAlias = "dict[CborKey, CborValue]"

MAX_BYTES = 6144
MAX_DEPTH = 10
MAX_ITEMS = 1024

_SIMPLE = 7  # the major type (§3.1)
_SIMPLE_VALUES: Mapping[int, bool | None] = {20: False, 21: True, 22: None}
_FLOATS = {25: (">e", 2), 26: (">f", 4), 27: (">d", 8)}
_ENDS_EARLY = "CBOR ends early"
_NO_TAGS: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Tagged:
    """A value with a tag in front."""

    tag: int
    value: CborValue


def loads(data: bytes, *, tags: frozenset[int] = _NO_TAGS) -> CborValue:
    """The one value that `data` is; ValueError, whose words quote nothing of it, for anything else."""
    if len(data) > MAX_BYTES:
        raise ValueError(f"CBOR longer than {MAX_BYTES} bytes")
    reader = _Reader(data, tags)
    value = reader.item(0)
    if reader.at != len(data):
        raise ValueError("bytes behind the CBOR item")
    return value


def dumps(value: CborValue) -> bytes:
    """The deterministic encoding of a value (RFC 8949 §4.2.1, keys ordered as in RFC 7049 §3.9)."""
    return cbor2.dumps(_for_library(value), canonical=True)


def octets(data: bytes) -> bytes:
    """`dumps` of a byte string, several times as quick where it is short."""
    size = len(data)
    if size < 24:
        return bytes((0x40 | size,)) + data
    if size < 256:
        return bytes((0x58, size)) + data
    return dumps(data)


def _for_library(value: CborValue) -> object:
    match value:
        case Tagged():
            return cbor2.CBORTag(value.tag, _for_library(value.value))
        case list():
            return [_for_library(item) for item in value]
        case dict():
            return {key: _for_library(item) for key, item in value.items()}
        case _:
            return value


class _Reader:
    """A position in the data. Each item costs time linear in its own bytes."""

    __slots__ = ("_data", "_items", "_tags", "at")

    def __init__(self, data: bytes, tags: frozenset[int]) -> None:
        self._data = data
        self._tags = tags
        self._items = 0
        self.at = 0

    def item(self, depth: int) -> CborValue:
        if depth > MAX_DEPTH:
            raise ValueError(f"CBOR nested deeper than {MAX_DEPTH}")
        self._items += 1
        if self._items > MAX_ITEMS:
            raise ValueError(f"CBOR of more than {MAX_ITEMS} items")
        if self.at == len(self._data):
            raise ValueError(_ENDS_EARLY)
        head = self._data[self.at]
        self.at += 1
        major, info = head >> 5, head & 31
        if major == _SIMPLE:
            return self._simple(info)
        argument = info if info < 24 else self._argument(info)
        match major:
            case 0:
                return argument
            case 1:
                return -1 - argument
            case 2:
                return self._take(argument)
            case 3:
                return self._take(argument).decode("utf-8")
            case _:
                return self._nested(major, argument, depth)

    def _nested(self, major: int, argument: int, depth: int) -> CborValue:
        match major:
            case 4:
                return [self.item(depth + 1) for _ in range(argument)]
            case 5:
                return self._map(argument, depth)
            case _:
                return self._tagged(argument, depth)

    def _take(self, count: int) -> bytes:
        piece = self._data[self.at : self.at + count]
        if len(piece) != count:
            raise ValueError(_ENDS_EARLY)
        self.at += count
        return piece

    def _argument(self, info: int) -> int:
        if info > 27:
            raise ValueError("CBOR of indefinite or reserved length")
        return int.from_bytes(self._take(1 << (info - 24)), "big")

    def _simple(self, info: int) -> float | bool | None:
        if info in _SIMPLE_VALUES:
            return _SIMPLE_VALUES[info]
        if info not in _FLOATS:
            raise ValueError("a simple value that means nothing here")
        form, size = _FLOATS[info]
        number: float = struct.unpack(form, self._take(size))[0]
        if not math.isfinite(number):
            raise ValueError("NaN and infinities are no CBOR of ours")
        return number

    def _map(self, count: int, depth: int) -> CborMap:
        members: CborMap = {}
        for _ in range(count):
            key = self.item(depth + 1)
            if isinstance(key, bool) or not isinstance(key, int | str):
                raise ValueError("a map key is an integer or a text")  # noqa: TRY004
            if key in members:
                raise ValueError("duplicate map key")
            members[key] = self.item(depth + 1)
        return members

    def _tagged(self, tag: int, depth: int) -> Tagged:
        if tag not in self._tags:
            raise ValueError("a tag that means nothing here")
        return Tagged(tag, self.item(depth + 1))
