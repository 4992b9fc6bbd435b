"""Facts of a viewer that must be what they were when a token was made for that viewer."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import ClassVar, Self

from auth.errors import Denied, Reason
from auth.request import Request
from auth.strict_json import JsonValue

# "client", "country", "city", "subdivision", "header:NAME" or "query:NAME"; None: the request has no such thing.
Fact = tuple[str, str | None]

_REASONS = {"client": Reason.WRONG_NETWORK, "header": Reason.WRONG_HEADER, "query": Reason.OUT_OF_SCOPE}


def fact(request: Request, name: str) -> str | None:
    """One fact of a request. What is there twice is taken for two values, with a line break between them.

    An IPv6 address is written out in full, an IPv4-mapped one as IPv4; a subdivision without its country; a query
    parameter as it was sent.
    """
    kind, _, key = name.partition(":")
    match kind:
        case "client":
            return None if request.client is None else _address(request.client)
        case "country":
            return request.place.country
        case "city":
            return request.place.city
        case "subdivision":
            where = request.place.subdivision
            return None if where is None else where.partition("-")[2]
        case "header":
            values = request.fields(key)
        case "query":
            pieces = [piece.partition("=") for piece in request.query.split("&")]
            values = tuple(value for known, _, value in pieces if known == key)
        case _:
            return None
    return "\n".join(values) if values else None


def reason_of(name: str) -> Reason:
    """Why a request is refused whose fact of that name is another."""
    return _REASONS.get(name.partition(":")[0], Reason.WRONG_PLACE)


@dataclass(frozen=True, slots=True)
class SameViewer:
    """All these facts hold."""

    WORD: ClassVar[str] = "viewer"
    facts: tuple[Fact, ...]

    def objection(self, request: Request, now: float) -> Denied | None:
        """See `Condition`."""
        for name, value in self.facts:
            if fact(request, name) != value:
                return Denied(reason_of(name), f"the viewer's {name} is not the one that the token was made for")
        return None

    def to_json(self) -> JsonValue:
        """See `Condition`."""
        return [[name, value] for name, value in self.facts]

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """See `Condition`."""
        if not isinstance(value, list) or not value:
            raise ValueError("a viewer's facts are a list")
        return cls(tuple(_read(item) for item in value))


def _read(item: JsonValue) -> Fact:
    match item:
        case [str() as name, str() | None as value]:
            return name, value
        case _:
            raise ValueError("a viewer's fact is a name and a text")


def _address(client: IPv4Address | IPv6Address) -> str:
    mapped = client.ipv4_mapped if isinstance(client, IPv6Address) else None
    return str(mapped) if mapped is not None else client.exploded
