"""HLS attribute lists (draft-pantos-hls-rfc8216bis §4.2), strictly, with the place of every value."""

from __future__ import annotations

import re
from dataclasses import dataclass

from origin.manifests.template import Malformed

# Blanks around a comma are not in the grammar, but common, and every player skips them.
_ATTRIBUTE = re.compile(rb'[ \t]*+([A-Za-z0-9_-]++)=(?:"([^"\r\n]*+)"[ \t]*+|([^",\r\n]++))(?:(,)|$)')


@dataclass(frozen=True, slots=True)
class Attribute:
    """One `NAME=value`. `start` and `end` are byte offsets of the value, quotes not included."""

    name: str
    value: str
    is_quoted: bool
    start: int
    end: int


Attributes = dict[str, Attribute]


def parse_attributes(text: bytes, start: int) -> Attributes:
    """The attributes of `text`, whose first byte lies at offset `start` of the playlist.

    Raises Malformed("attribute_invalid") for anything outside the grammar and
    Malformed("attribute_duplicate").
    """
    attributes: Attributes = {}
    position = 0
    more = True
    while more:
        found = _ATTRIBUTE.match(text, position)
        if found is None:
            raise Malformed("attribute_invalid", f"byte {start + position}")
        attribute = _attribute(found, start)
        if attribute.name in attributes:
            raise Malformed("attribute_duplicate", attribute.name)
        attributes[attribute.name] = attribute
        position = found.end()
        more = found.group(4) is not None
    return attributes


def _attribute(found: re.Match[bytes], start: int) -> Attribute:
    name, quoted, plain = found.group(1), found.group(2), found.group(3)
    group = 2 if plain is None else 3
    value = quoted if plain is None else plain.rstrip(b" \t")
    first = start + found.start(group)
    return Attribute(name.decode(), value.decode(), plain is None, first, first + len(value))
