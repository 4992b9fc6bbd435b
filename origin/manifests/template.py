"""A manifest as literal bytes and URI slots."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import assert_never

# Every reason there is, so that it can be a metric label.
REASONS = frozenset(
    {
        "annex_i_conflict",
        "annex_i_mixed",
        "annex_i_unreached",
        "attribute_duplicate",
        "attribute_invalid",
        "base_urls_too_many",
        "control_character",
        "doctype",
        "duration_invalid",
        "element_unexpected",
        "line_ambiguous",
        "manifest_too_large",
        "mpd_type_invalid",
        "not_a_playlist",
        "not_an_mpd",
        "not_utf8",
        "parameter_conflict",
        "playlist_kind_unknown",
        "playlist_mixed",
        "processing_instruction",
        "reference_invalid",
        "reference_unprotectable",
        "target_duration_invalid",
        "template_unresolved",
        "too_large",
        "uri_unwritable",
        "url_list_invalid",
        "variable_conflict",
        "variable_duplicate",
        "variable_invalid",
        "variable_too_long",
        "variable_unresolved",
        "version_invalid",
        "xml_invalid",
    }
)


class Malformed(Exception):  # noqa: N818  # "Malformed(reason)" reads as the verdict it is
    """A manifest that cannot be understood well enough to protect every URI in it."""

    def __init__(self, reason: str, detail: str = "") -> None:
        """`reason` is a stable word; `detail` says where: a line number or a name, perhaps cut short."""
        detail = "".join(character if character.isprintable() else "?" for character in detail[:100])
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class Quoting(Enum):
    """How a URI is written where the slot stands."""

    LINE = auto()  # an HLS URI line
    QUOTED_STRING = auto()  # an HLS quoted-string attribute value
    XML_ATTRIBUTE = auto()
    XML_TEXT = auto()

    @property
    def is_xml(self) -> bool:
        """Whether characters can be escaped here; HLS has no escapes."""
        return self in (Quoting.XML_ATTRIBUTE, Quoting.XML_TEXT)


@dataclass(frozen=True, slots=True)
class Slot:
    """One URI reference in a manifest."""

    uri: str  # as a URI reference: unquoted, XML entities resolved
    quoting: Quoting
    # What the reference is resolved against before the manifest's own URL: DASH BaseURL chains, outermost
    # first, one chain per alternative. Empty in HLS and wherever the manifest's URL is the only base.
    bases: tuple[tuple[str, ...], ...] = ()
    # False for a DASH BaseURL that only serves as a base for others: a query on it would be lost.
    is_leaf: bool = True
    raw: bytes = b""  # the exact source bytes, for an identity rendering
    where: str = ""  # the tag or element that carries it: "EXT-X-MAP:URI", "SegmentTemplate@media", "BaseURL"
    # `uri` with the HLS variables put in whose values the playlist gives; None where there are none.
    expanded: str | None = None
    # Not fetched over HTTP (data:, skd:, urn:): every rendering keeps the source bytes.
    is_opaque: bool = False

    @property
    def reference(self) -> str:
        """What to judge and to rewrite: the URI as a player sees it, unknown variables still in place."""
        return self.uri if self.expanded is None else self.expanded


@dataclass(frozen=True, slots=True)
class InsertionPoint:
    """A place where declarations may be added. `name` says which place; `raw` stands there by default."""

    name: str
    raw: bytes = b""


Piece = bytes | Slot | InsertionPoint
UriOf = Callable[[Slot], str | None]
Insert = Callable[[InsertionPoint], bytes]

TOKEN = "\x00"  # noqa: S105  # stands in a URI where a viewer's token goes; no manifest can contain it


@dataclass(frozen=True, slots=True)
class Cut:
    """Bytes `start` to `end` (exclusive) of a manifest, and what takes their place."""

    start: int
    end: int
    piece: Slot | InsertionPoint


@dataclass(frozen=True, slots=True)
class Spliced:
    """A manifest that lacks only the viewer's token: one join per viewer."""

    parts: tuple[bytes, ...]
    is_xml: bool = False

    def render(self, token: bytes) -> bytes:
        """The manifest for one viewer.

        `token` is a run of RFC 3986 query characters without quotes and `$`, "&" allowed and escaped in XML;
        anything else raises ValueError.
        """
        if token.translate(None, _TOKEN_BYTES):
            raise ValueError("a token must be made of URI characters")
        return (token.replace(b"&", b"&amp;") if self.is_xml else token).join(self.parts)


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled manifest. Rendering with the identity gives back the original bytes."""

    pieces: tuple[Piece, ...]

    @classmethod
    def of(cls, data: bytes, cuts: Iterable[Cut]) -> Template:
        """`data` with every cut's bytes replaced by its piece. Cuts come in any order and never overlap."""
        pieces: list[Piece] = []
        position = 0
        for cut in sorted(cuts, key=lambda cut: (cut.start, cut.end)):
            if cut.start < position:
                raise ValueError("cuts overlap")
            pieces += (data[position : cut.start], cut.piece)
            position = cut.end
        pieces.append(data[position:])
        return cls(tuple(piece for piece in pieces if piece != b""))

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Every URI reference, in document order."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Slot))

    def render(self, uri_of: UriOf, insert: Insert | None = None) -> bytes:
        """The manifest with every slot's URI replaced by `uri_of(slot)`; None keeps the source bytes.

        Opaque slots are not asked for. A URI that cannot be written in its place raises
        Malformed("uri_unwritable").
        """
        first, *rest = self.splice(uri_of, insert).parts
        if rest:
            raise Malformed("uri_unwritable")
        return first

    def splice(self, uri_of: UriOf, insert: Insert | None = None) -> Spliced:
        """The manifest rendered up to the token, which `uri_of` marks in its URIs as `TOKEN`."""
        closed: list[bytes] = []
        current: list[bytes] = []
        for piece in self.pieces:
            head, *rest = _written(piece, uri_of, insert)
            current.append(head)
            for part in rest:
                closed.append(b"".join(current))
                current = [part]
        return Spliced((*closed, b"".join(current)), any(slot.quoting.is_xml for slot in self.slots))


# Query characters (RFC 3986 §3.4) without "'" and "$": the first could end an XML attribute, the second
# starts a DASH identifier.
_TOKEN_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%!&()*+,;=:@/?"

_UNWRITABLE = {
    Quoting.LINE: re.compile("[\\x00-\\x1f\\x7f]|^[#\\s]|\\s$|^$"),
    Quoting.QUOTED_STRING: re.compile('[\\x00-\\x1f\\x7f"]'),
    Quoting.XML_ATTRIBUTE: re.compile("[\\x00-\\x1f\\x7f\\ufffe\\uffff]"),
    Quoting.XML_TEXT: re.compile("[\\x00-\\x1f\\x7f\\ufffe\\uffff]"),
}
_XML_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"})


def _written(piece: Piece, uri_of: UriOf, insert: Insert | None) -> list[bytes]:
    """A piece as bytes, split where the token goes."""
    match piece:
        case bytes():
            return [piece]
        case InsertionPoint():
            return [insert(piece) if insert else piece.raw]
        case Slot():
            uri = None if piece.is_opaque else uri_of(piece)
            return [piece.raw] if uri is None else quote(uri, piece.quoting)
        case _:
            assert_never(piece)


def quote(uri: str, quoting: Quoting) -> list[bytes]:
    """`uri` as it is written in a manifest, split at `TOKEN`; raises Malformed("uri_unwritable")."""
    if _UNWRITABLE[quoting].search(uri.replace(TOKEN, "-")):
        raise Malformed("uri_unwritable", quoting.name.lower())
    try:
        return [(part.translate(_XML_ESCAPES) if quoting.is_xml else part).encode() for part in uri.split(TOKEN)]
    except UnicodeEncodeError:
        raise Malformed("uri_unwritable", quoting.name.lower()) from None
