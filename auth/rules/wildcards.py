"""URL patterns with wildcards, as CloudFront's policies write them.

A pattern has four sections, and each is matched against the same section of the URL:

    protocol   "http", "https", or "*" for both
    domain     "cdn.example", "*.example"
    path       "/vod/*": "*" stands for any number of characters, slashes too, and "?" for one
    query      behind the first "\\?"; a pattern whose path ends with "*" covers every query

"*" alone covers everything; "*example.com" is "*://*example.com/"; a domain that ends with "*" and no path behind it
cover every path and query. A plain "?" may also be the mark before the query, as in a URL that somebody has copied.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar, Self

from auth.rules.url import ExactUrl, Url
from auth.strict_json import JsonValue

MAX_PATTERN = 2048

_PATTERN = re.compile(r"(?:(?P<scheme>https?|\*)://|(?=\*))(?P<domain>(?:[!$-.0-;=?-\[\]-~])+)(?P<rest>/.*)?")
_CHARACTERS = re.compile(r"(?:[!$-\[\]-~]|\\\?)+")  # printable ASCII without space, quote, hash and lone backslash
_PIECES = re.compile(r"\*+|\\\?|.")
_SCHEMES = {"http": frozenset({"http"}), "https": frozenset({"https"})}


@dataclass(frozen=True, slots=True)
class _Wild:
    """A pattern of one section as a machine in many states at once: bit i says "the pieces before i have matched".

    A character moves the whole set in a few integer operations, so no pattern can make it backtrack.
    """

    literal: dict[str, int]  # character → the states that it moves on
    one: int  # the states before a "?"
    many: int  # the states before a "*"
    final: int

    @classmethod
    def compile(cls, pattern: str) -> _Wild:
        literal: dict[str, int] = {}
        one = many = 0
        pieces = _PIECES.findall(pattern)
        for index, piece in enumerate(pieces):
            if piece == "?":
                one |= 1 << index
            elif piece[0] == "*":
                many |= 1 << index
            else:
                literal[piece[-1]] = literal.get(piece[-1], 0) | 1 << index
        return cls(literal, one, many, 1 << len(pieces))

    def matches(self, text: str) -> bool:
        states = 1 | (1 & self.many) << 1
        for character in text:
            moving = states & (self.literal.get(character, 0) | self.one)
            states = moving << 1 | states & self.many
            states |= (states & self.many) << 1  # a star may also match nothing
            if not states:
                return False
        return bool(states & self.final)


@dataclass(frozen=True, slots=True)
class _Sections:
    """A pattern, taken apart."""

    schemes: frozenset[str]
    domain: _Wild
    path: _Wild
    query: _Wild
    has_mark: bool = False  # a plain "?" stands for the mark itself, so there must be one

    def cover(self, url: Url) -> bool:
        return (
            url.scheme in self.schemes
            and self.domain.matches(url.authority)
            and self.path.matches(url.path)
            and self.query.matches(url.query)
            and (bool(url.query) or not self.has_mark)
        )


@dataclass(frozen=True, slots=True)
class UrlWildcards:
    """Every URL that a pattern matches as a whole. ValueError for a pattern that is none."""

    WORD: ClassVar[str] = "url-wildcards"
    pattern: str
    _readings: tuple[_Sections, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_readings", _readings(self.pattern))

    @classmethod
    def of(cls, url: str) -> Self:
        """The pattern of one absolute URL. ValueError for one with a "*", which no pattern can say."""
        if "*" in url or "\\" in url:
            raise ValueError("a URL with a star cannot be written as a pattern")
        return cls(url.replace("?", "\\?"))

    def covers(self, url: Url) -> bool:
        """See `UrlRule`."""
        return bool(url.host) and any(reading.cover(url) for reading in self._readings)

    def to_json(self) -> JsonValue:
        """See `UrlRule`."""
        return self.pattern

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """See `UrlRule`."""
        return cls(ExactUrl.from_json(value).url)


@lru_cache(maxsize=1024)
def _readings(pattern: str) -> tuple[_Sections, ...]:
    """The ways to read a pattern: two where a plain "?" may stand before the query. Viewers of one film share them."""
    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"a URL pattern has at most {MAX_PATTERN} characters")
    found = _PATTERN.fullmatch("*://*" if pattern == "*" else pattern)
    if found is None or not _CHARACTERS.fullmatch(pattern):
        raise ValueError("a URL pattern begins with http://, https://, *:// or a star, and has no stray characters")
    schemes = _SCHEMES.get(found["scheme"], frozenset({"http", "https"}))
    domain = found["domain"].lower()
    rest = found["rest"]
    if rest is None:
        # Only a pattern that names its protocol leaves the path open.
        rest = "/*" if domain.endswith("*") and (found["scheme"] or pattern == "*") else "/"
    path, mark, query = rest.partition("\\?")
    where = _Wild.compile(domain)
    rest_of_query = query if mark or not path.endswith("*") else "*"
    first = _Sections(schemes, where, _Wild.compile(path), _Wild.compile(rest_of_query))
    before, plain_mark, behind = path.partition("?")
    if mark or not plain_mark:
        return (first,)
    return first, _Sections(schemes, where, _Wild.compile(before), _Wild.compile(behind), has_mark=True)
