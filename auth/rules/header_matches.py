"""What a token asks of request headers, as the claim `cath` of CTA-5007 does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Self

from auth.errors import Denied, Reason
from auth.request import Request
from auth.rules.text_matches import TextMatch, matches_from_json, matches_to_json
from auth.strict_json import JsonValue

_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,64}")  # RFC 9110 §5.6.2, lower case


@dataclass(frozen=True, slots=True)
class HeaderMatches:
    """One field's combined value (RFC 9110 §5.2) must be there and satisfy every match. ValueError for a bad name."""

    WORD: ClassVar[str] = "header"
    name: str
    matches: tuple[TextMatch, ...]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or not self.matches:
            raise ValueError("a field name in lower case, with what is asked of it")

    def objection(self, request: Request, _now: float) -> Denied | None:
        """See `Condition`."""
        fields = request.fields(self.name)
        text = ", ".join(fields)
        if fields and all(match.holds(text) for match in self.matches):
            return None
        return Denied(Reason.WRONG_HEADER)

    def to_json(self) -> JsonValue:
        """See `Condition`."""
        return [self.name, matches_to_json(self.matches)]

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """See `Condition`."""
        match value:
            case [str() as name, list() as matches]:
                return cls(name, matches_from_json(matches))
            case _:
                raise ValueError("a header is a name and matches")
