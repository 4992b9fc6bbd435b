"""Who is at the other end of a connection, and what was read of the header block that they send."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from multidict import CIMultiDictProxy

from origin.lane.heads import Head
from origin.serving.inbound import Inbound, Received, RefusedRequestError

METHODS = frozenset({"GET", "HEAD"})
Read = Callable[[Received, frozenset[str], int], Inbound]


class Place(NamedTuple):
    """Where a request was made to."""

    scheme: str
    authority: str


@dataclass(frozen=True, slots=True)
class _Sight:
    """A request with some head, as far as its reading does not depend on the request line."""

    headers: CIMultiDictProxy[str]
    remote: str | None
    secure: bool
    protocol: object
    method: str = "GET"
    version: tuple[int, int] = (1, 1)
    raw_path: str = "/"


class Visitor:
    """One connection's peer. Clients send the same block again and again, so what the last one says is kept at hand.

    Thousands of connections are idle at a time: no more is kept than each request needs.
    """

    __slots__ = ("_head", "_is_sound", "_protocol", "_read", "_remote", "_secure", "client", "place", "sends_files")

    def __init__(
        self, read: Read, remote: str | None, protocol: object, *, secure: bool, sends_files: bool = False
    ) -> None:
        """`remote` is the peer's address; `secure`: it came by TLS; `protocol` is the connection.

        `sends_files`: its transport takes a `FileRun`.
        """
        self.sends_files = sends_files
        self._remote = remote
        self._secure = secure
        self._protocol = protocol
        self.place = Place("", "")  # where the last head was sent
        self.client = ""  # the viewer's address, as the last head says it
        self._read = read
        self._head: Head | None = None
        self._is_sound = False

    def sends(self, head: Head) -> bool:
        """Whether requests with this head are taken; `client` and `place` are what it says."""
        if head is not self._head:
            inbound = self.inbound(head)
            self._head, self._is_sound = head, inbound is not None
            if inbound is not None:
                self.client = str(inbound.facts.client or "")
                self.place = Place(inbound.facts.scheme, inbound.facts.authority)
        return self._is_sound

    def inbound(self, head: Head) -> Inbound | None:
        """A request to `/` with this head, as values; None where any would be refused."""
        try:
            return self._read(_Sight(head.fields, self._remote, self._secure, self._protocol), METHODS, 0)
        except RefusedRequestError:
            return None
