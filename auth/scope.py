"""Which paths a token covers.

Scopes and requests meet in one spelling, made by `normalise` and nowhere else, so that no second way of
writing a path slips past a rule. Matching takes linear time whatever a token says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote

from auth.errors import Misuse

MAX_RULES = 64
MAX_PATTERN = 1024
MAX_PATH = 2048

_PCHAR = r"A-Za-z0-9._~!$&'()*+,;=:@-"
_PLAIN = re.compile(rf"(?:/(?!\.{{1,2}}(?:/|\Z))[{_PCHAR}]+)+/?|/")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\#]")
_FORBIDDEN_ESCAPE = re.compile(r"%(?:[01][0-9A-F]|7F|2F|5C)")
_SAFE = "/%!$&'()*+,;=:@~"
_PATTERN_PIECES = re.compile(r"\*{1,2}|%[0-9A-F]{2}|.")
_PATH_PIECES = re.compile(r"%[0-9A-F]{2}|.")


class UnsafePath(Misuse):
    """A path that has no safe normal form. The words name the rule, never the path."""


def normalise(path: str) -> str:
    """The one spelling of a percent-encoded absolute path (RFC 3986 §6.2.2).

    Escapes stand in upper case, unreserved characters plain, and what may not stand in a path is encoded as
    UTF-8. UnsafePath when another program might read the path differently: dot segments (plain or encoded),
    empty segments, an encoded slash, a backslash, NUL and other controls, a broken escape.
    """
    if len(path) > MAX_PATH:
        raise UnsafePath(f"a path has at most {MAX_PATH} characters")
    if _PLAIN.fullmatch(path):
        return path
    if "?" in path:
        raise UnsafePath("a path has no query")
    return _normalise(path)


def _normalise(path: str) -> str:
    """`normalise` for anything but the plainest; question marks stay, for patterns have them."""
    if not path.startswith("/"):
        raise UnsafePath("a path begins with a slash")
    if _FORBIDDEN.search(path):
        raise UnsafePath("a path has no control characters, backslashes or hashes")
    try:
        normal = quote(_ESCAPE.sub(_escape, path), safe=_SAFE + "?")
    except UnicodeEncodeError:
        raise UnsafePath("a path is Unicode text") from None
    if "//" in normal:
        raise UnsafePath("a path has no empty segments")
    if any(segment in {".", ".."} for segment in normal.split("/")):
        raise UnsafePath("a path has no dot segments")
    return normal


def _escape(match: re.Match[str]) -> str:
    if match[1] is None:
        raise UnsafePath("a path has no broken escapes")
    escape = match[0].upper()
    if _FORBIDDEN_ESCAPE.fullmatch(escape):
        raise UnsafePath("a path has no encoded slash, backslash or control character")
    character = chr(int(match[1], 16))
    return character if _UNRESERVED.fullmatch(character) else escape


class Rule(StrEnum):
    """How a pattern covers paths."""

    EXACT = "path"  # this path alone
    PREFIX = "prefix"  # this path and what lies below it: "/a/b" covers "/a/b" and "/a/b/c", never "/a/bc"
    GLOB = "glob"  # "*" within a segment, "**" across segments, "?" one character or one escaped octet


@dataclass(frozen=True, slots=True)
class _Glob:
    """A glob as a machine in many states at once: bit i of a set says "the pieces before i have matched".

    One character moves the whole set in a few integer operations, so time is linear in the path and no
    pattern can make it backtrack.
    """

    head: str  # the literal text before the first wildcard
    literal: dict[str, int]  # piece → the states that it moves on
    any_one: int  # the states before a "?"
    within: int  # the states before a "*"
    across: int  # the states before a "**"
    final: int

    @classmethod
    def compile(cls, pattern: str) -> _Glob:
        if "***" in pattern:
            raise UnsafePath("a glob has at most two stars in a row")
        head = re.split(r"[*?]", pattern, maxsplit=1)[0]
        literal: dict[str, int] = {}
        wildcard = {"?": 0, "*": 0, "**": 0}
        pieces = _PATTERN_PIECES.findall(pattern[len(head) :])
        for index, piece in enumerate(pieces):
            if piece in wildcard:
                wildcard[piece] |= 1 << index
            else:
                literal[piece] = literal.get(piece, 0) | 1 << index
        return cls(head, literal, wildcard["?"], wildcard["*"], wildcard["**"], 1 << len(pieces))

    def matches(self, path: str) -> bool:
        if not path.startswith(self.head):
            return False
        stars = self.within | self.across
        states = 1 | (1 & stars) << 1
        for piece in _PATH_PIECES.findall(path[len(self.head) :]):
            is_slash = piece == "/"
            moving = states & (self.literal.get(piece, 0) | (0 if is_slash else self.any_one))
            staying = states & (self.across if is_slash else stars)
            states = moving << 1 | staying
            states |= (states & stars) << 1  # a star may also match nothing
            if not states:
                return False
        return bool(states & self.final)


@dataclass(frozen=True, slots=True)
class PathRule:
    """One rule with its pattern, normalised. UnsafePath when the pattern cannot be understood in one way."""

    rule: Rule
    pattern: str
    _glob: _Glob | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.pattern) > MAX_PATTERN:
            raise UnsafePath(f"a pattern has at most {MAX_PATTERN} characters")
        is_glob = self.rule is Rule.GLOB
        pattern = _normalise(self.pattern) if is_glob else normalise(self.pattern)
        object.__setattr__(self, "pattern", pattern)
        object.__setattr__(self, "_glob", _Glob.compile(pattern) if is_glob else None)

    def covers(self, path: str) -> bool:
        """Whether a path, already normalised, is covered."""
        if self._glob is not None:
            return self._glob.matches(path)
        if path == self.pattern:
            return True
        if self.rule is Rule.EXACT:
            return False
        return path.startswith(self.pattern if self.pattern.endswith("/") else self.pattern + "/")


@dataclass(frozen=True, slots=True)
class PathScope:
    """What a token covers: a path that any of its rules covers."""

    rules: tuple[PathRule, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.rules) <= MAX_RULES:
            raise UnsafePath(f"a scope has 1 to {MAX_RULES} rules")

    @classmethod
    def exact(cls, *paths: str) -> PathScope:
        """These paths alone."""
        return cls(tuple(PathRule(Rule.EXACT, path) for path in paths))

    @classmethod
    def prefix(cls, *paths: str) -> PathScope:
        """These paths and everything below them."""
        return cls(tuple(PathRule(Rule.PREFIX, path) for path in paths))

    @classmethod
    def glob(cls, *patterns: str) -> PathScope:
        """Every path that one of these patterns matches as a whole."""
        return cls(tuple(PathRule(Rule.GLOB, pattern) for pattern in patterns))

    def covers(self, path: str) -> bool:
        """Whether a path, already normalised, is covered by any rule."""
        for rule in self.rules:  # noqa: SIM110  # each request comes here, and a generator takes twice as long
            if rule.covers(path):
                return True
        return False

    def patterns(self, rule: Rule) -> tuple[str, ...]:
        """The patterns of the rules of one kind, in order."""
        return tuple(each.pattern for each in self.rules if each.rule is rule)
