"""A manifest as literal bytes and URI slots."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto


class Malformed(Exception):  # noqa: N818  # "Malformed(reason)" reads as the verdict it is
    """A manifest that cannot be understood well enough to protect every URI in it."""

    def __init__(self, reason: str, detail: str = "") -> None:
        """`reason` is a stable word; `detail` says where, and never quotes more than a name or a line number."""
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class Quoting(Enum):
    """How a URI is written where the slot stands."""

    LINE = auto()  # an HLS URI line
    QUOTED_STRING = auto()  # an HLS quoted-string attribute value
    XML_ATTRIBUTE = auto()
    XML_TEXT = auto()


@dataclass(frozen=True, slots=True)
class Slot:
    """One URI reference in a manifest."""

    uri: str  # as a URI reference: unquoted, XML entities resolved
    quoting: Quoting
    # What the reference is resolved against before the manifest's own URL: DASH BaseURL chains, outermost first,
    # one chain per alternative. Empty in HLS and wherever the manifest's URL is the only base.
    bases: tuple[tuple[str, ...], ...] = ()
    # False for a DASH BaseURL that only serves as a base for others: a query on it would be lost.
    is_leaf: bool = True
    raw: bytes = b""  # the exact source bytes, for an identity rendering


@dataclass(frozen=True, slots=True)
class InsertionPoint:
    """A place where declarations may be added; renders to nothing by default. `name` says which place."""

    name: str


Piece = bytes | Slot | InsertionPoint


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled manifest. Rendering with the identity gives back the original bytes."""

    pieces: tuple[Piece, ...]

    def render(
        self, uri_of: Callable[[Slot], str | None], insert: Callable[[InsertionPoint], bytes] | None = None
    ) -> bytes:
        """The manifest with every slot's URI replaced by `uri_of(slot)`; None keeps the source bytes."""
        raise NotImplementedError
