"""JSON with one meaning per text: what two parsers could read in two ways is refused.

The standard library's parser does the work; around it stand the checks that it lacks: UTF-8 only and no byte
order mark (RFC 8259 §8.1), no duplicate members (RFC 8259 §4; RFC 7519 §4), no NaN or Infinity, no lone
surrogates, and bounds on size, depth and digits, decided before anything recursive runs.
"""

from __future__ import annotations

import json
import math
import re
from typing import TypeAlias

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
JsonObject: TypeAlias = "dict[str, JsonValue]"

MAX_BYTES = 64 * 1024
MAX_DEPTH = 16
MAX_DIGITS = 20

# Strings are matched whole so that brackets inside them do not count; an unclosed one is the parser's to
# refuse.
_STRUCTURE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}]', re.DOTALL)
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89abcdefABCDEF]")


def loads(data: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> JsonValue:
    """The value of a JSON text; ValueError, whose words quote nothing of it, when it is not strictly one."""
    if len(data) > max_bytes:
        raise ValueError(f"JSON longer than {max_bytes} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("JSON is not UTF-8") from None
    _check_depth(text, max_depth)
    try:
        value: JsonValue = _DECODER.decode(text)
    except json.JSONDecodeError:
        raise ValueError("not JSON") from None
    if _SURROGATE_ESCAPE.search(text):
        _check_surrogates(value)
    return value


def loads_object(data: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> JsonObject:
    """Like `loads`, and the value is an object."""
    value = loads(data, max_bytes=max_bytes, max_depth=max_depth)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004
    return value


def dumps(value: JsonValue) -> bytes:
    """The compact UTF-8 text of a value; ValueError for NaN, Infinity and lone surrogates."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


def _check_depth(text: str, limit: int) -> None:
    if text.count("[") + text.count("{") <= limit:
        return
    depth = 0
    for match in _STRUCTURE.finditer(text):
        mark = match[0]
        if mark in "[{":
            depth += 1
            if depth > limit:
                raise ValueError(f"JSON nested deeper than {limit}")
        elif mark in "]}":
            depth -= 1


def _object(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate JSON member")
    return members


def _constant(_: str) -> JsonValue:
    raise ValueError("NaN and Infinity are not JSON")


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("JSON number out of range")
    return number


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError("JSON number out of range")
    return int(digits)


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_integer)


def _check_surrogates(value: JsonValue) -> None:
    try:
        dumps(value)
    except UnicodeEncodeError:
        raise ValueError("lone surrogate in a JSON string") from None
