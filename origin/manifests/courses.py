"""In which order a player asks for what a manifest names.

A `Track` is one run of media: what a media playlist lists, or one Representation of an MPD. Who reads a
manifest gives a `Locate`, which names objects in its own terms (paths below a mount, URLs) and leaves out what
is not for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

Span = tuple[int, int | None]  # first and last byte, None for the end of the object

# A reference and the chains of `Slot.bases` → the object's names, one per alternative; none when left out.
Locate = Callable[[str, tuple[tuple[str, ...], ...]], tuple[str, ...]]

EDGE_SEGMENTS = 3  # how far from the live edge players start (RFC 8216 §6.3.3)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An object, or the bytes of it that a manifest names."""

    name: str
    span: Span | None = None  # None: all of it


class Track(Protocol):
    """Media in the order in which it is played."""

    @property
    def folders(self) -> frozenset[str]:
        """Names up to their last "/", such that every name of the track starts with one of them and "/"."""

    @property
    def size(self) -> int:
        """How much it holds in memory, in references."""

    def after(self, wanted: Wanted, count: int, now: float) -> tuple[Wanted, ...] | None:
        """What a player that asks for `wanted` asks for next: `count` media objects, and inits they need.

        None when `wanted` is not of this track. What is not available yet at `now` is not among them.
        """

    def beginning(self, count: int, now: float) -> tuple[Wanted, ...]:
        """The first `count` media objects that are available, and inits they need; empty without any."""

    def all(self, now: float) -> Iterator[Wanted]:
        """Everything that is available, in order; perhaps endless for an MPD that says so."""


@dataclass(frozen=True, slots=True)
class Course:
    """What one manifest leads to."""

    tracks: tuple[Track, ...] = ()
    playlists: tuple[str, ...] = ()  # of a multivariant playlist: the media playlists

    def after(self, wanted: Wanted, count: int, now: float) -> tuple[Wanted, ...] | None:
        """`Track.after` of the track that `wanted` is of; None when it is of none."""
        found = (track.after(wanted, count, now) for track in self.tracks)
        return next((following for following in found if following is not None), None)

    @property
    def folders(self) -> frozenset[str]:
        """`Track.folders` of all tracks."""
        return frozenset().union(*(track.folders for track in self.tracks))

    @property
    def size(self) -> int:
        """What it holds in memory, in references."""
        return sum(track.size for track in self.tracks) + len(self.playlists)


class Role(Enum):
    """What an entry of a list is."""

    INIT = auto()
    SEGMENT = auto()
    PART = auto()
    WHOLE = auto()  # a film in one piece: it may be huge, and players take ranges of it, so it comes after nothing
    HINT = auto()  # of a part that is not there yet: its request is held until it is (EXT-X-PRELOAD-HINT)


@dataclass(frozen=True, slots=True)
class Entry:
    """One reference of a list."""

    wanted: Wanted
    role: Role


_PARTIAL = frozenset({Role.PART, Role.HINT})


class ListedTrack:
    """A track whose manifest lists every segment.

    An init stands before the first segment that needs it; the parts of a segment before the segment.
    """

    def __init__(self, entries: Sequence[Entry], is_live: bool) -> None:
        """`is_live`: a player starts near the end and not at the beginning."""
        self._entries = tuple(entries)
        self._is_live = is_live
        # Where an object is named as a whole, and where by the first byte of a range.
        self._wholes: dict[str, int] = {}
        self._ranges: dict[tuple[str, int], int] = {}
        self._segments = [at for at, entry in enumerate(entries) if entry.role is Role.SEGMENT]
        for at, entry in enumerate(entries):
            name, span = entry.wanted.name, entry.wanted.span
            if span is None:
                self._wholes.setdefault(name, at)
            else:
                self._ranges.setdefault((name, span[0]), at)
        self._ranged = frozenset(name for name, _ in self._ranges)
        self._folders = frozenset(folder_of(entry.wanted.name) for entry in self._entries)

    @property
    def folders(self) -> frozenset[str]:
        """As `Track.folders`."""
        return self._folders

    @property
    def size(self) -> int:
        """As `Track.size`."""
        return len(self._entries)

    def after(self, wanted: Wanted, count: int, now: float) -> tuple[Wanted, ...] | None:
        """As `Track.after`. A range that is not one of the list has nothing after it."""
        del now
        at = self._place(wanted)
        if at is None:
            is_known = wanted.name in self._ranged or wanted.name in self._wholes
            return () if is_known else None
        if self._entries[at].role is Role.INIT and self._is_live:
            at = max(at, ([at, *self._segments])[-EDGE_SEGMENTS:][0] - 1)
        return tuple(self._following(at, count))

    def beginning(self, count: int, now: float) -> tuple[Wanted, ...]:
        """As `Track.beginning`."""
        del now
        return tuple(self._following(-1, count)) if self._segments else ()

    def all(self, now: float) -> Iterator[Wanted]:
        """As `Track.all`; of segments that are there as a whole the parts are left out."""
        del now
        yield from self._following(-1, len(self._entries), with_whole=True)

    def _place(self, wanted: Wanted) -> int | None:
        if wanted.span is not None:
            ranged = self._ranges.get((wanted.name, wanted.span[0]))
            if ranged is not None:
                return ranged
        return self._wholes.get(wanted.name)

    def _following(self, at: int, count: int, *, with_whole: bool = False) -> Iterator[Wanted]:
        """Who fetches parts goes on with parts; who fetches segments takes parts only where segments end."""
        takes_parts = at >= 0 and self._entries[at].role in _PARTIAL
        roles = {Role.INIT} | (_PARTIAL if takes_parts else {Role.SEGMENT}) | ({Role.WHOLE} if with_whole else set())
        last = self._segments[-1] if self._segments else -1
        for place in range(at + 1, len(self._entries)):
            entry = self._entries[place]
            is_behind = place > last and entry.role in _PARTIAL
            if entry.role not in roles and not is_behind:
                continue
            if count == 0:
                return
            count -= entry.role is not Role.INIT
            yield entry.wanted


class Chain:
    """Tracks that are played one behind the other."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        """`tracks` in order."""
        self._tracks = tuple(tracks)

    @property
    def folders(self) -> frozenset[str]:
        """As `Track.folders`."""
        return frozenset().union(*(track.folders for track in self._tracks))

    @property
    def size(self) -> int:
        """As `Track.size`."""
        return sum(track.size for track in self._tracks)

    def after(self, wanted: Wanted, count: int, now: float) -> tuple[Wanted, ...] | None:
        """As `Track.after`; where one track ends the next one begins, but none is skipped."""
        for at, track in enumerate(self._tracks):
            found = track.after(wanted, count, now)
            if found is None:
                continue
            if len(found) < count and at + 1 < len(self._tracks):
                found += self._tracks[at + 1].beginning(count - len(found), now)
            return found
        return None

    def beginning(self, count: int, now: float) -> tuple[Wanted, ...]:
        """As `Track.beginning`, of the first track."""
        return self._tracks[0].beginning(count, now) if self._tracks else ()

    def all(self, now: float) -> Iterator[Wanted]:
        """As `Track.all`."""
        for track in self._tracks:
            yield from track.all(now)


def folder_of(name: str) -> str:
    """A name up to its last "/", "" without one."""
    return name.rpartition("/")[0]
