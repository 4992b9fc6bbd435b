"""Which body has to go when there is no room: S3-FIFO, three first-in-first-out queues.

What is new waits in a small queue; only what is asked for again while it waits gets into the main queue, so a scan
of things that are wanted once passes through the small one and leaves the rest alone. The main queue gives what was
asked for another round. The third queue, of ghosts, remembers what left the small queue too early: that goes
straight into the main one when it comes back. (Yang et al., "FIFO queues are all you need for cache eviction",
SOSP 2023.)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

SMALL_SHARE = 0.1
MAX_FREQUENCY = 3
PROMOTED_FROM = 2  # hits while in the small queue


class Queue(IntEnum):
    """Where a body waits."""

    SMALL = 0
    MAIN = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """A body in a queue."""

    body_id: int
    size_bytes: int
    frequency: int  # hits since it was queued, or since its last round, at most MAX_FREQUENCY


class Queues(Protocol):
    """The queues, wherever they are kept."""

    def size_bytes(self, queue: Queue) -> int:
        """What the entries of `queue` take together."""
        ...

    def oldest(self, queue: Queue) -> Entry | None:
        """The entry that has waited longest; None when the queue is empty."""
        ...

    def requeue(self, entry: Entry, source: Queue, frequency: int) -> None:
        """Take `entry` from `source` and put it at the end of the main queue."""
        ...

    def evict(self, entry: Entry, source: Queue) -> None:
        """Take `entry` from `source` for good; from the small queue it becomes a ghost."""
        ...


def queue_for_new(*, is_ghost: bool) -> Queue:
    """Where something new begins."""
    return Queue.MAIN if is_ghost else Queue.SMALL


def make_room(queues: Queues, *, capacity_bytes: int, most_bytes: int, steps: int) -> bool:
    """Evict until all entries together take at most `most_bytes`; `capacity_bytes` is what they may take.

    False when that takes more than so many `steps`: another call goes on where this one ended.
    """
    while queues.size_bytes(Queue.SMALL) + queues.size_bytes(Queue.MAIN) > max(0, most_bytes):
        if not steps:
            return False
        steps -= 1
        if queues.size_bytes(Queue.SMALL) > capacity_bytes * SMALL_SHARE or not queues.size_bytes(Queue.MAIN):
            _step(queues, Queue.SMALL, PROMOTED_FROM)
        else:
            _step(queues, Queue.MAIN, 1)
    return True


def _step(queues: Queues, queue: Queue, kept_from: int) -> None:
    entry = queues.oldest(queue)
    if entry is None:
        raise ValueError("an empty queue has a size")
    if entry.frequency < kept_from:
        queues.evict(entry, queue)
    else:
        queues.requeue(entry, queue, entry.frequency - 1 if queue is Queue.MAIN else 0)
