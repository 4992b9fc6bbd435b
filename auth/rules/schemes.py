"""How a viewer may ask: by http, by https."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from auth.errors import Denied, Misuse, Reason
from auth.request import Request
from auth.rules.url import DEFAULT_PORTS
from auth.strict_json import JsonValue


@dataclass(frozen=True, slots=True)
class Schemes:
    """A URL of one of these schemes, of `http` and `https`. Misuse for others."""

    WORD: ClassVar[str] = "schemes"
    allowed: tuple[str, ...]

    def __post_init__(self) -> None:
        if not set(self.allowed) <= DEFAULT_PORTS.keys() or len(set(self.allowed)) != len(self.allowed):
            raise Misuse("schemes are http and https")

    def objection(self, request: Request, now: float) -> Denied | None:
        """See `Condition`."""
        return None if request.scheme in self.allowed else Denied(Reason.OUT_OF_SCOPE, "not by this scheme")

    def to_json(self) -> JsonValue:
        """See `Condition`."""
        return list[JsonValue](self.allowed)

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """See `Condition`."""
        if not isinstance(value, list):
            raise ValueError("schemes are a list")  # noqa: TRY004
        schemes = tuple(scheme for scheme in value if isinstance(scheme, str))
        if len(schemes) != len(value):
            raise ValueError("schemes are strings")
        return cls(schemes)
