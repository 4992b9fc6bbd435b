"""What dialects share when they write claims down and show what others have written."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields

from auth import strict_json
from auth.claims import Claims, read_time
from auth.errors import Misuse
from auth.strict_json import JsonObject, JsonValue

MAX_SHOWN = 120

# The times of a JWT (RFC 7519 §4.1): our name → the claim's.
JWT_TIMES = {"not_before": "nbf", "expires": "exp", "issued_at": "iat"}

_NOTHING = Claims()


def check_sayable(claims: Claims, sayable: Collection[str], what: str) -> None:
    """Misuse, naming them, for claims beyond those that `what` can say. Dialect and key are filled in by others."""
    known = {"dialect", "key_id", *sayable}
    extra = [
        each.name
        for each in fields(Claims)
        if each.name not in known and getattr(claims, each.name) != getattr(_NOTHING, each.name)
    ]
    if extra:
        raise Misuse(f"{what} cannot say: {', '.join(extra)}")


def read_jwt_times(payload: Mapping[str, JsonValue]) -> dict[str, float]:
    """The times that a payload says, by our names; Denied as for `read_time`."""
    return {ours: read_time(name, payload[name]) for ours, name in JWT_TIMES.items() if name in payload}


def jwt_times(claims: Claims) -> JsonObject:
    """The inverse of `read_jwt_times`: whole numbers where they are whole."""
    said: JsonObject = {}
    for ours, name in JWT_TIMES.items():
        value: JsonValue = getattr(claims, ours)
        if value is not None:
            said[name] = int(value) if isinstance(value, float) and value.is_integer() else value
    return said


def shown(value: JsonValue) -> str:
    """A value for a person's eyes: printable, and not long."""
    text = value if isinstance(value, str) else strict_json.dumps(value).decode("utf-8")
    printable = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return printable if len(printable) <= MAX_SHOWN else printable[:MAX_SHOWN] + "…"
