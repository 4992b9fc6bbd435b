"""Errors that a program can read: problem details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import msgspec

from origin.http.reply import Bytes, Header, Reply

MEDIA_TYPE = "application/problem+json"
_RESERVED = frozenset({"type", "title", "status", "detail", "instance", "reason"})

Extension = str | int | float | bool | None | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong. Programs go by `reason`, which never changes; the sentences are for people.

    No member may ever hold a token, a key or a path of this machine. Raises `ValueError` when an extension
    takes the name of a member that is defined.
    """

    status: int
    reason: str  # a stable word: "token_expired"
    title: str = ""  # the same for every problem of this type; left empty, the status's own phrase
    detail: str = ""  # about this occurrence
    type: str = "about:blank"  # a URI that identifies the kind of problem
    extensions: Mapping[str, Extension] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if taken := _RESERVED & self.extensions.keys():
            raise ValueError(f"extension members {sorted(taken)} are defined already")

    def document(self) -> bytes:
        """The problem as JSON (UTF-8)."""
        members: dict[str, Extension] = {
            "type": self.type,
            "title": self.title or HTTPStatus(self.status).phrase,
            "status": self.status,
        }
        if self.detail:
            members["detail"] = self.detail
        return msgspec.json.encode({**members, "reason": self.reason, **self.extensions})


def problem_reply(problem: Problem, *headers: Header) -> Reply:
    """The problem as an answer, for no cache to keep unless `headers` bring a Cache-Control of their own."""
    has_policy = any(name.lower() == "cache-control" for name, _ in headers)
    policy: tuple[Header, ...] = () if has_policy else (("Cache-Control", "no-store"),)
    return Reply(problem.status, (("Content-Type", MEDIA_TYPE), *policy, *headers), Bytes(problem.document()))
