"""Who is at the other end of a connection, and what was read of the header block that they send."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from multidict import CIMultiDictProxy

from origin.lane.heads import Head
from origin.lane.playlists import Place
from origin.serving.inbound import Inbound, Received, RefusedRequestError

METHODS = frozenset({"GET", "HEAD"})
Read = Callable[[Received, frozenset[str], int], Inbound]


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
    """One connection's peer. Clients send the same block again and again, so the last one is kept at hand."""

    __slots__ = ("_head", "_inbound", "_protocol", "_read", "_remote", "_secure", "client", "place", "sends_files")

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
        self._inbound: Inbound | None = None

    def inbound(self, head: Head) -> Inbound | None:
        """A request to `/` with this head, as values; None where any would be refused."""
        if head is not self._head:
            try:
                self._inbound = self._read(_Sight(head.fields, self._remote, self._secure, self._protocol), METHODS, 0)
            except RefusedRequestError:
                self._inbound = None
            self._head = head
            facts = None if self._inbound is None else self._inbound.facts
            self.client = "" if facts is None else str(facts.client or "")
            self.place = Place("", "") if facts is None else Place(facts.scheme, facts.authority)
        return self._inbound
