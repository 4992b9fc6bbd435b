"""One path with its query, whatever the host: what a token covers that was signed for a relative URL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from auth.rules.url import Url
from auth.strict_json import JsonValue


@dataclass(frozen=True, slots=True)
class PathAndQuery:
    """`target` as a request line has it, "/vod/a.ts?x=1", character for character."""

    WORD: ClassVar[str] = "path-and-query"
    target: str

    @classmethod
    def of(cls, path: str, query: str) -> Self:
        """The rule for a path and a query in parts; an empty query is none."""
        return cls(f"{path}?{query}" if query else path)

    def covers(self, url: Url) -> bool:
        """See `UrlRule`."""
        return self.of(url.path, url.query) == self

    def to_json(self) -> JsonValue:
        """See `UrlRule`."""
        return self.target

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """See `UrlRule`."""
        if not isinstance(value, str) or not value.startswith("/"):
            raise ValueError("a path is a string")
        return cls(value)
