"""Whole URLs, and the rules that a token may set for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Protocol, Self

from auth.errors import Misuse
from auth.request import Request
from auth.strict_json import JsonValue

DEFAULT_PORTS = {"http": 80, "https": 443}

_ABSOLUTE = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?"
)
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]@]*)(?::(?P<port>[0-9]{0,5}))?")


@dataclass(frozen=True, slots=True)
class Url:
    """An absolute http or https URL in parts: host in lower case, path and query as sent."""

    scheme: str
    host: str
    port: int | None  # as written; None where none was
    path: str
    query: str = ""

    @classmethod
    def of(cls, request: Request) -> Url:
        """The URL that a request is for. A malformed authority becomes an empty host, which nothing matches."""
        found = _AUTHORITY.fullmatch(request.authority)
        host, port = ("", "") if found is None else (found["host"].lower(), found["port"])
        return cls(request.scheme, host, int(port) if port else None, request.path, request.query)

    @classmethod
    def parse(cls, text: str) -> Url:
        """An absolute URL; Misuse for anything else. A fragment is no part of it."""
        found = _ABSOLUTE.fullmatch(text.partition("#")[0])
        where = None if found is None else _AUTHORITY.fullmatch(found["authority"])
        if found is None or where is None or not where["host"]:
            raise Misuse("an absolute URL with a host is needed")
        port = int(where["port"]) if where["port"] else None
        return cls(found["scheme"].lower(), where["host"].lower(), port, found["path"] or "/", found["query"] or "")

    @property
    def authority(self) -> str:
        """Host and port, the port left out where it is the scheme's own."""
        is_default = self.port is None or self.port == DEFAULT_PORTS.get(self.scheme)
        return self.host if is_default else f"{self.host}:{self.port}"

    @property
    def text(self) -> str:
        """The whole URL."""
        return f"{self.scheme}://{self.authority}{self.path}" + (f"?{self.query}" if self.query else "")


class UrlRule(Protocol):
    """Which URLs a token covers, as a frozen, hashable value."""

    WORD: ClassVar[str]  # what it is called in a session token and in `auth.rules.URL_RULES`

    def covers(self, url: Url) -> bool:
        """Whether a URL, free of the token, is covered. Takes time linear in the URL."""
        ...

    def to_json(self) -> JsonValue:
        """The rule as JSON, short."""
        ...

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """The inverse of `to_json`; ValueError for anything else."""
        ...


@dataclass(frozen=True, slots=True)
class ExactUrl:
    """One URL, character for character (host without regard to case)."""

    WORD: ClassVar[str] = "url"
    url: str

    def covers(self, url: Url) -> bool:
        """See `UrlRule`."""
        return url.text == self.url

    def to_json(self) -> JsonValue:
        """See `UrlRule`."""
        return self.url

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """See `UrlRule`."""
        if not isinstance(value, str):
            raise ValueError("a URL is a string")  # noqa: TRY004
        return cls(value)


@dataclass(frozen=True, slots=True)
class UrlPrefixes:
    """Every URL that begins with one of these texts, as CDNs that sign URL prefixes compare them."""

    WORD: ClassVar[str] = "url-prefixes"
    prefixes: tuple[str, ...]

    def covers(self, url: Url) -> bool:
        """See `UrlRule`."""
        return url.text.startswith(self.prefixes)

    def to_json(self) -> JsonValue:
        """See `UrlRule`."""
        return list(self.prefixes)

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """See `UrlRule`."""
        if not isinstance(value, list) or not value:
            raise ValueError("prefixes are a list")
        prefixes = tuple(item for item in value if isinstance(item, str) and item)
        if len(prefixes) != len(value):
            raise ValueError("a prefix is a string")
        return cls(prefixes)
