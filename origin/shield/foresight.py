"""Decides what viewers of one mount are going to ask for, from the manifests and segments that they ask for now.

It only remembers what was served lately, within bounds, and only looks ahead of somebody: what follows a
segment is wanted when the segment was asked for within `watched_seconds`. Whatever was wanted or asked for once
is not wanted again for `remembered_seconds`, so one that fails is not tried again and again. Nothing here waits;
`now` is always Unix seconds, and all objects are named by their path below the mount.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from origin.manifests.courses import Course, Span, Wanted, folder_of
from origin.manifests.upcoming import Ground
from origin.media.cmcd import NextObject
from origin.media.kinds import Kind, format_of

_MEDIA = frozenset({Kind.INIT, Kind.SEGMENT, Kind.PART, Kind.SUBTITLE})


@dataclass(frozen=True, slots=True)
class Horizon:
    """How far ahead is looked, and how much is remembered for it."""

    ahead: int = 3  # media objects behind the one that is asked for
    watched_seconds: float = 30.0
    remembered_seconds: float = 300.0
    max_manifests: int = 1_024
    max_references: int = 200_000  # of all manifests together
    max_wanted: int = 16_384  # objects of which is known that they were wanted or asked for


@dataclass(frozen=True, slots=True)
class Plan:
    """What one request leads to."""

    wanted: tuple[Wanted, ...] = ()  # each for the first time
    already: int = 0  # how many more had been wanted or asked for before


@dataclass(slots=True)
class _Known:
    """A manifest that was served."""

    course: Course
    fingerprint: int
    used_at: float
    watched_at: float = float("-inf")
    last: Wanted | None = None  # what a viewer asked for last


@dataclass(slots=True)
class Foresight:
    """What is known of one mount."""

    ground: Ground
    horizon: Horizon = field(default_factory=Horizon)
    _known: OrderedDict[str, _Known] = field(default_factory=OrderedDict, init=False)
    _by_folder: dict[str, dict[str, None]] = field(default_factory=dict, init=False)
    _references: int = field(default=0, init=False)
    _settled: OrderedDict[Wanted, float] = field(default_factory=OrderedDict, init=False)

    def is_news(self, path: str, data: bytes, now: float) -> bool:
        """Whether the manifest at `path` must be read, because it is not the one that is known."""
        known = self._known.get(path)
        if known is None or known.fingerprint != hash(data):
            return True
        self._touch(path, known, now)
        return False

    def learn(self, path: str, data: bytes, course: Course, now: float) -> Plan:
        """Remember what the manifest at `path` leads to; what its viewers want of that now."""
        old = self._forget(path)
        known = _Known(course, hash(data), now)
        if old is not None:
            known.watched_at, known.last = old.watched_at, old.last
        self._known[path] = known
        self._references += course.size
        for folder in course.folders:
            self._by_folder.setdefault(folder, {})[path] = None
        self._make_room(now)
        if known.last is None or now - known.watched_at > self.horizon.watched_seconds:
            return Plan()
        return self._plan(course.after(known.last, self.horizon.ahead, now) or (), now)

    def asked(self, path: str, span: Span | None, now: float) -> Plan:
        """A viewer asks for the object at `path`, or for a range of it; what comes next."""
        wanted = Wanted(path, span)
        self._settle(wanted, now)
        following: dict[Wanted, None] = {}
        for manifest in list(self._candidates(path)):
            known = self._known[manifest]
            found = known.course.after(wanted, self.horizon.ahead, now)
            if found is None:
                continue
            known.watched_at, known.last = now, wanted
            self._touch(manifest, known, now)
            following |= dict.fromkeys(found)
        return self._plan(following, now)

    def hinted(self, path: str, hints: Sequence[NextObject], now: float) -> Plan:
        """A player that asks for the object at `path` says what it asks for next (CTA-5004 `nor`).

        Taken is only media, named relatively, of the same asset. A query is left off: it carries tokens.
        """
        located = (_located(self.ground, path, hint) for hint in hints[: self.horizon.ahead])
        return self._plan([wanted for wanted in located if wanted is not None], now)

    def _candidates(self, path: str) -> Iterator[str]:
        """The manifests that may name `path`, each once."""
        seen: dict[str, None] = {}
        folder = folder_of(path)
        while True:
            seen |= self._by_folder.get(folder, {})
            if not folder:
                return iter(seen)
            folder = folder_of(folder)

    def _plan(self, following: Iterable[Wanted], now: float) -> Plan:
        fresh: list[Wanted] = []
        already = 0
        for wanted in following:
            if self._is_settled(wanted, now):
                already += 1
            else:
                fresh.append(wanted)
                self._settle(wanted, now)
        return Plan(tuple(fresh), already)

    def _is_settled(self, wanted: Wanted, now: float) -> bool:
        settled_at = self._settled.get(wanted)
        return settled_at is not None and now - settled_at <= self.horizon.remembered_seconds

    def _settle(self, wanted: Wanted, now: float) -> None:
        self._settled.pop(wanted, None)
        self._settled[wanted] = now
        if len(self._settled) > self.horizon.max_wanted:
            self._settled.popitem(last=False)

    def _touch(self, path: str, known: _Known, now: float) -> None:
        known.used_at = now
        self._known.move_to_end(path)

    def _make_room(self, now: float) -> None:
        """Forget the manifests of which nothing was heard for longest: the old ones, and those too many."""
        while self._known:
            path, oldest = next(iter(self._known.items()))
            is_full = len(self._known) > self.horizon.max_manifests or self._references > self.horizon.max_references
            if not is_full and now - oldest.used_at <= self.horizon.remembered_seconds:
                return
            self._forget(path)

    def _forget(self, path: str) -> _Known | None:
        known = self._known.pop(path, None)
        if known is None:
            return None
        self._references -= known.course.size
        for folder in known.course.folders:
            manifests = self._by_folder[folder]
            del manifests[path]
            if not manifests:
                del self._by_folder[folder]
        return known


def _located(ground: Ground, path: str, hint: NextObject) -> Wanted | None:
    """What a hint names; None for what is not relative, or of another asset."""
    reference = hint.reference.partition("#")[0].partition("?")[0]
    if not reference or reference.startswith("/"):
        return None
    names = ground.locate(path)(reference, ())
    is_media = bool(names) and format_of(names[0]).kind in _MEDIA
    if not is_media or ground.asset_of(names[0]) != ground.asset_of(path):
        return None
    first, last = hint.range or (0, None)
    # A suffix needs the object's length, and a range of everything is the object.
    span = None if first is None or (first, last) == (0, None) else (first, last)
    return None if first is None else Wanted(names[0], span)
