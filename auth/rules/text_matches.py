"""How a part of a request is compared with what a token says of it: the match types of CTA-5007."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Self

import re2
from cryptography.hazmat.primitives.hashes import SHA512_256, Hash

from auth.strict_json import JsonValue

MAX_PATTERN = 1024


class MatchType(StrEnum):
    """What is asked of a text."""

    EXACT = "exact"
    PREFIX = "prefix"
    SUFFIX = "suffix"
    CONTAINS = "contains"
    REGEX = "regex"  # found anywhere in the text, in the syntax and the linear time of RE2
    SHA256 = "sha-256"  # hexadecimal
    SHA512_256 = "sha-512/256"  # hexadecimal, in any of three readings: see `_long_hashes`


@dataclass(frozen=True, slots=True)
class TextMatch:
    """One match type with its value; ValueError for a value that it cannot have."""

    type: MatchType
    value: str

    def __post_init__(self) -> None:
        if len(self.value) > MAX_PATTERN:
            raise ValueError(f"a match has at most {MAX_PATTERN} characters")
        match self.type:
            case MatchType.REGEX:
                _compiled(self.value)
            case MatchType.SHA256 | MatchType.SHA512_256:
                lengths = {32} if self.type is MatchType.SHA256 else {32, 64}
                if self.value != self.value.lower() or len(bytes.fromhex(self.value)) not in lengths:
                    raise ValueError("a hash is lower-case hexadecimal of its length")

    def holds(self, text: str) -> bool:
        """Whether `text` is as asked. Takes time linear in it."""
        match self.type:
            case MatchType.EXACT:
                return text == self.value
            case MatchType.PREFIX:
                return text.startswith(self.value)
            case MatchType.SUFFIX:
                return text.endswith(self.value)
            case MatchType.CONTAINS:
                return self.value in text
            case MatchType.REGEX:
                return _compiled(self.value).search(text) is not None
            case MatchType.SHA256:
                return hashlib.sha256(_octets(text)).hexdigest() == self.value
            case MatchType.SHA512_256:
                return self.value in _long_hashes(_octets(text))

    def to_json(self) -> JsonValue:
        """The match as JSON."""
        return [self.type.value, self.value]

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """The inverse of `to_json`; ValueError for anything else."""
        match value:
            case [str() as kind, str() as wanted]:
                return cls(MatchType(kind), wanted)
            case _:
                raise ValueError("a match is a type and a value")


def matches_to_json(matches: tuple[TextMatch, ...]) -> JsonValue:
    """Several matches as JSON."""
    return [match.to_json() for match in matches]


def matches_from_json(value: JsonValue) -> tuple[TextMatch, ...]:
    """The inverse of `matches_to_json`; ValueError for anything else, and for none."""
    if not isinstance(value, list) or not value:
        raise ValueError("matches are a list")
    return tuple(TextMatch.from_json(item) for item in value)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        return re2.compile(pattern, options)
    except re2.error:
        raise ValueError("a pattern that RE2 does not take") from None


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _long_hashes(data: bytes) -> tuple[str, str, str]:
    """SHA-512/256 (FIPS 180-4 §5.3.6.2), SHA-512 cut to 256 bits, and SHA-512: implementations disagree.

    Each of them pins down one text, so to take all three opens nothing more than what the token's maker named.
    """
    hasher = Hash(SHA512_256())
    hasher.update(data)
    whole = hashlib.sha512(data).hexdigest()
    return hasher.finalize().hex(), whole[:64], whole
