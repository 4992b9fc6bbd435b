"""What the index knows of a body."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from cache.extents import Extents, merged

_PIECE = struct.Struct("<QQI")
_DISK_BLOCK = 4096


class Piece(NamedTuple):
    """A run of bytes that is there, and its CRC-32. Pieces of one body may overlap."""

    start: int
    stop: int
    checksum: int


Pieces = tuple[Piece, ...]


def pack(pieces: Iterable[Piece]) -> bytes:
    """`pieces` as the index stores them."""
    return b"".join(_PIECE.pack(*piece) for piece in pieces)


def unpack(packed: bytes) -> Pieces:
    """The pieces that `pack` was given."""
    return tuple(Piece(*fields) for fields in _PIECE.iter_unpack(packed))


def extents_of(pieces: Iterable[Piece]) -> Extents:
    """The bytes that the pieces cover together."""
    return merged((piece.start, piece.stop) for piece in pieces)


def joined(old: Pieces, new: Pieces) -> Pieces:
    """Both, without those of the new that tell nothing that the old do not."""
    there = extents_of(old)
    return (*old, *(piece for piece in new if not there.covers(piece.start, piece.stop)))


def on_disk(size_bytes: int) -> int:
    """What a body of `size_bytes` takes on a disk: whole blocks, at least one."""
    return -(-size_bytes // _DISK_BLOCK) * _DISK_BLOCK or _DISK_BLOCK


@dataclass(frozen=True, slots=True)
class Row:
    """A visible body."""

    body_id: int
    version: int  # another one whenever anything else of the row is
    key: str
    head: bytes
    length: int | None  # of the whole representation, of which not all need be there
    tags: tuple[str, ...]
    pieces: Pieces
    stored_at: float  # seconds since the epoch
    boot: str  # during which its bytes were written or last verified
    extents: Extents = field(init=False, compare=False, repr=False)  # what the pieces cover

    def __post_init__(self) -> None:
        object.__setattr__(self, "extents", extents_of(self.pieces))


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit says of the body that it makes visible; None leaves as it is what an old body has."""

    key: str
    head: bytes | None
    length: int | None
    tags: tuple[str, ...] | None
    pieces: Pieces
    stored_at: float
    taken: int = 0  # bytes of the disk that the file takes, where that may be more than for what is there


@dataclass(frozen=True, slots=True)
class Queued:
    """How much stands in one of the eviction queues."""

    objects: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Stats:
    """What a directory holds."""

    small: Queued
    main: Queued
    filling: Queued

    @property
    def objects(self) -> int:
        """Visible bodies."""
        return self.small.objects + self.main.objects

    @property
    def size_bytes(self) -> int:
        """What visible bodies take on the disk."""
        return self.small.size_bytes + self.main.size_bytes
