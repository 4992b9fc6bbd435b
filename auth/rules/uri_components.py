"""URLs judged component by component, as the claim `catu` of CTA-5007 does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Self

from auth.rules.text_matches import MatchType, TextMatch, matches_from_json, matches_to_json
from auth.rules.url import DEFAULT_PORTS, Url
from auth.scope import UnsafePath, normalise
from auth.strict_json import JsonValue


class Component(StrEnum):
    """A part of a URL. Where implementations of CTA-5007 read one differently, its reading here is told."""

    SCHEME = "scheme"  # without regard to case
    HOST = "host"  # without regard to case
    PORT = "port"  # where it is the scheme's own it reads as "" and as its number, whichever a match asks for
    PATH = "path"  # normalised
    QUERY = "query"  # as sent, without the token
    PARENT_PATH = "parent-path"  # up to the last slash, without it
    FILENAME = "filename"  # behind the last slash
    STEM = "stem"  # of the filename, up to its last dot
    EXTENSION = "extension"  # of the filename, from its last dot on, with it


_CASELESS = frozenset({Component.SCHEME, Component.HOST})
_LITERAL = frozenset({MatchType.EXACT, MatchType.PREFIX, MatchType.SUFFIX, MatchType.CONTAINS})


@dataclass(frozen=True, slots=True)
class UriComponents:
    """Every match of every component must hold. ValueError for none, and for a component named twice."""

    WORD: ClassVar[str] = "uri-components"
    components: tuple[tuple[Component, tuple[TextMatch, ...]], ...]

    def __post_init__(self) -> None:
        names = [component for component, _ in self.components]
        if not names or len(names) != len(set(names)) or not all(matches for _, matches in self.components):
            raise ValueError("components are named once each, with what is asked of them")
        order = list(Component)
        components = tuple(
            (component, tuple(sorted(matches, key=lambda match: (match.type, match.value))))
            for component, matches in sorted(self.components, key=lambda pair: order.index(pair[0]))
        )
        object.__setattr__(self, "components", components)

    def covers(self, url: Url) -> bool:
        """See `UrlRule`."""
        try:
            path = normalise(url.path)
        except UnsafePath:
            return False
        return all(
            any(_holds(component, match, text) for text in _texts(component, url, path))
            for component, matches in self.components
            for match in matches
        )

    def to_json(self) -> JsonValue:
        """See `UrlRule`."""
        return {component.value: matches_to_json(matches) for component, matches in self.components}

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """See `UrlRule`."""
        if not isinstance(value, dict):
            raise ValueError("components are an object")  # noqa: TRY004
        return cls(tuple((Component(name), matches_from_json(item)) for name, item in value.items()))


def _holds(component: Component, match: TextMatch, text: str) -> bool:
    if component in _CASELESS and match.type in _LITERAL:
        match = TextMatch(match.type, match.value.lower())
    return match.holds(text)


def _texts(component: Component, url: Url, path: str) -> tuple[str, ...]:
    parent, _, filename = path.rpartition("/")
    stem, dot, extension = filename.rpartition(".")
    match component:
        case Component.SCHEME:
            return (url.scheme.lower(),)
        case Component.HOST:
            return (url.host.lower(),)
        case Component.PORT:
            default = DEFAULT_PORTS.get(url.scheme)
            return ("", str(default)) if url.port in {None, default} else (str(url.port),)
        case Component.PATH:
            return (path,)
        case Component.QUERY:
            return (url.query,)
        case Component.PARENT_PATH:
            return (parent,)
        case Component.FILENAME:
            return (filename,)
        case Component.STEM:
            return (stem if dot else filename,)
        case Component.EXTENSION:
            return (dot + extension if dot else "",)
