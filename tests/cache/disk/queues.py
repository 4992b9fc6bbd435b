"""Eviction queues in memory, as a cache of keys, and plain LRU beside it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from cache.disk.eviction import MAX_FREQUENCY, Entry, Queue, make_room, queue_for_new

ALL = 1_000_000  # more steps than there are


class MemoryQueues:
    """A cache of objects of a given size that evicts by the policy under test."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.queues: dict[Queue, OrderedDict[int, Entry]] = {queue: OrderedDict() for queue in Queue}
        self.ghosts: OrderedDict[int, None] = OrderedDict()
        self.evictions: list[tuple[int, Queue]] = []

    def size_bytes(self, queue: Queue) -> int:
        return sum(entry.size_bytes for entry in self.queues[queue].values())

    def oldest(self, queue: Queue) -> Entry | None:
        return next(iter(self.queues[queue].values()), None)

    def requeue(self, entry: Entry, source: Queue, frequency: int) -> None:
        del self.queues[source][entry.body_id]
        self.queues[Queue.MAIN][entry.body_id] = Entry(entry.body_id, entry.size_bytes, frequency)

    def evict(self, entry: Entry, source: Queue) -> None:
        del self.queues[source][entry.body_id]
        self.evictions.append((entry.body_id, source))
        if source is Queue.SMALL:
            self.ghosts[entry.body_id] = None
            while len(self.ghosts) > max(10, sum(map(len, self.queues.values()))):
                self.ghosts.popitem(last=False)

    def ask(self, name: int, size: int = 1) -> bool:
        """Whether `name` was there; it is now."""
        for waiting in self.queues.values():
            if (entry := waiting.get(name)) is not None:
                waiting[name] = Entry(name, entry.size_bytes, min(MAX_FREQUENCY, entry.frequency + 1))
                return True
        make_room(self, capacity_bytes=self.capacity, most_bytes=self.capacity - size, steps=ALL)
        is_ghost = name in self.ghosts
        self.ghosts.pop(name, None)
        self.queues[queue_for_new(is_ghost=is_ghost)][name] = Entry(name, size, 0)
        return False


class Lru:
    """A cache of `capacity` objects that evicts what was asked for longest ago."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[Hashable, None] = OrderedDict()

    def ask(self, name: Hashable) -> bool:
        """Whether `name` was there; it is now."""
        if name in self._kept:
            self._kept.move_to_end(name)
            return True
        self._kept[name] = None
        if len(self._kept) > self._capacity:
            self._kept.popitem(last=False)
        return False
