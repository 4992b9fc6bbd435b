"""The first tier: this process's memory, least recently used out first."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

from cache.entry import Entry
from cache.key import CacheKey

V = TypeVar("V")

OVERHEAD_BYTES = 512  # of an entry beside its value: key, slots, table

_LARGEST_SHARE = 8  # by default one entry may take an eighth of all, so that none can sweep the others out


class MemoryTier(Generic[V]):
    """Entries by key, bounded in bytes. Not for use by several threads.

    It knows no time: whether an entry may be served is judged by whoever takes it out, and one that may not
    is still of use for asking the source whether anything changed. It leaves when room is needed.
    """

    def __init__(self, capacity_bytes: int, largest_bytes: int | None = None) -> None:
        """`largest_bytes` bounds one entry; by default an eighth of the capacity."""
        self._slots: OrderedDict[CacheKey, tuple[Entry[V], int]] = OrderedDict()
        self._capacity_bytes = capacity_bytes
        self._largest_bytes = capacity_bytes // _LARGEST_SHARE if largest_bytes is None else largest_bytes
        if not 0 <= self._largest_bytes <= capacity_bytes:
            raise ValueError("the largest entry must fit into the capacity")
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._slots)

    def get(self, key: CacheKey) -> Entry[V] | None:
        """The entry, fresh or not, now the most recently used."""
        slot = self._slots.get(key)
        if slot is None:
            return None
        self._slots.move_to_end(key)
        return slot[0]

    def put(self, key: CacheKey, entry: Entry[V], value_bytes: int) -> int | None:
        """Keep the entry in place of the key's former one; how many others had to go.

        None when it is too large to be kept; the former one is gone all the same, since it is out of date.
        """
        self.drop(key)
        weight = value_bytes + OVERHEAD_BYTES
        if weight > self._largest_bytes:
            return None
        self._slots[key] = (entry, weight)
        self.size_bytes += weight
        evicted = 0
        while self.size_bytes > self._capacity_bytes:
            _, (_, freed) = self._slots.popitem(last=False)
            self.size_bytes -= freed
            evicted += 1
        return evicted

    def drop(self, key: CacheKey) -> None:
        """Forget the key, if it is here."""
        slot = self._slots.pop(key, None)
        if slot is not None:
            self.size_bytes -= slot[1]
