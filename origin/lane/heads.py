"""Header blocks that aiohttp's parser has accepted before, by their exact bytes.

Whether a block of header fields is sound does not depend on the request line before it, as long as that is a GET's or a
HEAD's. So a block that was accepted once, and asked for nothing that needs more than an answer, is known when it comes
again, and so is everything that was read from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TypeAlias, TypeVar

from aiohttp.http_parser import RawRequestMessage
from multidict import CIMultiDictProxy

from origin.http.conditions import Conditions
from origin.serving.inbound import field_value

K = TypeVar("K")
V = TypeVar("V")
_Variant: TypeAlias = tuple[Conditions, str | None, str | None]

_MOST_BYTES = 4096  # of a block that is remembered
_BLANK_LINE = b"\r\n\r\n"
_METHODS = frozenset({"GET", "HEAD"})
# What asks for more than an answer, or changes what follows on the connection.
_DEMANDING = frozenset(
    {"content-length", "expect", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings", "proxy-connection"}
)
# Fields that no token travels in, whatever a mount has been told to call its own.
HARMLESS = frozenset(
    {
        "accept", "accept-encoding", "accept-language", "cache-control", "cmcd-object", "cmcd-request", "cmcd-session",
        "cmcd-status", "connection", "dnt", "forwarded", "host", "if-match", "if-modified-since", "if-none-match",
        "if-range", "if-unmodified-since", "origin", "pragma", "priority", "range", "sec-ch-ua", "sec-ch-ua-mobile",
        "sec-ch-ua-platform", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "user-agent", "via",
        "x-forwarded-for", "x-forwarded-proto",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """What was read from one header block."""

    fields: CIMultiDictProxy[str]
    conditions: Conditions
    origin: str | None
    accept_encoding: str | None
    others: tuple[tuple[str, str], ...]  # fields that a token might travel in
    variant: int  # the same for all heads that ask for the same answer


class Heads:
    """Up to `most` blocks; what came first goes first."""

    def __init__(self, most: int = 8192) -> None:
        """A block is remembered when it comes for the second time: many come once."""
        self._most = most
        self._known: dict[bytes, Head] = {}
        self._seen: dict[int, None] = {}
        self._variants: dict[_Variant, int] = {}
        self._numbers = count()

    def find(self, data: bytes, start: int) -> tuple[Head, int] | None:
        """The block that begins at `start` and where it ends, if it is known."""
        end = data.find(_BLANK_LINE, start) + len(_BLANK_LINE)
        if end < len(_BLANK_LINE):
            return None
        head = self._known.get(data[start:end])
        return None if head is None else (head, end)

    def learn(self, data: bytes, start: int, message: RawRequestMessage) -> None:
        """A block reaches from `start` to the end of `data`, and `message` is what the parser made of it."""
        if len(data) - start > _MOST_BYTES or not _is_plain(message):
            return
        block = data[start:]
        name = hash(block)
        if name not in self._seen:
            self._seen[name] = None
            _trim(self._seen, 2 * self._most)
            return
        self._known[block] = self._head(message.headers)
        _trim(self._known, self._most)

    def _head(self, fields: CIMultiDictProxy[str]) -> Head:
        lower = [(name.lower(), value) for name, value in fields.items()]
        conditions = Conditions.from_fields(lower)
        origin, accept_encoding = field_value(fields, "Origin"), field_value(fields, "Accept-Encoding")
        kind = (conditions, origin, accept_encoding)
        variant = self._variants.get(kind)
        if variant is None:
            variant = self._variants[kind] = next(self._numbers)
            _trim(self._variants, self._most)
        others = tuple(pair for pair in lower if pair[0] not in HARMLESS)
        return Head(fields, conditions, origin, accept_encoding, others, variant)


def _is_plain(message: RawRequestMessage) -> bool:
    is_simple = not (message.should_close or message.upgrade or message.chunked or message.compression)
    names = {name.lower() for name in message.headers}
    is_alone = len(message.headers.getall("Host", ())) == 1
    return (
        message.method in _METHODS and message.version == (1, 1) and is_simple and is_alone and not names & _DEMANDING
    )


def _trim(kept: dict[K, V], most: int) -> None:
    while len(kept) > most:
        del kept[next(iter(kept))]
