"""What is asked of a cache in front, and what is made of its answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeVar

from cache.purges import Purge, Scope
from origin.http.dates import parse_http_date
from origin.http.fields import Fields, values_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request to an edge. What may hold a secret, or a viewer's URL, is not shown."""

    method: str
    url: str = field(repr=False)
    fields: Fields = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    purges: int = 1  # how many it is about


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, or as much of it as is wanted."""

    status: int
    fields: Fields = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """The calls that bring purges to an edge, and those that it has no way to be told of."""

    calls: tuple[Call, ...]
    unsupported: tuple[Purge, ...] = ()


class Verdict(StrEnum):
    """What an answer means."""

    DONE = "done"
    LATER = "later"  # the same call may go well another time
    REFUSED = "refused"  # it will not


Send = Callable[[Call], Awaitable[Answer]]  # raises OSError or TimeoutError


class Edge(Protocol):
    """One kind of cache in front. Its repr shows no secret."""

    @property
    def name(self) -> str:
        """What logs and metrics call it."""
        ...

    def plan(self, purges: Sequence[Purge], now: float) -> Plan:
        """The calls for these purges, at `now` (Unix seconds)."""
        ...

    def judge(self, answer: Answer) -> Verdict:
        """What its answer to one of the calls means."""
        ...


def judged(answer: Answer) -> Verdict:
    """What a status means where an API has no words of its own (RFC 9110 §15, RFC 6585 §4)."""
    if 200 <= answer.status < 300:
        return Verdict.DONE
    is_passing = answer.status in {408, 425, 429} or answer.status >= 500
    return Verdict.LATER if is_passing else Verdict.REFUSED


def retry_after(answer: Answer, now: float) -> float:
    """Seconds that the answer asks to be left alone for (RFC 9110 §10.2.3); 0 when it does not say."""
    said = values_of(answer.fields, "Retry-After")
    if len(said) != 1:
        return 0.0
    value = said[0].strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    at = parse_http_date(value, now)
    return 0.0 if at is None else max(0.0, at - now)


def batches(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """The items, so many at a time."""
    return (items[start : start + most] for start in range(0, len(items), most))


def split_by_scope(purges: Iterable[Purge]) -> dict[Scope, list[Purge]]:
    """The purges of each scope; an empty list where there are none."""
    found: dict[Scope, list[Purge]] = {scope: [] for scope in Scope}
    for purge in purges:
        found[purge.scope].append(purge)
    return found


def host_of(site: str) -> str:
    """The name in the URL of a site, and its port if it has one."""
    return site.partition("://")[2].rstrip("/")


def globs_of(prefix: str) -> tuple[str, ...]:
    """A prefix in the language of caches that know a "*" at the end and no path segments."""
    if prefix.endswith("*"):
        return (prefix,)
    return ("/*",) if prefix == "/" else (prefix, f"{prefix}/*")
