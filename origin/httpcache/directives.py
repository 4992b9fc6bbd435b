"""Cache directives: Cache-Control (RFC 9111 §5.2), Pragma (§5.4), and fields that are for CDNs alone (RFC 9213)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias, TypeVar

from origin.http.fields import Fields, combined
from origin.httpcache.structured import Value, parse_dictionary

MAX_SECONDS = 2**31  # what a longer time counts as (RFC 9111 §1.2.2)
CDN_CACHE_CONTROL = "CDN-Cache-Control"

_REMEMBERED_LENGTH = 256  # characters; a longer value is read anew each time

# A comma inside a quoted string separates nothing. Nothing is tried twice.
_STRING = r'"(?:[^"\\]++|\\.)*+"'
_ELEMENT = re.compile(rf'(?:[^",]++|{_STRING})++', re.DOTALL)
_UP_TO_A_BROKEN_STRING = re.compile(rf'(?:[^"]++|{_STRING})*+', re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_DIGITS = re.compile(r"0*+([0-9]*+)")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

_TIMES = frozenset({"max-age", "s-maxage", "stale-while-revalidate", "stale-if-error"})
_SCOPED = frozenset({"no-cache", "private"})  # alone, or with the names of fields
_FLAGS = frozenset(
    {"no-store", "public", "must-revalidate", "proxy-revalidate", "must-understand", "immutable", "no-transform"}
)
# A cache that may not keep these cannot do what the others ask: the directive counts as unqualified.
NEEDED_BY_CACHES = frozenset(
    {
        "age",
        "cache-control",
        "cdn-cache-control",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "date",
        "etag",
        "expires",
        "last-modified",
        "vary",
    }
)

Scope: TypeAlias = frozenset[str] | None  # the fields that a directive is about; None is all of the response

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class ResponseDirectives:
    """What a response says about its being stored (RFC 9111 §5.2.2, RFC 5861, RFC 8246). Times in seconds, capped.

    A time that cannot be read counts as zero (§4.2.1); of a directive that is there twice the first counts.
    """

    max_age: int | None = None
    s_maxage: int | None = None
    stale_while_revalidate: int | None = None
    stale_if_error: int | None = None
    no_store: bool = False
    no_cache: bool = False  # the unqualified form
    no_cache_fields: frozenset[str] = frozenset()  # the qualified form, in lower case
    private: bool = False  # the unqualified form
    private_fields: frozenset[str] = frozenset()
    public: bool = False
    must_revalidate: bool = False
    proxy_revalidate: bool = False
    must_understand: bool = False
    immutable: bool = False
    no_transform: bool = False
    is_targeted: bool = False  # from a field of RFC 9213: Cache-Control, Expires and Pragma do not count


@dataclass(frozen=True, slots=True)
class RequestDirectives:
    """What a client asks of caches (RFC 9111 §5.2.1). Times in seconds, capped."""

    max_age: int | None = None
    max_stale: int | None = None  # `MAX_SECONDS` when it names no time
    min_fresh: int | None = None
    no_cache: bool = False
    no_store: bool = False
    only_if_cached: bool = False


def response_directives(fields: Fields, targets: tuple[str, ...] = (CDN_CACHE_CONTROL,)) -> ResponseDirectives:
    """The directives that apply to a cache that `targets` mean, in their order (RFC 9213 §2.2).

    The first of these fields that is a structured dictionary, is not empty and gives no known directive a value of
    the wrong type counts alone; without one, Cache-Control does.
    """
    for target in targets:
        value = combined(fields, target)
        if value is not None and (found := _read(_targeted, value)) is not None:
            return found
    value = combined(fields, "cache-control")
    return _NOTHING_SAID if value is None else _read(_untargeted, value)


def request_directives(fields: Fields) -> RequestDirectives:
    """The directives of a request; Pragma counts when there is no Cache-Control (§5.4)."""
    value = combined(fields, "cache-control")
    if value is not None:
        return _read(_asked, value)
    pragma = combined(fields, "pragma")
    if pragma is not None and any(name == "no-cache" for name, _ in _elements(pragma)):
        return _NO_CACHE_ASKED
    return _NOTHING_ASKED


_NOTHING_SAID = ResponseDirectives()
_NOTHING_ASKED = RequestDirectives()
_NO_CACHE_ASKED = RequestDirectives(no_cache=True)


@dataclass(slots=True)
class _Said:
    """The known directives of one field, whatever its syntax."""

    times: dict[str, int] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    scopes: dict[str, Scope] = field(default_factory=dict)

    def add_scope(self, name: str, scope: Scope) -> None:
        """All of the response if it is ever said, or else every field that is named."""
        known = self.scopes.get(name, frozenset())
        self.scopes[name] = None if known is None or scope is None or scope & NEEDED_BY_CACHES else known | scope

    def as_directives(self, *, is_targeted: bool) -> ResponseDirectives:
        no_cache = self.scopes.get("no-cache", frozenset())
        private = self.scopes.get("private", frozenset())
        return ResponseDirectives(
            max_age=self.times.get("max-age"),
            s_maxage=self.times.get("s-maxage"),
            stale_while_revalidate=self.times.get("stale-while-revalidate"),
            stale_if_error=self.times.get("stale-if-error"),
            no_store="no-store" in self.flags,
            no_cache=no_cache is None,
            no_cache_fields=no_cache or frozenset(),
            private=private is None,
            private_fields=private or frozenset(),
            public="public" in self.flags,
            must_revalidate="must-revalidate" in self.flags,
            proxy_revalidate="proxy-revalidate" in self.flags,
            must_understand="must-understand" in self.flags,
            immutable="immutable" in self.flags,
            no_transform="no-transform" in self.flags,
            is_targeted=is_targeted,
        )


def _untargeted(value: str) -> ResponseDirectives:
    said = _Said()
    for name, argument in _elements(value):
        if name in _TIMES:
            said.times.setdefault(name, _seconds(argument))
        elif name in _SCOPED:
            said.add_scope(name, _scope(argument))
        elif name in _FLAGS:
            said.flags.add(name)  # an argument that it should not have makes it no weaker
    return said.as_directives(is_targeted=False)


def _targeted(value: str) -> ResponseDirectives | None:
    members = parse_dictionary(value)
    if not members:
        return None
    said = _Said()
    for name, argument in members.items():
        if not _take(said, name, argument):
            return None
    return said.as_directives(is_targeted=True)


def _take(said: _Said, name: str, argument: Value) -> bool:
    """Note one member of a dictionary; False when it is a known directive and its value has another type."""
    is_switch = isinstance(argument, bool)
    if name in _TIMES:
        if is_switch or not isinstance(argument, int):
            return False
        said.times[name] = min(max(argument, 0), MAX_SECONDS)
    elif name in _FLAGS:
        if not is_switch:
            return False
        if argument:
            said.flags.add(name)
    elif name in _SCOPED:
        if not isinstance(argument, bool | str):
            return False
        if argument is not False:
            said.add_scope(name, _scope(None if argument is True else argument))
    return True


def _asked(value: str) -> RequestDirectives:
    said: dict[str, str | None] = {}
    for name, argument in _elements(value):
        said.setdefault(name, argument)
    return RequestDirectives(
        max_age=_seconds(said["max-age"]) if "max-age" in said else None,
        max_stale=_max_stale(said["max-stale"]) if "max-stale" in said else None,
        min_fresh=_seconds(said["min-fresh"]) if "min-fresh" in said else None,
        no_cache="no-cache" in said,
        no_store="no-store" in said,
        only_if_cached="only-if-cached" in said,
    )


def _elements(value: str) -> Iterator[tuple[str, str | None]]:
    """The directives of a list: name in lower case, argument as written but for its quotes."""
    well_formed = _UP_TO_A_BROKEN_STRING.match(value)
    end = len(value) if well_formed is None else well_formed.end()
    # A string without an end must not swallow a directive that forbids something, nor be a good argument: its quotes
    # become a character that no token and no number has.
    for found in _ELEMENT.finditer(value[:end] + value[end:].replace('"', "?")):
        name, equals, argument = found[0].partition("=")
        name = name.lstrip(" \t").lower()
        # A name with a space or such a quote at its side is no name. It is taken for one, because it may forbid
        # something, but with an empty argument, because a better one may allow something.
        if plain := name.strip(" \t?"):
            argument = _unquoted(argument.rstrip(" \t")) if plain == name else ""
            yield plain, argument if equals else None


def _unquoted(argument: str) -> str:
    found = _QUOTED.fullmatch(argument)
    return _ESCAPE.sub(r"\1", found[1]) if found else argument


def _seconds(argument: str | None) -> int:
    """Delta-seconds (§1.2.2); zero when it is anything else."""
    found = _DIGITS.fullmatch(argument or "")
    if found is None:
        return 0
    digits = found[1]
    return MAX_SECONDS if len(digits) > len(str(MAX_SECONDS)) else min(int(digits or "0"), MAX_SECONDS)


def _max_stale(argument: str | None) -> int:
    return MAX_SECONDS if argument is None else _seconds(argument)


def _scope(argument: str | None) -> Scope:
    """The fields that are named, in lower case; None when there is no such list, or not a good one."""
    names = [name.strip(" \t").lower() for name in (argument or "").split(",")]
    return frozenset(names) if all(map(_TOKEN.fullmatch, names)) else None


def _read(reader: Callable[[str], Read], value: str) -> Read:
    """What `reader` makes of `value`, remembered when it is short: an upstream writes a handful of values."""
    return _remembered(reader, value) if len(value) <= _REMEMBERED_LENGTH else reader(value)


@lru_cache(maxsize=512)
def _remembered(reader: Callable[[str], Read], value: str) -> Read:
    return reader(value)
