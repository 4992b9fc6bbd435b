"""How a viewer's token reaches every URI that a manifest names, and no URI of anybody else.

A slot's reference is resolved as a player would resolve it. What can only be fetched from below the mount receives the
token; what lies elsewhere never does; and what could be either is refused, because nothing true could be written there.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import reduce
from typing import assert_never
from urllib.parse import unquote

from auth import Transport
from origin.edge.mount import Propagation
from origin.manifests.dash import MpdTemplate
from origin.manifests.hls import PlaylistTemplate
from origin.manifests.references import OwnPath, Uri, parse_reference, place_of, resolve, with_query
from origin.manifests.template import TOKEN, Malformed, Slot, Spliced
from origin.media.target import MountName, find_mount

Compiled = PlaylistTemplate | MpdTemplate


class Carry(Enum):
    """What a rendering does to the URIs of a manifest."""

    NOTHING = auto()  # as it is: an open mount, a cookie, or players that send the token by themselves
    QUERY = auto()  # the token as a query parameter on every URI
    VARIABLE = auto()  # a declaration by which players carry the parameter on; the same bytes for all
    PATH_INHERITED = auto()  # the manifest's own URL has the token's segment; only rooted URIs lack it
    PATH_ROOTED = auto()  # it has not: every URI becomes an absolute path with the segment


@dataclass(frozen=True, slots=True)
class Place:
    """Where a manifest is served: what its references are resolved against."""

    mount: MountName
    mounts: tuple[MountName, ...]  # all there are: what lies in another one, even a nested one, is not this mount's
    path: str  # of the manifest, percent-encoded, without a token: "/vod/clock/index.m3u8"
    own_origins: frozenset[str]  # "https://cdn.example"
    token_name: str

    def below(self, path: str) -> str | None:
        """What follows the mount in a resolved path, or None when it is not this mount that answers there."""
        # No object has an empty segment in its path, and clients that drop it would come out at another mount.
        if "//" in path or find_mount(path, self.mounts) != self.mount:
            return None
        _, *segments = path.split("/", len(self.mount.segments) + 1)
        return segments[-1] if len(segments) > len(self.mount.segments) else None


def carry_for(mode: Propagation, transport: Transport | None) -> Carry:
    """What to do for a request whose token came by `transport` (None: a proven edge's pull without one)."""
    match mode:
        case Propagation.COOKIE | Propagation.NONE:
            return Carry.NOTHING
        case Propagation.QUERY | Propagation.DEFINE | Propagation.PATH if transport is Transport.PATH:
            return Carry.PATH_INHERITED
        case Propagation.DEFINE:
            return Carry.VARIABLE if transport in {Transport.QUERY, None} else Carry.QUERY
        case Propagation.PATH:
            return Carry.PATH_INHERITED if transport is None else Carry.PATH_ROOTED
        case Propagation.QUERY:
            return Carry.QUERY
        case _:
            assert_never(mode)


def splice(compiled: Compiled, carry: Carry, place: Place, *, annex_i: bool) -> Spliced:
    """The manifest with the token left out where it belongs; one part when no viewer's token is in it.

    Raises `Malformed` when a reference cannot be judged, or cannot be protected the way that `carry` asks.
    """
    match carry:
        case Carry.NOTHING:
            return compiled.template.splice(lambda _slot: None)
        case Carry.VARIABLE:
            return _with_variable(compiled, place, annex_i=annex_i)
        case Carry.QUERY:
            return _with_query(compiled, place)
        case Carry.PATH_INHERITED | Carry.PATH_ROOTED:
            return compiled.template.splice(_path_rule(carry, place))
        case _:
            assert_never(carry)


def _with_variable(compiled: Compiled, place: Place, *, annex_i: bool) -> Spliced:
    judge = _judge(place)
    if isinstance(compiled, PlaylistTemplate):
        return Spliced((compiled.with_query_variable(place.token_name, lambda slot: judge(slot) is True),))
    if annex_i and all(judge(slot) is not None for slot in compiled.template.slots):
        # Annex I reaches segment requests only, and all of them: an MPD with URIs of other kinds, or to other hosts,
        # is rewritten instead.
        with contextlib.suppress(Malformed):
            return Spliced((compiled.annex_i(lambda slot: judge(slot) is True),))
    return _with_query(compiled, place)


def _with_query(compiled: Compiled, place: Place) -> Spliced:
    judge = _judge(place)
    verdicts = {slot: judge(slot) for slot in compiled.template.slots}
    if None in verdicts.values():
        # One relative reference serves our host and a foreign one (a DASH multi-CDN MPD): the token goes into the
        # BaseURLs that are ours, as a path segment, and the reference stays as it is.
        return compiled.template.splice(_path_rule(Carry.PATH_ROOTED, place))
    parameter = f"{place.token_name}={TOKEN}"

    def uri_of(slot: Slot) -> str | None:
        if not slot.is_leaf or not verdicts[slot]:
            return None
        query = parse_reference(slot.reference).query or ""
        if any(unquote(pair.partition("=")[0]) == place.token_name for pair in query.split("&")):
            raise Malformed("parameter_conflict", slot.where)
        return with_query(slot.reference, parameter)

    return compiled.template.splice(uri_of)


def _path_rule(carry: Carry, place: Place) -> Callable[[Slot], str | None]:
    """What each slot becomes so that a player arrives where it would have arrived, with the token's segment on the way.

    Relative references behind a base that has the segment inherit it. Everything that resolves directly against the
    manifest's URL, or starts anew at a root, is written so that it has it. Then every slot is resolved as players
    will, and must end at the expected place.
    """
    segment = f"{place.mount.prefix.rstrip('/')}/{place.token_name}={TOKEN}/"
    meant_from = Uri(place.path)
    served_from = Uri(segment + (place.below(place.path) or ""))
    if carry is Carry.PATH_ROOTED:
        served_from = meant_from

    def expected(meant: Uri) -> Uri:
        found = place_of(meant, place.own_origins)
        below = place.below(found.path) if isinstance(found, OwnPath) else None
        if below is None:
            return meant
        return Uri(segment + below, meant.scheme, meant.authority, meant.query, meant.fragment)

    def written(reference: str, *, is_direct: bool) -> str:
        uri = parse_reference(reference)
        if not is_direct and uri.scheme is None and uri.authority is None and not uri.path.startswith("/"):
            return reference
        wanted = expected(meant_from.join(uri))
        return reference if served_from.join(uri) == wanted else str(wanted)

    def uri_of(slot: Slot) -> str | None:
        _refuse_encoded_dots(slot)
        chains = slot.bases or ((),)
        uri = written(slot.reference, is_direct=() in chains)
        for chain in chains:
            meant = reduce(Uri.join, map(parse_reference, (*chain, slot.reference)), meant_from)
            bases = (written(base, is_direct=depth == 0) for depth, base in enumerate(chain))
            if reduce(Uri.join, map(Uri.parse, (*bases, uri)), served_from) != expected(meant):
                raise Malformed("reference_unprotectable", slot.where)
        return None if uri == slot.reference else uri

    return uri_of


# A path without dot segments, escapes and colons, and perhaps a query: what most references in long playlists are.
_PLAIN = re.compile(r"(?:[A-Za-z0-9_~-][A-Za-z0-9._~-]*+/)*+[A-Za-z0-9_~-][A-Za-z0-9._~-]*+(?:\?[A-Za-z0-9._~=&-]*+)?")


def _judge(place: Place) -> Callable[[Slot], bool | None]:
    """Whether all (True) or none (False) of the places that a slot may point to lie below the mount; else None."""
    directory = place.path[: place.path.rfind("/") + 1]

    def verdict(slot: Slot) -> bool | None:
        if not slot.bases and _PLAIN.fullmatch(slot.reference):
            return place.below(directory + slot.reference.partition("?")[0]) is not None
        _refuse_encoded_dots(slot)
        places = resolve(place.path, slot.bases, slot.reference, place.own_origins).places
        found = {isinstance(one, OwnPath) and place.below(one.path) is not None for one in places}
        return found.pop() if len(found) == 1 else None

    return verdict


_ENCODED_DOTS = re.compile(r"(?:^|/)(?:\.|%2e)?%2e(?:[/?#]|$)|(?:^|/)%2e\.(?:[/?#]|$)", re.IGNORECASE)


def _refuse_encoded_dots(slot: Slot) -> None:
    """Browsers take "%2e%2e" for "..", other clients for a name: nobody could say where such a reference points."""
    texts = (slot.reference, *(base for chain in slot.bases for base in chain))
    if any(map(_ENCODED_DOTS.search, texts)):
        raise Malformed("reference_invalid", slot.where)
