"""URL containers of CDNI URI signing (RFC 9246 §2.1.15): a regular expression over a URL, and a URL's hash."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Self

import re2

from auth.encoding import base64url_decode, base64url_encode
from auth.errors import Misuse
from auth.primitives import Hash, digest, same
from auth.rules.url import Url
from auth.scope import PathRule, PathScope, Rule
from auth.strict_json import JsonValue

MAX_PATTERN = 1024
MAX_MEMORY = 1 << 20  # bytes that one compiled pattern may take
SHA256_CHARS = 43

_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_SPECIAL = re.compile(r"[\\.\[\](){}*+?^$|]")
_GLOB_PIECES = re.compile(r"\*{1,2}|\?|[^*?]+")
_GLOB = {"**": "[^?]*", "*": "[^/?]*", "?": "([^/?%]|%[0-9A-F]{2})"}
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")


def normalised(url: Url) -> str:
    """A URL in the one spelling that containers are held against (RFC 3986 §6.2.2 and §6.2.3, RFC 7230 §2.7.3).

    Scheme and host in lower case, no port where it is the scheme's own, no dot segments; escapes in upper case, and
    none of unreserved characters. Nothing else is decoded.
    """
    path = _without_dots(_ESCAPE.sub(_escape, url.path)) or "/"
    query = _ESCAPE.sub(_escape, url.query)
    return f"{url.scheme.lower()}://{url.authority.lower()}{path}" + (f"?{query}" if query else "")


@dataclass(frozen=True, slots=True)
class UrlRegex:
    """The URLs that a POSIX extended regular expression matches, as a whole or from their start.

    Matching takes time linear in the URL, whatever the pattern. Misuse for a pattern that is not one.
    """

    WORD: ClassVar[str] = "url-regex"
    pattern: str
    is_whole: bool = True  # False: what follows the match may be anything

    def __post_init__(self) -> None:
        _compiled(self.pattern)

    @classmethod
    def of_scope(cls, scope: PathScope, url: Url) -> Self:
        """What a scope covers on the host of `url`, with any query; anchored, for verifiers that search."""
        paths = "|".join(map(_path_expression, scope.rules))
        return cls(f"^{_literal(f'{url.scheme}://{url.authority}')}({paths})(\\?.*)?$")

    def covers(self, url: Url) -> bool:
        """See `UrlRule`."""
        expression, text = _compiled(self.pattern), normalised(url).encode("utf-8", "surrogatepass")
        found = expression.fullmatch(text) if self.is_whole else expression.match(text)
        return found is not None

    def to_json(self) -> JsonValue:
        """See `UrlRule`."""
        return [self.pattern, self.is_whole]

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """See `UrlRule`."""
        match value:
            case [str() as pattern, bool() as is_whole]:
                return cls(pattern, is_whole)
            case _:
                raise ValueError("an expression is a pattern and whether it matches the whole URL")


@dataclass(frozen=True, slots=True)
class UrlHash:
    """The one URL whose SHA-256 this is, base64url without padding (RFC 6920 §5). Misuse for anything else."""

    WORD: ClassVar[str] = "url-hash"
    sha256: str

    def __post_init__(self) -> None:
        try:
            is_one = len(self.sha256) == SHA256_CHARS and bool(base64url_decode(self.sha256))
        except ValueError:
            is_one = False
        if not is_one:
            raise Misuse("a SHA-256 is 43 characters of base64url")

    @classmethod
    def of(cls, url: Url) -> Self:
        """The container that covers `url` alone."""
        return cls(_hash(url))

    def covers(self, url: Url) -> bool:
        """See `UrlRule`."""
        return same(_hash(url), self.sha256)

    def to_json(self) -> JsonValue:
        """See `UrlRule`."""
        return self.sha256

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """See `UrlRule`."""
        if not isinstance(value, str):
            raise ValueError("a hash is a string")  # noqa: TRY004
        return cls(value)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    """The pattern as RE2 reads it with POSIX syntax; all viewers of an asset have the same."""
    if not 1 <= len(pattern) <= MAX_PATTERN or not pattern.isascii():
        raise Misuse(f"an expression is 1 to {MAX_PATTERN} ASCII characters")
    options = re2.Options()
    options.posix_syntax = True
    options.longest_match = True
    options.one_line = True
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    try:
        return re2.compile(pattern.encode("ascii"), options=options)
    except re2.error:
        raise Misuse("not a POSIX extended regular expression") from None


def _path_expression(rule: PathRule) -> str:
    match rule.rule:
        case Rule.EXACT:
            return _literal(rule.pattern)
        case Rule.PREFIX:
            below = "[^?]*" if rule.pattern.endswith("/") else "(/[^?]*)?"
            return _literal(rule.pattern) + below
        case Rule.GLOB:
            return "".join(_GLOB.get(piece) or _literal(piece) for piece in _GLOB_PIECES.findall(rule.pattern))


def _literal(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)


def _hash(url: Url) -> str:
    return base64url_encode(digest(normalised(url).encode("utf-8", "surrogatepass"), Hash.SHA256))


def _escape(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if _UNRESERVED.fullmatch(character) else match[0].upper()


def _without_dots(path: str) -> str:
    """RFC 3986 §5.2.4 for an absolute path."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments and segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)
