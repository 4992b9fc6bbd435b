"""DASH MPD → template: every URI that a client fetches becomes a slot, every other byte stays.

Elements are told by namespace, never by prefix. An MPD without any namespace is read as DASH too: the schema
forbids it, but the players, which look at local names only, play it, so its URIs need protection all the
same. Elements below `Event` and foreign elements (but for licence URLs and xlink) are opaque. Sections are
those of ISO/IEC 23009-1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from origin.manifests.base_urls import BaseUrls, Chains, Level
from origin.manifests.markup import MAX_VALUE_CHARACTERS, Element, Value, content, read, walk
from origin.manifests.references import is_opaque, leaves_server_open
from origin.manifests.template import Cut, InsertionPoint, Malformed, Quoting, Slot, Template

_NAMESPACE = re.compile(r"(?:urn:mpeg:dash:schema:mpd:[0-9]{4})?", re.IGNORECASE)
_IGNORED = frozenset({"SegmentTimeline", "Event"})  # many and large, and no URI in them is the MPD's
_XLINK_HREF = "{http://www.w3.org/1999/xlink}href"

_SEGMENT_ATTRIBUTES = {
    "SegmentTemplate": ("media", "initialization", "index", "bitstreamSwitching"),
    "SegmentURL": ("media", "index"),
    "Initialization": ("sourceURL",),
    "RepresentationIndex": ("sourceURL",),
    "BitstreamSwitching": ("sourceURL",),
    "InitializationSet": ("initialization",),
}
_MPD_TEXTS = {"Location", "PatchLocation"}  # these replace the MPD's own URL, so no BaseURL applies
_TEXTS = {"ContentSteering", "ImportedMPD"}
_LICENCE_TEXTS = {"laurl", "authzurl", "certurl"}  # below ContentProtection, in several namespaces
_URL_LIST_SCHEMES = re.compile(r"urn:mpeg:dash:(?:utc:http-.*|chaining:2016|fallback:2016)")
_URL_LIKE_ID = re.compile(r"^/|//|[:\\]")
_QUERY_ELEMENTS = {"UrlQueryInfo", "ExtUrlQueryInfo"}

# Annex I of ISO/IEC 23009-1: clients add the query of the MPD's URL to their segment requests.
_URL_QUERY_SCHEME = "urn:mpeg:dash:urlparam:2014"
_URL_QUERY_REACHES = {
    f"{element}@{name}"
    for element, names in _SEGMENT_ATTRIBUTES.items()
    for name in names
    if element != "InitializationSet"
} | {"BaseURL"}
# The descriptors that the schema puts before or at EssentialProperty in an AdaptationSet.
_BEFORE_URL_QUERY = {
    "FramePacking",
    "AudioChannelConfiguration",
    "ContentProtection",
    "OutputProtection",
    "EssentialProperty",
}


@dataclass(frozen=True, slots=True)
class MpdTemplate:
    """A compiled MPD and the facts that decide how it is cached and rendered. Durations are seconds."""

    template: Template
    is_live: bool  # MPD@type="dynamic"
    minimum_update_period: float | None  # None: a dynamic MPD without it does not change
    time_shift_buffer_depth: float | None
    max_segment_duration: float | None
    duration: float | None  # MPD@mediaPresentationDuration
    id: str | None
    publish_time: str | None
    namespace: str
    has_other_url_query: bool  # an Annex I declaration that is not the one of `annex_i`

    def annex_i(self, covers: Callable[[Slot], bool]) -> bytes:
        """The MPD in which clients themselves carry its URL's query on to segments (Annex I).

        It is the same for all viewers. The declaration goes to every AdaptationSet, so `covers` must hold for
        all segment references or for none. Raises Malformed("annex_i_mixed") when it does not,
        "annex_i_unreached" when it holds for a reference that Annex I says nothing about (Location, xlink …),
        and "annex_i_conflict" when the MPD already declares another query.
        """
        slots = [slot for slot in self.template.slots if slot.is_leaf and not slot.is_opaque]
        covered = [slot for slot in slots if covers(slot)]
        if not covered:
            return self.template.render(lambda _: None)
        for slot in covered:
            if slot.where not in _URL_QUERY_REACHES:
                raise Malformed("annex_i_unreached", slot.where)
        if len(covered) != sum(slot.where in _URL_QUERY_REACHES for slot in slots):
            raise Malformed("annex_i_mixed")
        if self.has_other_url_query:
            raise Malformed("annex_i_conflict")
        declaration = (
            f'<EssentialProperty xmlns="{self.namespace}" schemeIdUri="{_URL_QUERY_SCHEME}">'
            '<up:UrlQueryInfo xmlns:up="urn:mpeg:dash:schema:urlparam:2014"'
            ' queryTemplate="$querypart$" useMPDUrlQuery="true"/></EssentialProperty>'
        ).encode()
        return self.template.render(lambda _: None, lambda _: declaration)


def is_dash_namespace(namespace: str) -> bool:
    """Whether an MPD in this namespace is read."""
    return _NAMESPACE.fullmatch(namespace) is not None


def compile_mpd(data: bytes) -> MpdTemplate:
    """Read an MPD strictly; raises Malformed. The MAX_ constants of `markup` and `base_urls` bound sizes."""
    mpd = read(data, _IGNORED)
    if mpd.name != "MPD" or not is_dash_namespace(mpd.namespace):
        raise Malformed("not_an_mpd")
    kind = mpd.value("type") or "static"
    if kind not in ("static", "dynamic"):
        raise Malformed("mpd_type_invalid")
    points = _declaration_points(mpd)
    return MpdTemplate(
        template=Template.of(data, [*_Slots(mpd, data).cuts(), *points.cuts]),
        is_live=kind == "dynamic",
        minimum_update_period=seconds_of(mpd, "minimumUpdatePeriod"),
        time_shift_buffer_depth=seconds_of(mpd, "timeShiftBufferDepth"),
        max_segment_duration=seconds_of(mpd, "maxSegmentDuration"),
        duration=seconds_of(mpd, "mediaPresentationDuration"),
        id=mpd.value("id"),
        publish_time=mpd.value("publishTime"),
        namespace=mpd.namespace,
        has_other_url_query=points.has_others,
    )


class _Slots:
    """Finds the slots of one MPD."""

    def __init__(self, mpd: Element, data: bytes) -> None:
        self._mpd = mpd
        self._data = data
        self._base_urls = BaseUrls(mpd, data)
        ids = (element.value("id") or "" for element in walk(mpd) if element.name == "Representation")
        self._has_url_like_ids = any(map(_URL_LIKE_ID.search, ids))

    def cuts(self) -> Iterator[Cut]:
        return self._below(self._mpd, self._base_urls.root)

    def _below(self, parent: Element, level: Level) -> Iterator[Cut]:
        """The slots of everything in `parent`, which stands in (or opens) `level`."""
        for element in parent.children:
            own_level = self._base_urls.level(element)
            bases = level.inner
            if _XLINK_HREF in element.attributes:
                yield self._attribute(element, _XLINK_HREF, "xlink:href", bases)
            if element.namespace == self._mpd.namespace:
                yield from self._of_dash_element(element, parent, level)
            yield from self._of_licence(element, bases)
            yield from self._below(element, own_level or level)

    def _of_dash_element(self, element: Element, parent: Element, level: Level) -> Iterator[Cut]:
        name = element.name
        own = self._base_urls.level(parent)
        if name == "BaseURL" and own is not None:
            yield from self._text(element, own.outer, self._base_urls.is_leaf(parent))
        elif name in _MPD_TEXTS and parent is self._mpd:
            yield from self._text(element, ())
        elif name in _TEXTS:
            yield from self._text(element, level.inner)
        for attribute in _SEGMENT_ATTRIBUTES.get(name, ()):
            if attribute in element.attributes:
                bases = level.inner if name == "InitializationSet" else level.served
                self._check_identifiers(element.attributes[attribute].text)
                yield self._attribute(element, attribute, attribute, bases)
        if _URL_LIST_SCHEMES.fullmatch(element.value("schemeIdUri") or ""):
            yield from self._url_list(element)

    def _check_identifiers(self, template: str) -> None:
        """Refuse a template (§5.3.9.4.4) in which a Representation's id could choose the server."""
        beginning, identifier, _ = template.partition("$RepresentationID$")
        if identifier and self._has_url_like_ids and leaves_server_open(beginning):
            raise Malformed("template_unresolved", "RepresentationID")

    def _of_licence(self, element: Element, bases: Chains) -> Iterator[Cut]:
        if element.name.lower() in _LICENCE_TEXTS:
            if "licenseUrl" in element.attributes:
                yield self._attribute(element, "licenseUrl", "licenseUrl", bases)
            if content(element, self._data).text:
                yield from self._text(element, bases)

    def _attribute(self, element: Element, key: str, name: str, bases: Chains) -> Cut:
        where = f"{element.name}@{name}"
        return self._cut(element.attributes[key], Quoting.XML_ATTRIBUTE, where, bases)

    def _text(self, element: Element, bases: Chains, is_leaf: bool = True) -> Iterator[Cut]:
        if element.children:
            raise Malformed("element_unexpected", element.name)
        if not element.is_empty_tag:
            value = content(element, self._data)
            yield self._cut(value, Quoting.XML_TEXT, element.name, bases, is_leaf)

    def _url_list(self, element: Element) -> Iterator[Cut]:
        """`@value` of a descriptor whose scheme makes it a list of URLs."""
        value = element.attributes.get("value")
        if value is None:
            return
        sources = list(re.finditer(rb"[^ \t\r\n]+", self._data[value.start : value.end]))
        texts = value.text.split(" ") if value.text else []
        if len(sources) != len(texts):
            raise Malformed("url_list_invalid", element.name)
        for text, source in zip(texts, sources, strict=True):
            place = Value(text, value.start + source.start(), value.start + source.end())
            yield self._cut(place, Quoting.XML_ATTRIBUTE, f"{element.name}@value", ())

    def _cut(self, value: Value, quoting: Quoting, where: str, bases: Chains, is_leaf: bool = True) -> Cut:
        if len(value.text) > MAX_VALUE_CHARACTERS:
            raise Malformed("too_large", where)
        slot = Slot(
            value.text,
            quoting,
            bases=() if bases == ((),) else bases,
            is_leaf=is_leaf,
            raw=self._data[value.start : value.end],
            where=where,
            is_opaque=is_opaque(value.text),
        )
        return Cut(value.start, value.end, slot)


@dataclass(frozen=True, slots=True)
class _DeclarationPoints:
    """Where Annex I declarations may go, and whether other ones stand in the MPD already."""

    cuts: tuple[Cut, ...]
    has_others: bool


def _declaration_points(mpd: Element) -> _DeclarationPoints:
    """A point in every AdaptationSet that has content and does not yet declare what `annex_i` would.

    One without content has nothing that could be fetched.
    """
    adaptation_sets = [
        element
        for period in mpd.children
        if period.name == "Period"
        for element in period.children
        if element.name == "AdaptationSet" and element.namespace == mpd.namespace
    ]
    declared = {element for element in adaptation_sets if _declares_url_query(element)}
    cuts = [
        _declaration_point(element)
        for element in adaptation_sets
        if not element.is_empty_tag and element not in declared
    ]
    declarations = sum(element.name in _QUERY_ELEMENTS for element in walk(mpd))
    return _DeclarationPoints(tuple(cuts), has_others=declarations != len(declared))


def _declares_url_query(adaptation_set: Element) -> bool:
    return any(
        information.name == "UrlQueryInfo"
        and information.value("queryTemplate") == "$querypart$"
        and information.value("useMPDUrlQuery") in ("true", "1")
        for descriptor in adaptation_set.children
        if descriptor.name == "EssentialProperty" and descriptor.value("schemeIdUri") == _URL_QUERY_SCHEME
        for information in descriptor.children
    )


def _declaration_point(adaptation_set: Element) -> Cut:
    """Behind the descriptors that the schema wants first."""
    position = adaptation_set.body
    for child in adaptation_set.children:
        if child.name not in _BEFORE_URL_QUERY or child.namespace != adaptation_set.namespace:
            break
        position = child.end
    return Cut(position, position, InsertionPoint("url_query"))


_DURATION = re.compile(
    r"P(?:([0-9]{1,9})Y)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9}(?:\.[0-9]{0,18})?)S)?)?(?<!P)"
)
# xs:duration fixes no length for years and months; those of a media presentation are the usual ones.
_UNIT_SECONDS = (365 * 86_400, 30 * 86_400, 86_400, 3_600, 60, 1)


def seconds_of(element: Element, name: str) -> float | None:
    """An xs:duration attribute in seconds; raises Malformed("duration_invalid")."""
    text = element.value(name)
    if text is None:
        return None
    found = _DURATION.fullmatch(text)
    if found is None:
        raise Malformed("duration_invalid", name)
    return float(sum(float(count or 0) * unit for count, unit in zip(found.groups(), _UNIT_SECONDS, strict=True)))
