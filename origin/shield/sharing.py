"""One pull for the whole fleet: whoever has the lease pulls, and passes the body on to nodes that wait for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from cache.disk.fill import Fill
from cache.fleet.leases import Leases
from cache.fleet.relay import Followed, Relay
from cache.fleet.waiting import follow_or_wake
from origin.httpcache.reuse import Purged
from origin.httpcache.stored import StoredResponse, pack, unpack

# Whether what is kept under a public URL, with these tags and from a pull that began then, has been purged.
Judge = Callable[[str, tuple[str, ...], float], Purged]


def _never_purged(_url: str, _tags: tuple[str, ...], _requested_at: float) -> Purged:
    return Purged.NONE


@dataclass(frozen=True, slots=True)
class Fleet:
    """What nodes coalesce by."""

    leases: Leases
    relay: Relay | None  # None: a node alone
    judge: Judge = _never_purged

    def has_purged(self, url: str, stored: StoredResponse) -> bool:
        """Whether a response's pull began before a purge of it."""
        return self.judge(url, stored.tags, stored.requested_at) is not Purged.NONE

    async def follow_or_wait(self, name: str) -> Followed | None:
        """The body that the holder of this lease passes on; None once it is clear that it does not."""
        if self.relay is None:
            await self.leases.wait(name, self.leases.seconds)
            return None
        found = await follow_or_wake(self.leases, self.relay, name, self.leases.seconds)
        return found if isinstance(found, Followed) else None


@dataclass(frozen=True, slots=True)
class Run:
    """Which bytes of a body come."""

    length: int | None  # of all of it
    start: int = 0
    stop: int | None = None  # None: to the end

    @property
    def size(self) -> int | None:
        """How many they are."""
        stop = self.length if self.stop is None else self.stop
        return None if stop is None else stop - self.start


class _Head(msgspec.Struct, array_like=True, frozen=True):
    stored: bytes
    status: int
    length: int | None
    start: int
    stop: int | None


def pack_head(stored: StoredResponse, status: int, run: Run) -> bytes:
    """What the nodes that follow a body are told of it; `status` is the upstream's."""
    return msgspec.msgpack.encode(_Head(pack(stored), status, run.length, run.start, run.stop))


def unpack_head(followed: Followed) -> tuple[StoredResponse, int, Run] | None:
    """The same, told by another node; None for anything else."""
    try:
        head = msgspec.msgpack.decode(followed.head, type=_Head)
        return unpack(head.stored), head.status, Run(head.length, head.start, head.stop)
    except (ValueError, msgspec.DecodeError):
        return None


class Shifted:
    """A run of a body that is being filled, as the relay wants it: from its own first byte on."""

    def __init__(self, fill: Fill, run: Run) -> None:
        """`run` says where in the body it begins."""
        self._fill = fill
        self._start = run.start
        self.length = run.size

    def reach(self, offset: int) -> int:
        """See `Growing`."""
        return min(self._fill.reach(offset + self._start) - self._start, self._most(offset))

    async def wait(self, offset: int) -> int:
        """See `Growing`."""
        if self.length is not None and offset >= self.length:
            return offset
        return min(await self._fill.wait(offset + self._start) - self._start, self._most(offset))

    async def read(self, start: int, stop: int) -> bytes:
        """See `Growing`."""
        return await self._fill.read(start + self._start, stop + self._start)

    def _most(self, offset: int) -> int:
        # Where more of the body is there already, it is none of the run's.
        return max(offset, self.length) if self.length is not None else 1 << 62
