"""Which page a viewer came from, as the Referer field says (RFC 9110 §10.1.3): a client may say what it likes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self
from urllib.parse import urlsplit

from auth.errors import Denied, Misuse, Reason
from auth.request import Request
from auth.strict_json import JsonValue

MAX_PATTERNS = 64


@dataclass(frozen=True, slots=True)
class Referrers:
    """A referrer that one of `allowed` matches (any, where it is empty) and none of `blocked`.

    A pattern is a host and perhaps the beginning of a path: `site.example/page`. A star at its beginning stands for any
    beginning of a host: `*.site.example`. The empty pattern stands for a request without a referrer. Misuse where
    neither says anything.
    """

    WORD: ClassVar[str] = "referrers"
    allowed: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        patterns = self.allowed + self.blocked
        if not 1 <= len(patterns) <= MAX_PATTERNS or any("*" in pattern[1:] for pattern in patterns):
            raise Misuse(f"referrers are 1 to {MAX_PATTERNS} patterns with a star at most at the beginning")

    def objection(self, request: Request, now: float) -> Denied | None:
        """See `Condition`. Two fields, or one that is no URL, match nothing that is allowed."""
        fields = request.fields("referer")
        if not fields or fields == ("",):
            is_open = "" not in self.blocked and (not self.allowed or "" in self.allowed)
        else:
            texts = [_without_scheme(text) for text in fields]
            is_allowed = not self.allowed or (len(texts) == 1 and any(_matches(one, texts[0]) for one in self.allowed))
            is_open = is_allowed and not any(_matches(one, text) for one in self.blocked for text in texts)
        return None if is_open else Denied(Reason.WRONG_HEADER, "the referrer is not one that the token allows")

    def to_json(self) -> JsonValue:
        """See `Condition`."""
        return [list[JsonValue](self.allowed), list[JsonValue](self.blocked)]

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """See `Condition`."""
        match value:
            case [list() as allowed, list() as blocked]:
                return cls(_texts(allowed), _texts(blocked))
            case _:
                raise ValueError("referrers are two lists")


def _without_scheme(text: str) -> str:
    """Host and path, the host in lower case; "" for what is no http or https URL with a host."""
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return ""
    return f"{host}{parts.path or '/'}" if host and parts.scheme in {"http", "https"} else ""


def _matches(pattern: str, text: str) -> bool:
    if not pattern:
        return False
    host, slash, path = pattern.partition("/")
    asked_host, _, asked_path = text.partition("/")
    if host.startswith("*"):
        is_host = asked_host.endswith(host[1:].lower()) and bool(asked_host)
    else:
        is_host = asked_host == host.lower()
    return is_host and (not slash or asked_path.startswith(path))


def _texts(value: list[JsonValue]) -> tuple[str, ...]:
    texts = tuple(text for text in value if isinstance(text, str))
    if len(texts) != len(value):
        raise ValueError("a referrer is a string")
    return texts
