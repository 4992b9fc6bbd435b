"""The course of an HLS playlist (draft-pantos-hls-rfc8216bis)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from origin.manifests.attributes import Attributes
from origin.manifests.courses import Course, Entry, ListedTrack, Locate, Role, Span, Wanted
from origin.manifests.hls import Line, read_lines, tells_multivariant
from origin.manifests.template import Malformed
from origin.manifests.variables import Source, defined_variables, expand, values_of

MAX_REFERENCES = 20_000  # of one playlist: 33 hours of segments of six seconds

NONE: Mapping[str, str] = MappingProxyType({})

_BYTE_RANGE = re.compile(r"([0-9]{1,15})(?:@([0-9]{1,15}))?")


def playlist_course(data: bytes, locate: Locate, parameters: Mapping[str, str] = NONE) -> Course:
    """Where a playlist leads; raises Malformed, "too_large" beyond MAX_REFERENCES.

    `parameters` are those of the playlist's own URL (EXT-X-DEFINE:QUERYPARAM). Left out are gaps, content keys,
    and references in which a variable stands whose value is not known here. Of alternatives the first counts.
    """
    lines = read_lines(data)
    if sum(line.tag in _REFERRING for line in lines) > MAX_REFERENCES:
        raise Malformed("too_large", "references")
    tags = {line.tag for line in lines}
    variables = defined_variables(_attributes(lines, "EXT-X-DEFINE"))
    queried = {each.name for each in variables if each.source is Source.QUERYPARAM}.intersection(parameters)
    reading = _Reading(locate, {**values_of(variables), **{name: parameters[name] for name in queried}})
    if tells_multivariant(tags):
        return Course(playlists=reading.playlists(lines))
    for line in lines:
        reading.take(line)
    types = [line.value for line in lines if line.tag == "EXT-X-PLAYLIST-TYPE"]
    is_live = "EXT-X-ENDLIST" not in tags and b"VOD" not in types
    return Course((ListedTrack(reading.entries, is_live),))


_REFERRING = {"", "EXT-X-MAP", "EXT-X-PART", "EXT-X-PRELOAD-HINT", "EXT-X-MEDIA"}


def _attributes(lines: list[Line], tag: str) -> list[Attributes]:
    return [line.attributes() for line in lines if line.tag == tag]


class _Reading:
    """What the lines so far say about those to come."""

    def __init__(self, locate: Locate, values: Mapping[str, str]) -> None:
        self.entries: list[Entry] = []
        self._locate = locate
        self._values = values
        self._byte_range = ""
        self._is_gap = False
        # Where the last range of an object ended: the next one of its kind may begin there.
        self._ends: dict[tuple[Role, str], int] = {}
        self._init: Wanted | None = None

    def playlists(self, lines: list[Line]) -> tuple[str, ...]:
        """The media playlists of a multivariant playlist, those of variants first, each once."""
        variants = [line.text.decode() for line in lines if line.tag == ""]
        renditions = [found["URI"].value for found in _attributes(lines, "EXT-X-MEDIA") if "URI" in found]
        names = (self._name(reference) for reference in (*variants, *renditions))
        return tuple(dict.fromkeys(name for name in names if name is not None))

    def take(self, line: Line) -> None:
        """Read one line of a media playlist."""
        match line.tag:
            case "":
                self._segment(line.text.decode())
            case "EXT-X-BYTERANGE":
                self._byte_range = line.value.decode()
            case "EXT-X-GAP":
                self._is_gap = True
            case "EXT-X-MAP":
                self._map(line.attributes())
            case "EXT-X-PART":
                self._part(line.attributes())
            case "EXT-X-PRELOAD-HINT":
                self._hint(line.attributes())

    def _segment(self, reference: str) -> None:
        name = self._name(reference)
        span = self._span(Role.SEGMENT, name, self._byte_range)
        if not self._is_gap:
            self._add(name, span, Role.SEGMENT)
        self._byte_range, self._is_gap = "", False

    def _map(self, attributes: Attributes) -> None:
        byte_range = _value(attributes, "BYTERANGE")
        if byte_range and "@" not in byte_range:
            byte_range += "@0"
        name = self._name(_value(attributes, "URI"))
        span = self._span(Role.INIT, name, byte_range)
        if name is not None and Wanted(name, span) != self._init:
            self._init = Wanted(name, span)
            self._add(name, span, Role.INIT)

    def _part(self, attributes: Attributes) -> None:
        name = self._name(_value(attributes, "URI"))
        span = self._span(Role.PART, name, _value(attributes, "BYTERANGE"))
        if _value(attributes, "GAP") != "YES":
            self._add(name, span, Role.PART)

    def _hint(self, attributes: Attributes) -> None:
        start, length = (_value(attributes, f"BYTERANGE-{word}") for word in ("START", "LENGTH"))
        role = Role.INIT if _value(attributes, "TYPE") == "MAP" else Role.HINT
        first = int(start) if re.fullmatch(r"[0-9]{1,15}", start) else 0
        is_bounded = re.fullmatch(r"[1-9][0-9]{0,14}", length) is not None
        span = (first, first + int(length) - 1 if is_bounded else None)
        self._add(self._name(_value(attributes, "URI")), None if span == (0, None) else span, role)

    def _add(self, name: str | None, span: Span | None, role: Role) -> None:
        if name is not None:
            self.entries.append(Entry(Wanted(name, span), role))

    def _name(self, reference: str) -> str | None:
        expanded = expand(reference, self._values)
        names = () if not expanded or "{$" in expanded else self._locate(expanded, ())
        return names[0] if names else None

    def _span(self, role: Role, name: str | None, byte_range: str) -> Span | None:
        """A range as "length@first" (§4.4.4.2); without "@first" it begins where the one before ended."""
        if name is None or not byte_range:
            return None
        found = _BYTE_RANGE.fullmatch(byte_range)
        if found is None or int(found[1]) == 0:
            raise Malformed("attribute_invalid", "BYTERANGE")
        first = self._ends.get((role, name), 0) if found[2] is None else int(found[2])
        self._ends[role, name] = first + int(found[1])
        return first, first + int(found[1]) - 1


def _value(attributes: Attributes, name: str) -> str:
    return attributes[name].value if name in attributes else ""
