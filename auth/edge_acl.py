"""Path patterns as CDNs write them: "*" stands for anything, slashes too, and "?" for one character.

Whether "?" may be a slash, nobody says; here it is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from auth.errors import Misuse
from auth.scope import PathRule, PathScope, Rule

_STARS = re.compile(r"\*+")
_HAS_WILDCARD = re.compile(r"[*?]")


def read_patterns(patterns: Iterable[str]) -> PathScope:
    """The scope that these patterns make; UnsafePath for one that cannot be understood in one way."""
    return PathScope(tuple(_path_rule(pattern) for pattern in patterns))


def write_patterns(scope: PathScope, reserved: str) -> tuple[str, ...]:
    """Patterns that cover the same paths; a prefix becomes two.

    Misuse for a star that keeps within a segment, and for a path with one of the characters in `reserved`.
    """
    patterns: list[str] = []
    for each in scope.rules:
        if any(character in each.pattern for character in reserved):
            raise Misuse(f"a path with one of {reserved} cannot be said in a list of patterns")
        patterns += _patterns_of(each)
    return tuple(patterns)


@lru_cache(maxsize=1024)
def _path_rule(pattern: str) -> PathRule:
    """Every path that a star might begin begins with a slash."""
    rooted = "/" + pattern if pattern.startswith("*") else pattern
    if not _HAS_WILDCARD.search(rooted):
        return PathRule(Rule.EXACT, rooted)
    return PathRule(Rule.GLOB, _STARS.sub("**", rooted))


def _patterns_of(each: PathRule) -> tuple[str, ...]:
    if each.rule is Rule.GLOB:
        if "*" in each.pattern.replace("**", ""):
            raise Misuse("every star of such a pattern crosses slashes: write **")
        return (each.pattern.replace("**", "*"),)
    if "*" in each.pattern:
        raise Misuse("a path with a star cannot be said in a list of patterns")
    if each.rule is Rule.EXACT:
        return (each.pattern,)
    base = each.pattern.rstrip("/")
    return (each.pattern, f"{base}/*") if base else ("/*",)
