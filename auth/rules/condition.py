"""What a condition is: something else that must be true of a request."""

from __future__ import annotations

from typing import ClassVar, Protocol, Self

from auth.errors import Denied
from auth.request import Request
from auth.strict_json import JsonValue


class Condition(Protocol):
    """One restriction as a frozen, hashable value."""

    WORD: ClassVar[str]  # what it is called in a session token and in `auth.rules.CONDITIONS`

    def objection(self, request: Request, now: float) -> Denied | None:
        """What speaks against the request (which is free of the token), or None. An unknown fact objects."""
        ...

    def to_json(self) -> JsonValue:
        """The condition as JSON, short."""
        ...

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """The inverse of `to_json`; ValueError for anything else."""
        ...
