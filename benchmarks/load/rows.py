"""What is measured: one row of the table each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import product

from benchmarks.load.library import COLD, HOT, LIBRARY, library_path

VIEWERS = 5_000  # each with a token of its own
PLAYLIST = "index.m3u8"
MOMENTS = 4  # that viewers are asked for their next segment
HOT_OF_100 = 90  # of a hundred segments that are asked for in the mix

Ask = tuple[int, str]  # viewer, path below the site's root


class Site(Enum):
    """How the servers of a row are set up."""

    PLAIN = "one worker"
    WORKERS = "two workers"
    TLS = "one worker, TLS"


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of request."""

    name: str
    asks: Callable[[], Iterator[Ask]]
    about: str  # what the table's reader has to know
    signed: bool = True
    header: tuple[str, str] | None = None
    status: int = 200
    body_bytes: int | None = None  # of an answer; None where it differs between servers or requests
    revalidates: bool = False  # asks with the validator of what it has already
    connections: int = 32
    warm: int = 0  # requests that make a server warm; 0 means all of them
    inflight: int = 0  # requests at once when the server is driven to its limit; 0 means one a connection
    evicts: bool = False  # what is asked for leaves the page cache before each run
    site: Site = Site.PLAIN
    is_segment: bool = True  # whether bytes are what it is about

    @property
    def needs_library(self) -> bool:
        """Whether any of it asks for the library's segments."""
        return any(path.startswith(LIBRARY) for _, path in self.asks())


def _everybody(path: str, viewers: int) -> Callable[[], Iterator[Ask]]:
    return lambda: ((viewer, path) for viewer in range(viewers))


def _mix() -> Iterator[Ask]:
    """So many times four seconds of everybody: a playlist and a segment each, another one every time.

    Which one follows from the viewer's number and the time, so every server is asked for the same.
    """
    for moment, viewer in product(range(MOMENTS), range(VIEWERS)):
        yield viewer, PLAYLIST
        # Multipliers without a common divisor spread neighbours over the whole library.
        turn = viewer + 17 * moment
        is_hot = turn * 37 % 100 < HOT_OF_100
        yield viewer, library_path(turn % HOT if is_hot else HOT + (moment * VIEWERS + viewer) * 7919 % COLD)


def _library() -> Iterator[Ask]:
    """Every segment of the library once, in an order without neighbours."""
    total = HOT + COLD
    return ((number, library_path(number * 7919 % total)) for number in range(total))


ROWS = (
    Row(
        "signed playlist",
        _everybody(PLAYLIST, VIEWERS),
        "5,000 tokens; Headgate writes the viewer's token into every URI, the others send the file as it is",
        is_segment=False,
    ),
    Row(
        "unsigned playlist",
        _everybody(PLAYLIST, 1),
        "nothing is checked or rewritten",
        signed=False,
        is_segment=False,
    ),
    Row("200 KB segment", _everybody("200k.m4s", 500), "500 tokens", body_bytes=200_000),
    Row("1 MB segment", _everybody("1m.m4s", 500), "500 tokens", body_bytes=1_000_000),
    Row("4 MB segment", _everybody("4m.m4s", 100), "100 tokens", body_bytes=4_000_000),
    Row(
        "64 KB range of 100 MB",
        _everybody("100m.mp4", 500),
        "500 tokens, from the middle of the file",
        header=("Range", "bytes=50000000-50065535"),
        status=206,
        body_bytes=65_536,
    ),
    Row(
        "304",
        _everybody("200k.m4s", 500),
        "500 tokens, each with the entity tag that the server gave",
        status=304,
        body_bytes=0,
        revalidates=True,
        is_segment=False,
    ),
    Row(
        "mix",
        _mix,
        "5,000 viewers on 5,000 connections, each with its own token, a playlist and a segment in turn; nine segments "
        f"of ten are among {HOT}, the tenth among {COLD}; half of them have 200 KB and half 1 MB",
        connections=VIEWERS,
        warm=2 * VIEWERS,  # everybody's token has been seen, everybody's connection is in use
        inflight=64,
    ),
    Row(
        "cold library",
        _library,
        f"all {HOT + COLD} segments of a library that no cache in memory holds, out of the page cache before each run",
        evicts=True,
    ),
    Row(
        "2 workers, signed playlist",
        _everybody(PLAYLIST, VIEWERS),
        "two processes on two processors; where there are no more, the load shares one of them, and only processor "
        "time can be compared",
        site=Site.WORKERS,
        connections=64,
        is_segment=False,
    ),
    Row(
        "2 workers, 200 KB segment",
        _everybody("200k.m4s", 500),
        "as above",
        body_bytes=200_000,
        site=Site.WORKERS,
        connections=64,
    ),
    Row(
        "TLS, signed playlist",
        _everybody(PLAYLIST, VIEWERS),
        "TLS 1.3 in the server itself",
        site=Site.TLS,
        is_segment=False,
    ),
    Row("TLS, 1 MB segment", _everybody("1m.m4s", 500), "as above", body_bytes=1_000_000, site=Site.TLS),
)
