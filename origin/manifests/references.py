"""Where a URI reference in a manifest points: RFC 3986 §5 over bases that may be DASH BaseURL chains."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import reduce

from origin.manifests.template import Malformed


@dataclass(frozen=True, slots=True)
class OwnPath:
    """A path on the origin that serves the manifest, dot segments removed, otherwise as written."""

    path: str


@dataclass(frozen=True, slots=True)
class Foreign:
    """Another authority. `scheme` is empty when the manifest's own scheme applies."""

    scheme: str
    authority: str
    path: str


@dataclass(frozen=True, slots=True)
class NotHttp:
    """Something that no HTTP request is made for."""

    scheme: str


Place = OwnPath | Foreign | NotHttp


@dataclass(frozen=True, slots=True)
class Reference:
    """All places that one reference may point to: one per alternative base, each named once."""

    places: tuple[Place, ...]

    @property
    def is_own(self) -> bool:
        """Whether it can only be fetched from the origin that serves the manifest."""
        return all(isinstance(place, OwnPath) for place in self.places)

    @property
    def own_paths(self) -> tuple[str, ...]:
        """The paths on the own origin, if any."""
        return tuple(place.path for place in self.places if isinstance(place, OwnPath))

    @property
    def authorities(self) -> tuple[str, ...]:
        """The foreign authorities, if any."""
        return tuple(place.authority for place in self.places if isinstance(place, Foreign))


# RFC 3986 appendix B, with a scheme held to §3.1.
_COMPONENTS = re.compile(
    r"(?:([A-Za-z][A-Za-z0-9+.-]*+):)?(?://([^/?#]*+))?([^?#]*+)(?:\?([^#]*+))?(?:#(.*+))?", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Uri:
    """The five components of a URI reference (RFC 3986 §3); None is absent, "" is present and empty."""

    path: str
    scheme: str | None = None
    authority: str | None = None
    query: str | None = None
    fragment: str | None = None

    @classmethod
    def parse(cls, text: str) -> Uri:
        """Split `text`; every string is a reference of some kind, so this never fails."""
        found = _COMPONENTS.fullmatch(text)
        assert found is not None  # noqa: S101  # the expression matches any string
        scheme, authority, path, query, fragment = found.groups()
        return cls(path, scheme and scheme.lower(), authority, query, fragment)

    @property
    def is_opaque(self) -> bool:
        """Whether it names something outside HTTP: data:, skd:, urn: …"""
        return self.scheme not in (None, "http", "https")

    def join(self, reference: Uri) -> Uri:
        """`reference` resolved against this base (RFC 3986 §5.2.2, strict)."""
        if reference.scheme is not None:
            return reference.without_dots()
        if reference.authority is not None:
            return Uri(
                reference.path, self.scheme, reference.authority, reference.query, reference.fragment
            ).without_dots()
        if reference.path == "":
            query = self.query if reference.query is None else reference.query
            return Uri(self.path, self.scheme, self.authority, query, reference.fragment)
        path = reference.path if reference.path.startswith("/") else self._merged(reference.path)
        return Uri(path, self.scheme, self.authority, reference.query, reference.fragment).without_dots()

    def _merged(self, path: str) -> str:
        """§5.2.3."""
        if self.authority is not None and not self.path:
            return f"/{path}"
        return self.path[: self.path.rfind("/") + 1] + path

    def without_dots(self) -> Uri:
        """§5.2.4, where a dot may also be written as %2E: user agents read it so (§6.2.2.2)."""
        if not self.path.startswith("/"):
            return self
        kept: list[str] = []
        segments = self.path.split("/")[1:]
        for segment in segments:
            match segment.lower().replace("%2e", "."):
                case ".":
                    pass
                case "..":
                    del kept[-1:]
                case _:
                    kept.append(segment)
        if segments[-1].lower().replace("%2e", ".") in (".", ".."):
            kept.append("")
        path = "/" + "/".join(kept)
        return Uri(path, self.scheme, self.authority, self.query, self.fragment)

    def __str__(self) -> str:
        """§5.3."""
        scheme = "" if self.scheme is None else f"{self.scheme}:"
        authority = "" if self.authority is None else f"//{self.authority}"
        query = "" if self.query is None else f"?{self.query}"
        fragment = "" if self.fragment is None else f"#{self.fragment}"
        return f"{scheme}{authority}{self.path}{query}{fragment}"


# Backslashes and control characters are read differently by different clients (some take "\" for "/", some
# drop tabs and line ends), so nobody could say where such a reference points.
_AMBIGUOUS = re.compile(r"[\x00-\x1f\x7f-\x9f\\\u2028\u2029]")


def parse_reference(reference: str) -> Uri:
    """`reference` in components; Malformed("reference_invalid") where clients could read it differently."""
    uri = Uri.parse(reference)
    if uri.is_opaque:
        return uri
    if _AMBIGUOUS.search(reference) or reference != reference.strip():
        raise Malformed("reference_invalid", "character")
    if uri.authority == "" or (uri.scheme is not None and uri.authority is None):
        raise Malformed("reference_invalid", "authority")
    return uri


# What may stand before a part whose value is not known while that value could still choose the server: a
# beginning of "http://" or "https://", an authority that no "/", "?" or "#" has closed yet, or the first of
# two slashes.
_SERVER_STILL_OPEN = re.compile(r"h?|ht|htt|https?|https?:|https?:/|https?://[^/?#]*|/|//[^/?#]*", re.IGNORECASE)


def leaves_server_open(beginning: str) -> bool:
    """Whether what follows this beginning of a reference could choose its scheme or authority."""
    return _SERVER_STILL_OPEN.fullmatch(beginning) is not None


# A relative path in characters that mean the same to everybody: what most references in long manifests are.
_PLAIN = re.compile(r"[A-Za-z0-9._~%$-][A-Za-z0-9._~%$/?=&,;-]*+")


def is_opaque(reference: str) -> bool:
    """`parse_reference(reference).is_opaque`, fast for the plain ones."""
    return _PLAIN.fullmatch(reference) is None and parse_reference(reference).is_opaque


def resolve(
    manifest_path: str,
    bases: tuple[tuple[str, ...], ...],
    reference: str,
    own_origins: Collection[str] = (),
) -> Reference:
    """Where `reference` points from a manifest that is served at `manifest_path` (percent-encoded, absolute).

    `bases` are the chains of `Slot.bases`. An absolute URL counts as own when its origin, written as
    "https://cdn.example" (lower case, default port left out), is one of `own_origins`. DASH `$…$` and HLS
    `{$…}` come through as ordinary characters. Raises Malformed("reference_invalid").
    """
    if not manifest_path.startswith("/"):
        raise ValueError("the manifest's path must be absolute")
    manifest = Uri(manifest_path)
    places = (
        place_of(reduce(Uri.join, map(parse_reference, (*chain, reference)), manifest), own_origins)
        for chain in bases or ((),)
    )
    return Reference(tuple(dict.fromkeys(places)))


_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def origin_of(scheme: str, authority: str) -> str:
    """The origin of "http" or "https" URLs with that authority, in the one spelling that `resolve` compares with."""
    return f"{scheme}://{authority.lower().removesuffix(':').removesuffix(_DEFAULT_PORTS[scheme])}"


def place_of(uri: Uri, own_origins: Collection[str]) -> Place:
    """Where a resolved reference points; `own_origins` as for `resolve`."""
    if uri.scheme is not None and uri.is_opaque:
        return NotHttp(uri.scheme)
    path = uri.path or "/"
    if uri.authority is None:
        return OwnPath(path)
    authority = uri.authority.lower().removesuffix(":")
    schemes = _DEFAULT_PORTS if uri.scheme is None else (uri.scheme,)  # "//host/" takes the manifest's scheme
    origins = {origin_of(scheme, authority) for scheme in schemes}
    return Foreign(uri.scheme or "", authority, path) if origins.isdisjoint(own_origins) else OwnPath(path)


def with_query(reference: str, query: str) -> str:
    """`reference` with `query` added behind the query that it has, before its fragment."""
    head, mark, fragment = reference.partition("#")
    if "?" not in head:
        return f"{head}?{query}{mark}{fragment}"
    joint = "" if head.endswith(("?", "&")) else "&"
    return f"{head}{joint}{query}{mark}{fragment}"
