"""Which BaseURLs apply where in an MPD (ISO/IEC 23009-1 §5.6): chains of bases, one per alternative."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from origin.manifests.markup import Element, content
from origin.manifests.references import Uri
from origin.manifests.template import Malformed

MAX_ALTERNATIVES = 64  # of one level: its own BaseURLs multiply with those of the levels above
MAX_SERVED_CHAINS = 1_024  # of all Representations that one reference serves
MAX_CHAINS = 100_000  # of the whole MPD

Chains = tuple[tuple[str, ...], ...]

_CHILD_LEVELS = {"MPD": "Period", "Period": "AdaptationSet", "AdaptationSet": "Representation"}
_URL_ATTRIBUTES = {
    "SegmentURL": "media",
    "Initialization": "sourceURL",
    "RepresentationIndex": "sourceURL",
    "BitstreamSwitching": "sourceURL",
}


@dataclass(frozen=True, slots=True)
class Level:
    """What an MPD, Period, AdaptationSet or Representation resolves references against."""

    outer: Chains  # its own BaseURLs
    inner: Chains  # other references that stand in it
    served: Chains  # segment references that stand in it: those of all Representations that inherit them


class _Addressing(NamedTuple):
    """What the segment information of one level says about addresses (§5.3.9)."""

    names_media: bool  # it has a URL or a template for media segments
    lacks_url: bool  # it leaves out a URL, so that the BaseURL stands in


class BaseUrls:
    """The levels of one MPD."""

    def __init__(self, mpd: Element, data: bytes) -> None:
        """Read the whole hierarchy; raises Malformed("base_urls_too_many")."""
        self._data = data
        self._namespace = mpd.namespace
        self._levels: dict[Element, Level] = {}
        self._leaves: set[Element] = set()
        self._addressing: dict[Element, _Addressing] = {}
        self._room = MAX_CHAINS
        self._survey((mpd,), ((),), ())
        self.root = self._levels[mpd]

    def level(self, element: Element) -> Level | None:
        """The level that `element` opens, if it opens one."""
        return self._levels.get(element)

    def is_leaf(self, element: Element) -> bool:
        """Whether a BaseURL of this level is itself the address of media, not only a base for others."""
        return element in self._leaves

    def _survey(self, path: tuple[Element, ...], outer: Chains, bearers: tuple[Element, ...]) -> Chains:
        """The chains of the Representations at and below the end of `path`.

        `bearers` are the levels whose BaseURL is the last one that is not empty.
        """
        element = path[-1]
        uris = [content(child, self._data).text for child in self._children(element, "BaseURL")]
        inner = self._multiplied(outer, uris) if uris else outer
        own = (element,) if any(uris) else ()
        bearers = own if uris and all(uris) else (*bearers, *own)  # an empty BaseURL hands on the outer one
        if element.name == "Representation":
            served = inner
            addressing = [self._addressing_at(level) for level in path]
            names_media = any(one.names_media for one in addressing)
            if not names_media or any(one.lacks_url for one in addressing):
                self._leaves.update(bearers)
        else:
            below = self._children(element, _CHILD_LEVELS[element.name])
            served = _joined(self._survey((*path, child), inner, bearers) for child in below)
        self._levels[element] = Level(outer, inner, served or inner)
        return served

    def _multiplied(self, outer: Chains, uris: list[str]) -> Chains:
        """Every chain continued by every URI."""
        alternatives = dict.fromkeys(uris)
        if len(alternatives) > MAX_ALTERNATIVES:
            raise Malformed("base_urls_too_many")
        chains = dict.fromkeys(_continued(chain, uri) for chain in outer for uri in alternatives)
        self._room -= len(chains)
        if len(chains) > MAX_ALTERNATIVES or self._room < 0:
            raise Malformed("base_urls_too_many")
        return tuple(chains)

    def _children(self, element: Element, name: str) -> list[Element]:
        return [child for child in element.children if self._is_dash(child) and child.name == name]

    def _is_dash(self, element: Element) -> bool:
        return element.namespace == self._namespace

    def _addressing_at(self, level: Element) -> _Addressing:
        if level not in self._addressing:
            self._addressing[level] = self._addressing_of(level)
        return self._addressing[level]

    def _addressing_of(self, level: Element) -> _Addressing:
        templates = self._children(level, "SegmentTemplate")
        bases = self._children(level, "SegmentBase")
        information = (*templates, *bases, *self._children(level, "SegmentList"))
        parts = [part for parent in information for part in parent.children if part.name in _URL_ATTRIBUTES]
        segments = [part for part in parts if part.name == "SegmentURL"]
        return _Addressing(
            names_media=any(part.value("media") for part in (*templates, *segments)),
            lacks_url=bool(bases) or any(part.value(_URL_ATTRIBUTES[part.name]) is None for part in parts),
        )


def _continued(chain: tuple[str, ...], uri: str) -> tuple[str, ...]:
    """An empty URI adds nothing, and an absolute one makes what stands before it irrelevant."""
    if not uri:
        return chain
    return (uri,) if Uri.parse(uri).scheme is not None else (*chain, uri)


def _joined(groups: Iterable[Chains]) -> Chains:
    chains: dict[tuple[str, ...], None] = {}
    for group in groups:
        chains |= dict.fromkeys(group)
        if len(chains) > MAX_SERVED_CHAINS:
            raise Malformed("base_urls_too_many")
    return tuple(chains)
