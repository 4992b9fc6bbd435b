"""Which stored responses have been purged: records of purges, and what they say of an entry.

A purge deletes nothing. It is a record with a time, and every entry that was stored at or before that time is held
against it when it is next asked for. So a purge costs the same whether it is about one entry or all of them, and one
that a node hears of late, after an outage or a restart, is as good as one that it heard of at once.

What a value names:

    URL     "/vod/a/1.m4s?v=2"  that path with that query; "/vod/a/1.m4s" that path with whatever query
    PREFIX  "/vod/a"            that path and all below it: "/vod/a/1.m4s", not "/vod/ab"; "/" everything
            "/vod/a/seg-*"      all URLs that begin with "/vod/a/seg-", spelled canonically
    TAG     "film-7"            all entries that carry the tag, case and all

All variants (Vary) of a URL are meant. Absolute URLs are taken for their path and query: a table belongs to one origin.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from urllib.parse import quote, unquote_to_bytes, urlsplit

LONGEST_VALUE = 4096  # characters
# How far apart the clocks of two nodes may be for a purge to lose nothing that one of them did not hear of at once.
CLOCKS_APART = 60.0

_PCHAR = "!$&'()*+,;=:@"  # RFC 3986 §3.3, beside letters, digits and "-._~"
_QUERY = _PCHAR + "/?%[]|^`{}"  # what browsers leave raw in a query is left so
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f]")
_NOT_IN_TAG = re.compile(r"[\x00-\x1f\x7f]")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_FOLDED = "folded:"  # how the ids of purges begin that stand for many
_FOLD_AT_ONCE = 4  # one in so many, the oldest
_LOOKS = 1000  # for records that are too old, in a lifetime
_NEVER = float("-inf")


class Scope(StrEnum):
    """What a purge names."""

    URL = "url"
    PREFIX = "prefix"
    TAG = "tag"


class PurgeVerdict(IntEnum):
    """What a table says of an entry, the worst last."""

    NONE = 0
    SOFT = 1  # it is stale: asked for again before it is used, unless staleness is allowed
    HARD = 2  # it is not to be used at all


class PurgeMeaningless(ValueError):  # noqa: N818  # named for what it is
    """A value that can name no entry. The text never repeats it: a URL may carry a token."""


@dataclass(frozen=True, slots=True)
class Purge:
    """One purge. `value` as `canonical` gives it."""

    scope: Scope
    value: str
    is_soft: bool
    at: float  # Unix seconds, by the clock of the node that was told first
    id: str


def canonical(scope: Scope, value: str) -> str:
    """`value` in the one spelling that entries are held against. Raises `PurgeMeaningless`."""
    if not value or len(value) > LONGEST_VALUE:
        raise PurgeMeaningless(f"it has 1 to {LONGEST_VALUE} characters")
    if scope is Scope.TAG:
        return _canonical_tag(value)
    if scope is Scope.URL:
        return canonical_url(value)
    if value.endswith("*"):
        return _canonical_beginning(value[:-1]) + "*"
    path, query = _split(value)
    if query:
        raise PurgeMeaningless("a prefix with a query ends with *")
    return _canonical_path(path).rstrip("/") or "/"


def canonical_url(url: str) -> str:
    """Path and query of a URL with every escape that need not be one undone (RFC 3986 §6.2.2); no dot segments.

    Raises `PurgeMeaningless`. A query is never refused: viewers write what they like there.
    """
    path, query = _split(url)
    path = _canonical_path(path)
    return f"{path}?{_canonical_query(query)}" if query else path


def _split(url: str) -> tuple[str, str]:
    if _NOT_IN_URL.search(url):
        raise PurgeMeaningless("a URL is written without spaces and control characters")
    if not url.startswith("/"):
        try:
            parts = urlsplit(url)
        except ValueError:
            raise PurgeMeaningless("it is no URL") from None
        if parts.scheme.lower() not in {"http", "https"} or not parts.netloc:
            raise PurgeMeaningless("it is a path that begins with a slash, or an http(s) URL")
        return parts.path or "/", parts.query
    path, _, query = url.partition("#")[0].partition("?")
    return path, query


def _canonical_path(path: str) -> str:
    if "\\" in path or _BROKEN_ESCAPE.search(path):
        raise PurgeMeaningless("a path is written without backslashes and broken escapes")
    segments = [unquote_to_bytes(segment) for segment in path[1:].split("/")]
    if any(segment in {b".", b".."} or b"/" in segment or b"\\" in segment for segment in segments):
        raise PurgeMeaningless("a path has no dot segments and no escaped slashes")
    if b"" in segments[:-1]:
        raise PurgeMeaningless("a path has no empty segments")
    return "/" + "/".join(quote(segment, safe=_PCHAR) for segment in segments)


def _canonical_query(query: str) -> str:
    return quote(_ESCAPE.sub(_undone, _BROKEN_ESCAPE.sub("%25", query)), safe=_QUERY)


def _undone(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if _UNRESERVED.fullmatch(character) else escape[0].upper()


def _canonical_beginning(value: str) -> str:
    path, query = _split(value)
    has_query = "?" in value
    return f"{_canonical_path(path)}?{_canonical_query(query)}" if has_query else _canonical_path(path)


def _canonical_tag(value: str) -> str:
    if _NOT_IN_TAG.search(value) or value != value.strip(" "):
        raise PurgeMeaningless("a tag is text without control characters and spaces around it")
    return value


@dataclass(slots=True)
class _Mark:
    """When something was last purged, each way."""

    soft: float = _NEVER
    hard: float = _NEVER

    def verdict(self, stored_at: float) -> PurgeVerdict:
        if stored_at <= self.hard:
            return PurgeVerdict.HARD
        return PurgeVerdict.SOFT if stored_at <= self.soft else PurgeVerdict.NONE


@dataclass(frozen=True, slots=True)
class _Held:
    purge: Purge
    since: float  # entries stored here at or before then are meant


_Place = tuple[Scope, str, bool]


class PurgeTable:
    """The purges in force on one node: the newest of each scope, value and mode."""

    def __init__(
        self, *, mounts: Sequence[str] = (), longest_lifetime: float = 30 * 86400.0, most: int = 50_000
    ) -> None:
        """No entry lives longer than `longest_lifetime` seconds; neither need a purge.

        When there are more than `most` records, 16 at least, the oldest are folded: URLs into their mount, one of
        the URL prefixes `mounts` (decoded), and once there are no more of them, prefixes and tags into everything.
        """
        self._mounts = sorted((quote(mount.rstrip("/"), safe=f"/{_PCHAR}") for mount in mounts), key=len, reverse=True)
        self._longest_lifetime = longest_lifetime
        self._most = max(most, 16)
        self._next_look = _NEVER
        self._held: dict[_Place, _Held] = {}
        self._marks: dict[Scope, dict[str, _Mark]] = {scope: {} for scope in Scope}
        # Lengths of the literal prefixes below a directory, and how many there are of each.
        self._lengths: dict[str, dict[int, int]] = {}

    def __len__(self) -> int:
        """How many records there are."""
        return len(self._held)

    def __iter__(self) -> Iterator[Purge]:
        """The records, in no order."""
        return (held.purge for held in self._held.values())

    def __contains__(self, purge: Purge) -> bool:
        """Whether this very purge is known, and no later one has taken its place."""
        held = self._held.get(_place(purge))
        return held is not None and held.purge.id == purge.id

    def verdict(self, url: str, tags: Iterable[str], stored_at: float) -> PurgeVerdict:
        """What has befallen an entry whose load *began* at `stored_at` (Unix seconds, this node's clock).

        `url` is a public path, spelled canonically, and any query. As many look-ups as the path has segments and the
        entry tags.
        """
        if not self._held:
            return PurgeVerdict.NONE
        worst = PurgeVerdict.NONE
        for mark in self._marks_on(url, tags):
            worst = max(worst, mark.verdict(stored_at))
            if worst is PurgeVerdict.HARD:
                break
        return worst

    def apply(self, purges: Iterable[Purge], now: float, *, is_news: bool) -> list[Purge]:
        """Put purges in force; gives the records that are dropped for it: too old, or folded into another.

        `is_news`: they have just been issued, here or elsewhere, so that everything stored until now is meant.
        Otherwise what was stored here up to `CLOCKS_APART` after their own time is. Known ones change nothing.
        """
        oldest = now - self._longest_lifetime
        dropped = []
        for purge in purges:
            if purge in self:
                continue
            if purge.at <= oldest and not is_news:
                dropped.append(purge)
                continue
            self._put(purge, now if is_news else min(now, purge.at + CLOCKS_APART))
            dropped += self._absorbed(purge)
        dropped += self._expired(oldest, now)
        while len(self._held) > self._most:
            dropped += self._fold()
        return dropped

    def _marks_on(self, url: str, tags: Iterable[str]) -> Iterator[_Mark]:
        urls, prefixes, tagged = self._marks[Scope.URL], self._marks[Scope.PREFIX], self._marks[Scope.TAG]
        path, mark, query = url.partition("?")
        url = f"{path}?{_canonical_query(query)}" if mark else path
        if urls:
            names = (url, path) if mark else (path,)
            yield from (urls[name] for name in names if name in urls)
        if prefixes:
            yield from (prefixes[name] for name in self._prefixes_of(url, path) if name in prefixes)
        if tagged:
            yield from (tagged[tag] for tag in tags if tag in tagged)

    def _prefixes_of(self, url: str, path: str) -> Iterator[str]:
        yield "/"
        end = 0
        while end != -1:
            for length in self._lengths.get(path[: end + 1], ()):
                yield url[:length] + "*"
            end = path.find("/", end + 1)
            yield path if end == -1 else path[:end]

    def _put(self, purge: Purge, since: float) -> None:
        place = _place(purge)
        before = self._held.get(place)
        if before is None:
            self._held[place] = _Held(purge, since)
        else:  # the later one by the clocks of those who were told, for that is the one that all nodes keep
            later = purge if purge.at >= before.purge.at else before.purge
            self._held[place] = _Held(later, max(since, before.since))
        marks = self._marks[purge.scope]
        mark = marks.get(purge.value)
        if mark is None:
            mark = marks[purge.value] = _Mark()
            self._count_length(purge, 1)
        if purge.is_soft:
            mark.soft = max(mark.soft, since)
        else:
            mark.hard = max(mark.hard, since)

    def _take(self, purge: Purge) -> Purge:
        """Drop a record and what it says."""
        held = self._held.pop(_place(purge))
        marks = self._marks[purge.scope]
        if (purge.scope, purge.value, not purge.is_soft) not in self._held:
            del marks[purge.value]
            self._count_length(purge, -1)
        elif purge.is_soft:
            marks[purge.value].soft = _NEVER
        else:
            marks[purge.value].hard = _NEVER
        return held.purge

    def _count_length(self, purge: Purge, change: int) -> None:
        if purge.scope is not Scope.PREFIX or not purge.value.endswith("*"):
            return
        beginning = purge.value[:-1]
        path = beginning.partition("?")[0]
        directory = path[: path.rindex("/") + 1]
        lengths = self._lengths.setdefault(directory, {})
        lengths[len(beginning)] = lengths.get(len(beginning), 0) + change
        if not lengths[len(beginning)]:
            del lengths[len(beginning)]
        if not lengths:
            del self._lengths[directory]

    def _expired(self, oldest: float, now: float) -> list[Purge]:
        if now < self._next_look:
            return []
        self._next_look = now + self._longest_lifetime / _LOOKS
        return [self._take(held.purge) for held in list(self._held.values()) if held.since <= oldest]

    def _absorbed(self, purge: Purge) -> list[Purge]:
        """What a folded purge, perhaps another node's, already says."""
        if not purge.id.startswith(_FOLDED):
            return []
        since = self._held[_place(purge)].since
        return [
            self._take(held.purge)
            for held in list(self._held.values())
            if held.purge.is_soft == purge.is_soft
            and held.purge.at <= purge.at
            and held.since <= since
            and held.purge.scope is Scope.URL
            and _is_below(held.purge.value, purge.value)
        ]

    def _fold(self) -> list[Purge]:
        """Let the oldest records become a few that say more: URLs their mounts, and other records everything."""
        held = sorted(self._held.values(), key=lambda one: one.since)
        urls = [one for one in held if one.purge.scope is Scope.URL]
        others = [one for one in held if one.purge.scope is not Scope.URL and not one.purge.id.startswith(_FOLDED)]
        chosen = urls or others or held
        chosen = chosen[: self._most // _FOLD_AT_ONCE]
        for one in chosen:
            self._take(one.purge)
        for one in chosen:
            self._put_folded(one)
        return [one.purge for one in chosen]

    def _put_folded(self, one: _Held) -> None:
        value = self._mount_of(one.purge.value) if one.purge.scope is Scope.URL else "/"
        before = self._held.get((Scope.PREFIX, value, one.purge.is_soft))
        if before is not None and before.since >= one.since and before.purge.at >= one.purge.at:
            return
        mode = "soft" if one.purge.is_soft else "hard"
        at = one.purge.at if before is None else max(one.purge.at, before.purge.at)
        name = f"{_FOLDED}{mode}:{at!r}:{value}"
        self._put(Purge(Scope.PREFIX, value, one.purge.is_soft, at, name), one.since)

    def _mount_of(self, url: str) -> str:
        return next((mount for mount in self._mounts if mount and _is_below(url, mount)), "/")


def _place(purge: Purge) -> _Place:
    return purge.scope, purge.value, purge.is_soft


def _is_below(url: str, prefix: str) -> bool:
    path = url.partition("?")[0]
    return prefix in {"/", path} or path.startswith(f"{prefix}/")
