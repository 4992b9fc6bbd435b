"""The course of a DASH MPD (ISO/IEC 23009-1): one track per Representation and base.

A Representation goes on in the next Period as the one with the same id in the same AdaptationSet (by its id, or
by its position), as players look for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from origin.manifests.base_urls import BaseUrls
from origin.manifests.courses import Chain, Course, Entry, ListedTrack, Locate, Role, Span, Track, Wanted
from origin.manifests.dash import is_dash_namespace, seconds_of
from origin.manifests.markup import Element, read
from origin.manifests.numbered import Estimate, Naming, NumberedTrack, runs_of
from origin.manifests.template import Malformed

MAX_TRACKS = 1_024  # of one MPD
MAX_REFERENCES = 50_000  # runs and listed segments of all of them

Bases = tuple[tuple[str, ...], ...]


def mpd_course(data: bytes, locate: Locate) -> Course:
    """Where an MPD leads; raises Malformed, "too_large" beyond the MAX_ constants.

    A Representation without segment addresses (SegmentBase) is one object. Left out are templates that name a
    segment in more than one place.
    """
    mpd = read(data, frozenset({"Event"}))
    if mpd.name != "MPD" or not is_dash_namespace(mpd.namespace):
        raise Malformed("not_an_mpd")
    bases = BaseUrls(mpd, data)
    chains: dict[tuple[str, ...], list[Track]] = {}
    room = MAX_REFERENCES
    for representation in _representations(mpd):
        level = bases.level(representation.element)
        for at, chain in enumerate(level.inner if level else ()):
            track = representation.track(locate, () if chain == () else (chain,))
            if track is not None:
                chains.setdefault((*representation.identity, str(at)), []).append(track)
                room -= track.size
            if room < 0 or len(chains) > MAX_TRACKS:
                raise Malformed("too_large", "references")
    return Course(tuple(tracks[0] if len(tracks) == 1 else Chain(tracks) for tracks in chains.values()))


@dataclass(frozen=True, slots=True)
class _Period:
    """When a Period is played, in seconds of the presentation; `anchor` is when that begins, in Unix seconds."""

    start: float
    end: float | None
    anchor: float | None
    depth: float | None
    is_live: bool


def _representations(mpd: Element) -> Iterator[_Representation]:
    periods = _children(mpd, "Period")
    start = 0.0
    for at, element in enumerate(periods):
        following = seconds_of(periods[at + 1], "start") if at + 1 < len(periods) else None
        period = _period(mpd, element, start, following)
        for place, adaptation_set in enumerate(_children(element, "AdaptationSet")):
            group = adaptation_set.value("id") or f"#{place}"
            for position, representation in enumerate(_children(adaptation_set, "Representation")):
                identity = (group, representation.value("id") or f"#{position}")
                yield _Representation(identity, (element, adaptation_set, representation), period)
        start = start if period.end is None else period.end


def _period(mpd: Element, element: Element, start: float, following: float | None) -> _Period:
    own_start, duration = seconds_of(element, "start"), seconds_of(element, "duration")
    start = start if own_start is None else own_start
    whole = seconds_of(mpd, "mediaPresentationDuration")
    end = following if duration is None else start + duration
    return _Period(
        start=start,
        end=whole if end is None else end,
        anchor=_moment(mpd.value("availabilityStartTime")),
        depth=seconds_of(mpd, "timeShiftBufferDepth"),
        is_live=mpd.value("type") == "dynamic",
    )


@dataclass(frozen=True, slots=True)
class _Representation:
    """A Representation, the levels that it inherits from, and its Period."""

    identity: tuple[str, str]  # the AdaptationSet's and its own, across Periods
    levels: tuple[Element, ...]
    period: _Period

    @property
    def element(self) -> Element:
        """The Representation itself."""
        return self.levels[-1]

    def track(self, locate: Locate, bases: Bases) -> Track | None:
        """Its media; None where the MPD does not say where that is."""
        lists = self._inherited("SegmentList")
        templates = self._inherited("SegmentTemplate")
        if templates:
            return self._templated(templates, locate, bases)
        return self._listed(lists, locate, bases) if lists else self._whole(locate, bases)

    def _inherited(self, name: str) -> list[Element]:
        """Innermost first."""
        return [found for level in reversed(self.levels) for found in _children(level, name)[:1]]

    def _templated(self, templates: list[Element], locate: Locate, bases: Bases) -> Track | None:
        values: dict[str, str] = {}
        for template in reversed(templates):
            values |= {name: value.text for name, value in template.attributes.items()}
        naming = Naming.of(self._filled(values.get("media", "")), lambda reference: locate(reference, bases))
        init = self._init(values.get("initialization"), None, locate, bases)
        timeline = next((found for each in templates for found in _children(each, "SegmentTimeline")), None)
        steps = None if timeline is None else _children(timeline, "S")
        estimate = self._estimate(values)
        first = _whole(values, "startNumber", 1)
        runs = runs_of(values, steps, estimate, first)
        return NumberedTrack(init, naming, runs, estimate, first) if naming and runs else None

    def _estimate(self, values: dict[str, str]) -> Estimate:
        period = self.period
        offset = values.get("availabilityTimeOffset", "0")
        early = float(offset) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", offset) else 0.0
        begins = None if period.anchor is None else period.anchor + period.start - early
        return Estimate(
            is_live=period.is_live,
            begins=begins if period.is_live else None,
            length=None if period.end is None else period.end - period.start,
            depth=period.depth,
            timescale=max(1, _whole(values, "timescale", 1)),
            offset=_whole(values, "presentationTimeOffset", 0),
        )

    def _listed(self, lists: list[Element], locate: Locate, bases: Bases) -> Track | None:
        inits = [found for each in lists for found in _children(each, "Initialization")]
        segments = next((found for each in lists if (found := _children(each, "SegmentURL"))), [])
        init = self._init(inits[0].value("sourceURL"), inits[0].value("range"), locate, bases) if inits else None
        entries = [] if init is None else [Entry(init, Role.INIT)]
        for segment in segments:
            wanted = _wanted(segment.value("media"), segment.value("mediaRange"), locate, bases)
            if wanted is not None:
                entries.append(Entry(wanted, Role.SEGMENT))
        return ListedTrack(entries, self.period.is_live) if entries else None

    def _whole(self, locate: Locate, bases: Bases) -> Track | None:
        """All of it is at its BaseURL, but perhaps for the init and the index."""
        information = self._inherited("SegmentBase")
        entries: list[Entry] = []
        for name in ("Initialization", "RepresentationIndex"):
            found = [child for each in information for child in _children(each, name) if child.value("sourceURL")]
            part = self._init(found[0].value("sourceURL"), found[0].value("range"), locate, bases) if found else None
            entries += [] if part is None else [Entry(part, Role.INIT)]
        is_object = any(not chain[-1].endswith("/") for chain in bases)
        wanted = _wanted(None, None, locate, bases) if is_object else None
        return ListedTrack([*entries, Entry(wanted, Role.WHOLE)], is_live=False) if wanted else None

    def _init(self, reference: str | None, byte_range: str | None, locate: Locate, bases: Bases) -> Wanted | None:
        if reference is None and byte_range is None:
            return None
        return _wanted(None if reference is None else self._filled(reference), byte_range, locate, bases)

    def _filled(self, template: str) -> str:
        """A template (§5.3.9.4.4) with what the Representation itself says put in."""
        identifier, bandwidth = (self.element.value(name) or "" for name in ("id", "bandwidth"))
        return template.replace("$RepresentationID$", identifier).replace("$Bandwidth$", bandwidth)


def _wanted(reference: str | None, byte_range: str | None, locate: Locate, bases: Bases) -> Wanted | None:
    """Without a reference the BaseURL is the object, if there is one."""
    if reference is None and not bases:
        return None
    names = locate((reference or "").replace("$$", "$"), bases)
    return Wanted(names[0], _span(byte_range)) if names else None


def _span(byte_range: str | None) -> Span | None:
    found = re.fullmatch(r"([0-9]{1,15})-([0-9]{1,15})", byte_range or "")
    return None if found is None or int(found[1]) > int(found[2]) else (int(found[1]), int(found[2]))


def _children(element: Element, name: str) -> list[Element]:
    return [child for child in element.children if child.name == name and child.namespace == element.namespace]


def _whole(values: dict[str, str], name: str, default: int) -> int:
    text = values.get(name, "")
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else default


def _moment(text: str | None) -> float | None:
    """An xs:dateTime in Unix seconds; without a time zone it is UTC. None for what is none."""
    try:
        moment = datetime.fromisoformat(text or "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
