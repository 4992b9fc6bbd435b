"""Dictionaries, inner lists and items of structured fields (RFC 9651), read strictly and written canonically.

Left out, and refused: decimals, dates and display strings. Refused as well, where the RFC would let the last one win:
a key or parameter that is there twice.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from typing import TypeAlias

from auth.encoding import base64_decode

MAX_BYTES = 8192
MAX_INTEGER = 999_999_999_999_999

_KEY = re.compile(r"[a-z*][a-z0-9_.*-]*")
_INTEGER = re.compile(r"-?[0-9]{1,15}(?![0-9.])")
_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_WORD = re.compile(r"[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*")
_BYTES = re.compile(r":([A-Za-z0-9+/]*={0,2}):")
_BOOLEAN = re.compile(r"\?([01])")
_STRING_ESCAPE = re.compile(r'\\(["\\])')
_STRING_SPECIAL = re.compile(r'["\\]')
_COMMA = re.compile(r"[ \t]*,[ \t]*")
_SPACES = re.compile(r" *")
_PRINTABLE = re.compile(r"[ -~]*")


class Word(str):
    """A token (RFC 9651 §3.3.4): a bare word, where a string has quotes."""

    __slots__ = ()


Bare: TypeAlias = int | str | bytes | bool | Word
Parameters: TypeAlias = tuple[tuple[str, Bare], ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One value with its parameters, in their order."""

    value: Bare
    parameters: Parameters = ()


@dataclass(frozen=True, slots=True)
class InnerList:
    """Items in parentheses, with parameters of their own."""

    items: tuple[Item, ...]
    parameters: Parameters = ()


Member: TypeAlias = Item | InnerList


def parse_dictionary(text: str) -> dict[str, Member]:
    """A dictionary (RFC 9651 §4.2.2); ValueError for any other text. Lines of a field are joined by ", " before."""
    if len(text) > MAX_BYTES:
        raise ValueError(f"a field has at most {MAX_BYTES} characters")
    cursor = _Cursor(text.strip(" "))
    members: dict[str, Member] = {}
    while not cursor.is_at_end():
        key = cursor.take(_KEY, "a key")[0]
        if key in members:
            raise ValueError("a key is there twice")
        members[key] = _member(cursor) if cursor.skip("=") else Item(value=True, parameters=_parameters(cursor))
        if cursor.is_at_end():
            return members
        cursor.take(_COMMA, "a comma")
        if cursor.is_at_end():
            raise ValueError("a comma has a member behind it")
    return members


def write_bare(value: Bare) -> str:
    """A bare item (RFC 9651 §4.1.3.1); ValueError for what no such item can be."""
    match value:
        case bool():
            return "?1" if value else "?0"
        case int() if abs(value) <= MAX_INTEGER:
            return str(value)
        case bytes():
            return f":{b64encode(value).decode('ascii')}:"
        case Word() if _WORD.fullmatch(value):
            return str(value)
        case str() if not isinstance(value, Word) and _PRINTABLE.fullmatch(value):
            return f'"{_STRING_SPECIAL.sub(lambda special: chr(92) + special[0], value)}"'
        case _:
            raise ValueError("no value of a structured field")


def write_parameters(parameters: Parameters) -> str:
    """Parameters with their semicolons; a true one is its name alone."""
    return "".join(f";{name}" if value is True else f";{name}={write_bare(value)}" for name, value in parameters)


def write_member(member: Member) -> str:
    """An item or an inner list (RFC 9651 §4.1.1.1)."""
    if isinstance(member, Item):
        return write_bare(member.value) + write_parameters(member.parameters)
    return f"({' '.join(map(write_member, member.items))}){write_parameters(member.parameters)}"


class _Cursor:
    """A text and how far it has been read."""

    __slots__ = ("_at", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def is_at_end(self) -> bool:
        return self._at == len(self._text)

    def skip(self, mark: str) -> bool:
        """Whether `mark` stands here; it is then behind us."""
        found = self._text.startswith(mark, self._at)
        self._at += len(mark) if found else 0
        return found

    def find(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
        return found

    def take(self, pattern: re.Pattern[str], what: str) -> re.Match[str]:
        found = self.find(pattern)
        if found is None:
            raise ValueError(f"{what} is missing")
        return found


def _member(cursor: _Cursor) -> Member:
    if not cursor.skip("("):
        return _item(cursor)
    items: list[Item] = []
    while True:
        spaces = cursor.take(_SPACES, "a space")[0]
        if cursor.skip(")"):
            return InnerList(tuple(items), _parameters(cursor))
        if items and not spaces:
            raise ValueError("items of a list have a space between them")
        items.append(_item(cursor))


def _item(cursor: _Cursor) -> Item:
    return Item(_bare(cursor), _parameters(cursor))


def _bare(cursor: _Cursor) -> Bare:
    if found := cursor.find(_STRING):
        return _STRING_ESCAPE.sub(r"\1", found[1])
    if found := cursor.find(_BYTES):
        return base64_decode(found[1])
    if found := cursor.find(_INTEGER):
        return int(found[0])
    if found := cursor.find(_BOOLEAN):
        return found[1] == "1"
    return Word(cursor.take(_WORD, "a value")[0])


def _parameters(cursor: _Cursor) -> Parameters:
    parameters: dict[str, Bare] = {}
    while cursor.skip(";"):
        cursor.take(_SPACES, "a space")
        name = cursor.take(_KEY, "a parameter's name")[0]
        if name in parameters:
            raise ValueError("a parameter is there twice")
        parameters[name] = _bare(cursor) if cursor.skip("=") else True
    return tuple(parameters.items())
