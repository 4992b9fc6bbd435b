"""Where a viewer may be, by country."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Self

from auth.errors import Denied, Misuse, Reason
from auth.request import Request
from auth.strict_json import JsonValue

MAX_COUNTRIES = 256

_CODE = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class Countries:
    """A viewer in one of `allowed` (any, where it is empty) and in none of `blocked`. ISO 3166-1 alpha-2 in capitals.

    Misuse for other codes, and where neither says anything. A viewer of no known country is refused.
    """

    WORD: ClassVar[str] = "countries"
    allowed: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        codes = self.allowed + self.blocked
        if not 1 <= len(codes) <= MAX_COUNTRIES or not all(_CODE.fullmatch(code) for code in codes):
            raise Misuse(f"countries are 1 to {MAX_COUNTRIES} codes of two capitals")

    def objection(self, request: Request, now: float) -> Denied | None:
        """See `Condition`."""
        country = request.place.country
        if country is None:
            return Denied(Reason.WRONG_PLACE, "the viewer's country is not known")
        is_open = (not self.allowed or country in self.allowed) and country not in self.blocked
        return None if is_open else Denied(Reason.WRONG_PLACE)

    def to_json(self) -> JsonValue:
        """See `Condition`."""
        return [list[JsonValue](self.allowed), list[JsonValue](self.blocked)]

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """See `Condition`."""
        match value:
            case [list() as allowed, list() as blocked]:
                return cls(_codes(allowed), _codes(blocked))
            case _:
                raise ValueError("countries are two lists")


def _codes(value: list[JsonValue]) -> tuple[str, ...]:
    codes = tuple(code for code in value if isinstance(code, str))
    if len(codes) != len(value):
        raise ValueError("a country is a string")
    return codes
