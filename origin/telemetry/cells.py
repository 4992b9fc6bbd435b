"""Where the numbers of one process lie: in memory of its own, or in a mapped file that survives the process.

A file is a row of segments, each mapped by itself, so that what has been handed out never moves. All words are eight
bytes long and aligned, in the machine's own order:

    segment   mark, its length in bytes, how many of them are used, records
    record    length of the key | how many values, the key padded to a multiple of eight, values as doubles

A value is written and read by one load or store of eight bytes, so that nobody sees half of one (`struct.pack_into`
would put zeros there first). A record counts from the moment that its segment's used length includes it.
"""

from __future__ import annotations

import logging
import mmap
import os
from collections.abc import Iterator
from typing import TypeAlias

Doubles: TypeAlias = "memoryview[float]"

_log = logging.getLogger(__name__)

_MARK = int.from_bytes(b"HGcells1", "little")
_WORD = 8
_HEAD = 3 * _WORD
_SEGMENT_BYTES = 64 * 1024
_LARGEST_FILE = 64 * 2**20  # of other processes; what is larger is nothing of ours


class Cells:
    """Hands out room for doubles, each under a key, which is given once. For one thread."""

    def __init__(self, descriptor: int | None = None) -> None:
        """`descriptor` is of an empty file that is open for both, and stays the caller's; None: memory alone."""
        self._descriptor = descriptor
        self._size = 0  # of the file
        self._segments: list[memoryview] = []

    def take(self, key: bytes, count: int) -> tuple[Doubles, int]:
        """`count` doubles that are 0: they begin at the index that is given with the view that they are in."""
        words = -(-len(key) // _WORD)
        size = _WORD * (1 + words + count)
        segment = self._segments[-1] if self._segments else None
        if segment is None or _used(segment) + size > len(segment):
            segment = self._begin(size)
        start = _used(segment)
        numbers = segment.cast("Q")
        numbers[start // _WORD] = len(key) | count << 32
        segment[start + _WORD : start + _WORD + len(key)] = key
        numbers[2] = start + size  # last: whoever reads meanwhile finds all of it or nothing
        return segment.cast("d"), start // _WORD + 1 + words

    def records(self) -> Iterator[tuple[bytes, list[float]]]:
        """Every key and its values now; in any thread."""
        for segment in tuple(self._segments):
            yield from _records(segment)

    def _begin(self, size: int) -> memoryview:
        length = max(_SEGMENT_BYTES, -(-(_HEAD + size) // mmap.PAGESIZE) * mmap.PAGESIZE)
        segment = memoryview(self._map(length))
        numbers = segment.cast("Q")
        numbers[1], numbers[2] = length, _HEAD
        numbers[0] = _MARK
        self._segments.append(segment)
        return segment

    def _map(self, length: int) -> mmap.mmap:
        if self._descriptor is not None:
            try:
                # Room is taken now: on a full disk a store into a hole would end the process.
                os.posix_fallocate(self._descriptor, self._size, length)
                mapped = mmap.mmap(self._descriptor, length, offset=self._size)
            except OSError as error:
                _log.error("metrics of this worker are incomplete: %s", error.strerror)
            else:
                self._size += length
                return mapped
        return mmap.mmap(-1, length)


def records_in(descriptor: int) -> Iterator[tuple[bytes, list[float]]]:
    """What another process's file holds now. What makes no sense, and all after it, is left out."""
    size = os.fstat(descriptor).st_size
    if not 0 < size <= _LARGEST_FILE:
        return
    # A mapping and no read(2): that one promises nothing about what is written meanwhile.
    with mmap.mmap(descriptor, size, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as whole:
        start = 0
        while start + _HEAD <= size:
            with whole[start : start + _HEAD] as head, head.cast("Q") as numbers:
                mark, length, _ = numbers
            if mark != _MARK or not _HEAD <= length <= size - start or length % _WORD:
                return
            with whole[start : start + length] as segment:
                yield from _records(segment)
            start += length


def _used(segment: memoryview) -> int:
    with segment.cast("Q") as numbers:
        return int(numbers[2])


def _records(segment: memoryview) -> Iterator[tuple[bytes, list[float]]]:
    with segment.cast("Q") as numbers, segment.cast("d") as values:
        at, end = _HEAD // _WORD, min(numbers[2], len(segment)) // _WORD
        while at < end:
            key_length, count = numbers[at] & 0xFFFFFFFF, numbers[at] >> 32
            first = at + 1 + -(-key_length // _WORD)
            if first + count > end:
                return
            key_at = (at + 1) * _WORD
            yield (
                segment[key_at : key_at + key_length].tobytes(),
                [values[each] for each in range(first, first + count)],
            )
            at = first + count
