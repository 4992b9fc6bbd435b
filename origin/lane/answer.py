"""What the lane answers, before what differs from request to request is put in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from origin.lane.blocks import Block
from origin.media.kinds import Kind
from origin.serving.file_run import FileRun


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What metrics and log are told of an answer. Made by `told_of`: it is compared by identity."""

    kind: Kind
    status: int
    cache: str


@lru_cache(256)
def told_of(kind: Kind, status: int, cache: str = "") -> Told:
    """The one object for these."""
    return Told(kind, status, cache)


class Ready(NamedTuple):
    """One answer. `etag` fills the hole of that name; `length` is what Content-Length says."""

    told: Told
    block: Block
    etag: bytes
    length: int | None
    body: bytes | bytearray | memoryview | FileRun
