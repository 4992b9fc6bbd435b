"""HLS playlist → template: every URI of every tag becomes a slot, every other byte stays.

The parser is lossless: it notes where the URIs stand and never writes a playlist anew. What it cannot read
without doubt it refuses, because a URI that it overlooked would go out unprotected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from origin.manifests.attributes import Attribute, Attributes, parse_attributes
from origin.manifests.references import is_opaque, parse_reference, with_query
from origin.manifests.template import Cut, InsertionPoint, Malformed, Quoting, Slot, Template
from origin.manifests.variables import (
    VARIABLE_NAME,
    Source,
    Variable,
    chooses_server,
    defined_variables,
    expand,
    values_of,
)

MAX_PLAYLIST_BYTES = 8 * 1024 * 1024
MAX_LINES = 200_000
MAX_LINE_BYTES = 32_768

QUERYPARAM_VERSION = 11  # the first protocol version with EXT-X-DEFINE:QUERYPARAM

_MULTIVARIANT_TAGS = {
    "EXT-X-STREAM-INF",
    "EXT-X-I-FRAME-STREAM-INF",
    "EXT-X-IMAGE-STREAM-INF",
    "EXT-X-MEDIA",
    "EXT-X-SESSION-DATA",
    "EXT-X-SESSION-KEY",
    "EXT-X-CONTENT-STEERING",
}
_MEDIA_ATTRIBUTE_TAGS = {
    "EXT-X-MAP",
    "EXT-X-KEY",
    "EXT-X-PART",
    "EXT-X-PART-INF",
    "EXT-X-PRELOAD-HINT",
    "EXT-X-RENDITION-REPORT",
    "EXT-X-SERVER-CONTROL",
    "EXT-X-SKIP",
}
_MEDIA_TAGS = _MEDIA_ATTRIBUTE_TAGS | {
    "EXTINF",
    "EXT-X-TARGETDURATION",
    "EXT-X-MEDIA-SEQUENCE",
    "EXT-X-DISCONTINUITY-SEQUENCE",
    "EXT-X-PLAYLIST-TYPE",
    "EXT-X-I-FRAMES-ONLY",
    "EXT-X-BYTERANGE",
    "EXT-X-ENDLIST",
}
_PART_TAGS = {"EXT-X-PART", "EXT-X-PART-INF"}
# Tags whose value must be an attribute list; in all others one is only looked for.
_ATTRIBUTE_TAGS = _MULTIVARIANT_TAGS | _MEDIA_ATTRIBUTE_TAGS | {"EXT-X-DATERANGE", "EXT-X-DEFINE", "EXT-X-START"}
_ANY_URI_ATTRIBUTE = re.compile(rb'(?<![A-Za-z0-9_-])((?:[A-Z0-9-]*-)?URI|X-ASSET-LIST)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class PlaylistTemplate:
    """A compiled playlist and the facts about it that decide how it is cached and rendered."""

    template: Template
    is_multivariant: bool
    is_live: bool  # a media playlist that may still change: neither EXT-X-ENDLIST nor PLAYLIST-TYPE:VOD
    target_duration: float | None  # seconds; None where the tag is absent
    version: int  # EXT-X-VERSION, 1 without the tag
    has_parts: bool
    variables: tuple[Variable, ...]
    newline: bytes  # as the first line ends

    def with_query_variable(self, name: str, covers: Callable[[Slot], bool]) -> bytes:
        """The playlist in which players carry the query parameter `name` on (EXT-X-DEFINE:QUERYPARAM).

        It is the same for all viewers. Every slot that `covers` gets `name={$name}` in its query. A player
        refuses the playlist when its own URL lacks the parameter, and may percent-decode the value before it
        is put in, so the value must be unreserved characters. Raises Malformed("variable_conflict") when the
        playlist uses the name for another variable and Malformed("parameter_conflict") when a covered URI has
        another such parameter.
        """
        if not VARIABLE_NAME.fullmatch(name):
            raise ValueError("not an HLS variable name")
        defined = {variable.name: variable.source for variable in self.variables}.get(name)
        if defined not in (None, Source.QUERYPARAM):
            raise Malformed("variable_conflict", name)
        points = [piece for piece in self.template.pieces if isinstance(piece, InsertionPoint)]
        has_version = any(point.name == "version" for point in points)

        def insert(point: InsertionPoint) -> bytes:
            if point.name == "version":
                return str(max(self.version, QUERYPARAM_VERSION)).encode()
            lines = [] if has_version else [f"#EXT-X-VERSION:{QUERYPARAM_VERSION}"]
            lines += [] if defined else [f'#EXT-X-DEFINE:QUERYPARAM="{name}"']
            return b"".join(line.encode() + self.newline for line in lines)

        return self.template.render(lambda slot: _with_variable(slot.reference, name) if covers(slot) else None, insert)


def _with_variable(reference: str, name: str) -> str:
    """`reference` with `name={$name}` in its query, exactly once."""
    parameter = f"{name}={{${name}}}"
    present = [pair for pair in (parse_reference(reference).query or "").split("&") if pair.partition("=")[0] == name]
    if present == [parameter]:
        return reference
    if present:
        raise Malformed("parameter_conflict", name)
    return with_query(reference, parameter)


def compile_playlist(data: bytes) -> PlaylistTemplate:
    """Read a playlist strictly; raises Malformed. Sizes are bounded by the MAX_ constants of this module."""
    lines = read_lines(data)
    first = _first_line_end(data)
    tags: dict[str, list[Line]] = {}
    for line in lines:
        tags.setdefault(line.tag, []).append(line)
    is_multivariant = tells_multivariant(tags)
    variables = defined_variables(line.attributes() for line in tags.get("EXT-X-DEFINE", ()))
    version, cuts = _version(tags)
    cuts.append(Cut(first, first, InsertionPoint("declarations")))
    cuts += _slots(data, lines, values_of(variables))
    return PlaylistTemplate(
        template=Template.of(data, cuts),
        is_multivariant=is_multivariant,
        is_live=not is_multivariant and not _is_final(tags),
        target_duration=_target_duration(tags),
        version=version,
        has_parts=not _PART_TAGS.isdisjoint(tags),
        variables=variables,
        newline=b"\r\n" if data[:first].endswith(b"\r\n") else b"\n",
    )


class Line(NamedTuple):
    """A tag or a URI line, without its end and the blanks around it."""

    start: int  # byte offset
    text: bytes
    tag: str  # "EXT-X-MAP"; empty for a URI line
    value: bytes  # what follows the tag's colon
    value_start: int

    def attributes(self) -> Attributes:
        """The value as an attribute list; raises Malformed as `parse_attributes` does."""
        return parse_attributes(self.value, self.value_start)


def read_lines(data: bytes) -> list[Line]:
    """The lines behind `#EXTM3U` that mean something: tags and URIs, not comments and blank lines.

    Raises Malformed for what is no playlist, is too large, or can be read in two ways.
    """
    _check_text(data)
    return list(_lines(data, _first_line_end(data)))


class _Place(NamedTuple):
    """Where a URI stands, in bytes."""

    start: int
    end: int
    quoting: Quoting
    where: str


def _check_text(data: bytes) -> None:
    if len(data) > MAX_PLAYLIST_BYTES:
        raise Malformed("too_large", "bytes")
    if data.count(b"\n") > MAX_LINES:
        raise Malformed("too_large", "lines")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise Malformed("not_utf8", f"byte {error.start}") from None
    # A CR alone ends a line for some parsers and not for others.
    if b"\x00" in data or data.count(b"\r") != data.count(b"\r\n"):
        raise Malformed("control_character")


def _first_line_end(data: bytes) -> int:
    """The offset behind `#EXTM3U` and its line end; a byte order mark before it is tolerated."""
    first, newline, _ = data.partition(b"\n")
    if first.removeprefix(b"\xef\xbb\xbf").rstrip(b" \t\r") != b"#EXTM3U":
        raise Malformed("not_a_playlist")
    return len(first) + len(newline)


def _lines(data: bytes, first: int) -> Iterator[Line]:
    """The lines from offset `first` on."""
    end = first
    for number, line in enumerate(data[first:].split(b"\n"), 2):
        begin, end = end, end + len(line) + 1
        if len(line) > MAX_LINE_BYTES:
            raise Malformed("too_large", f"line {number}")
        text = line.strip(b" \t\r")
        start = begin + line.find(text)
        if text.startswith(b"#EXT") and start != begin:
            raise Malformed("line_ambiguous", f"line {number}")  # a tag to some parsers, a URI to others
        if text.startswith(b"#EXT"):
            name, _, value = text.partition(b":")
            value = value.lstrip(b" \t")
            yield Line(start, text, name[1:].decode(), value, start + len(text) - len(value))
        elif text and not text.startswith(b"#"):
            yield Line(start, text, "", b"", start)


def tells_multivariant(tags: Collection[str]) -> bool:
    """Whether these are the tags of a multivariant playlist; Malformed when they are of both kinds or neither."""
    is_multivariant = not _MULTIVARIANT_TAGS.isdisjoint(tags)
    is_media = not _MEDIA_TAGS.isdisjoint(tags)
    if is_multivariant == is_media:
        raise Malformed("playlist_mixed" if is_media else "playlist_kind_unknown")
    return is_multivariant


def _is_final(tags: Mapping[str, list[Line]]) -> bool:
    types = tags.get("EXT-X-PLAYLIST-TYPE", ())
    return "EXT-X-ENDLIST" in tags or any(line.value == b"VOD" for line in types)


def _version(tags: Mapping[str, list[Line]]) -> tuple[int, list[Cut]]:
    """The protocol version and the place of its digits."""
    found = tags.get("EXT-X-VERSION", [])
    if not found:
        return 1, []
    line = found[0]
    if len(found) > 1 or not re.fullmatch(rb"[0-9]{1,9}", line.value):
        raise Malformed("version_invalid")
    end = line.value_start + len(line.value)
    return int(line.value), [Cut(line.value_start, end, InsertionPoint("version", line.value))]


def _target_duration(tags: Mapping[str, list[Line]]) -> float | None:
    """Seconds. The standard has whole seconds; some packagers write a fraction."""
    found = tags.get("EXT-X-TARGETDURATION", [])
    if not found:
        return None
    value = found[0].value
    if len(found) > 1 or not re.fullmatch(rb"[0-9]{1,9}(\.[0-9]{1,9})?", value):
        raise Malformed("target_duration_invalid")
    return float(value)


def _slots(data: bytes, lines: list[Line], values: Mapping[str, str]) -> Iterator[Cut]:
    room = MAX_PLAYLIST_BYTES  # for expanded variables: a short line can name a long value
    for place in _uri_places(lines):
        slot = _slot(data[place.start : place.end], place, values)
        room -= len(slot.expanded or "")
        if room < 0:
            raise Malformed("too_large", "variables")
        yield Cut(place.start, place.end, slot)


def _slot(raw: bytes, place: _Place, values: Mapping[str, str]) -> Slot:
    uri = raw.decode()
    reference = uri
    if "{$" in uri:
        reference = expand(uri, values)
        if chooses_server(reference):
            raise Malformed("variable_unresolved", place.where)
    return Slot(
        uri,
        place.quoting,
        raw=raw,
        where=place.where,
        expanded=None if reference == uri else reference,
        is_opaque=is_opaque(reference),
    )


def _uri_places(lines: Iterable[Line]) -> Iterator[_Place]:
    for line in lines:
        if line.tag == "":
            yield _Place(line.start, line.start + len(line.text), Quoting.LINE, "URI")
        elif line.tag in _ATTRIBUTE_TAGS:
            for attribute in filter(_carries_uri, line.attributes().values()):
                where = f"{line.tag}:{attribute.name}"
                yield _Place(attribute.start, attribute.end, Quoting.QUOTED_STRING, where)
        else:
            yield from _unknown_uri_places(line)


def _unknown_uri_places(line: Line) -> Iterator[_Place]:
    """What looks like a URI attribute in a tag that need not be an attribute list."""
    for found in _ANY_URI_ATTRIBUTE.finditer(line.value):
        start, end = found.span(2)
        where = f"{line.tag}:{found.group(1).decode()}"
        yield _Place(line.value_start + start, line.value_start + end, Quoting.QUOTED_STRING, where)


def _carries_uri(attribute: Attribute) -> bool:
    is_uri = attribute.name in ("URI", "X-ASSET-LIST") or attribute.name.endswith("-URI")
    if is_uri and not attribute.is_quoted:
        raise Malformed("attribute_invalid", attribute.name)
    return is_uri
