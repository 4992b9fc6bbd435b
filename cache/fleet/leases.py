"""Who loads a key: one holder at a time, and those who wait for it.

    acquired    nobody held it. The fence is higher than that of every holder before, so that what a holder writes
                after its lease has ended can be told from what the next one writes.
    waiting     ended by the holder's message, by the loss of the bus, or when the lease has run out in Redis
    local       Redis is away: everybody may load, nobody waits

A holder that dies is noticed when its lease runs out; one that lives renews it. Redis keeps, with a hash tag so that a
script's keys share a slot:

    namespace:v1:lease:{<digest of key>}          the holder's token; gone when the lease ends
    namespace:v1:lease:{<digest of key>}:fence    the last fence: never below Redis's clock in microseconds, so that it
                                                  grows over a flush and a fail-over too
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum, auto
from hashlib import blake2b
from typing import Protocol

from cache.fleet.bus import Bus
from cache.fleet.guard import Guard
from cache.fleet.record import FleetEvent, FleetRecorder, NullFleetRecorder
from cache.outcome import Result
from cache.redis_link import Script

LEASE_SECONDS = 5.0

_TOPIC = "lease"
_DIGEST_BYTES = 16
_FENCE_MS = 86_400_000  # how long a fence is remembered after its holder
_GRACE_SECONDS = 0.01  # after a lease's end, so that Redis has dropped it when it is asked

# KEYS: lease, fence. ARGV: token, lease in ms, how long to remember the fence in ms. The fence, or 0 when it is held. A
# connection that breaks makes the client ask twice: the token shows that the lease is its own.
_ACQUIRE = Script("""
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  if redis.call('PTTL', KEYS[1]) == -1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
  return 0
end
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
if not holder then
  local time = redis.call('TIME')
  last = math.max(last + 1, time[1] * 1000000 + time[2])
  redis.call('SET', KEYS[2], string.format('%.0f', last), 'PX', ARGV[3])
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return last
""")

# KEYS: lease. ARGV: token, lease in ms. Whether it is still held.
_RENEW = Script("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
""")

# KEYS: lease. ARGV: token. Whether it was still held.
_RELEASE = Script("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
""")


class Wake(Enum):
    """Why a waiter goes on."""

    DONE = auto()  # the holder has finished well
    FAILED = auto()  # the holder's source is in trouble
    EXPIRED = auto()  # the lease is free or gone, or the time is over, or nobody can say


class Lease(Protocol):
    """The right to load a key."""

    @property
    def fence(self) -> int:
        """Higher than that of each earlier holder of the key; 0 for a local lease."""
        ...

    @property
    def is_local(self) -> bool:
        """Whether others may hold it at the same time, because they cannot be asked."""
        ...

    async def renew(self) -> bool:
        """Hold it for another full length. False once it is lost; while nobody can say, it is ours until its end."""
        ...

    async def keep(self) -> None:
        """Renew it for as long as this is awaited; returns when it is lost."""
        ...

    async def release(self, is_done: bool | None) -> None:
        """End it and wake those who wait, with DONE or FAILED, or EXPIRED for None: let the next one try.

        Nothing when it was lost. Idempotent.
        """
        ...


class Leases(Protocol):
    """Leases by key; a key is any text."""

    @property
    def seconds(self) -> float:
        """How long a lease lasts when it is not renewed."""
        ...

    async def acquire(self, key: str) -> Lease | None:
        """The lease, or None when somebody else holds it. Never raises; a local one when nobody can say."""
        ...

    async def wait(self, key: str, seconds: float) -> Wake:
        """Until the holder finishes, its lease is gone, or `seconds` are over. Never raises."""
        ...


@asynccontextmanager
async def kept(lease: Lease) -> AsyncIterator[None]:
    """Renew the lease for the length of the block; it is the caller's to release."""
    keeping = asyncio.get_running_loop().create_task(lease.keep())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


class LocalLease:
    """A `Lease` that nobody else knows of."""

    fence = 0
    is_local = True

    async def renew(self) -> bool:
        """See `Lease`."""
        return True

    async def keep(self) -> None:
        """See `Lease`."""
        await asyncio.Event().wait()

    async def release(self, is_done: bool | None) -> None:
        """See `Lease`."""


class NoLeases:
    """`Leases` of a process that has no fleet: each is granted, and nobody waits."""

    seconds = LEASE_SECONDS

    async def acquire(self, key: str) -> Lease | None:
        """See `Leases`."""
        del key
        return LocalLease()

    async def wait(self, key: str, seconds: float) -> Wake:
        """See `Leases`."""
        del key, seconds
        return Wake.EXPIRED


class RedisLeases:
    """`Leases` that all nodes on the bus share. The bus must be running."""

    def __init__(
        self,
        guard: Guard,
        bus: Bus,
        namespace: str,
        token: Callable[[], str],
        *,
        seconds: float = LEASE_SECONDS,
        clock: Callable[[], float],
        recorder: FleetRecorder | None = None,
    ) -> None:
        """`token` gives a text that nobody else has, each time another; `clock` seconds that never go back."""
        self.seconds = seconds
        self._guard = guard
        self._bus = bus
        self._namespace = namespace
        self._token = token
        self._clock = clock
        self._recorder: FleetRecorder = recorder or NullFleetRecorder()
        self._waiters: defaultdict[bytes, set[asyncio.Queue[Wake | None]]] = defaultdict(set)
        bus.subscribe(_TOPIC, self._heard)
        bus.on_reconnected(self._look_again)
        bus.on_lost(self._look_again)

    async def acquire(self, key: str) -> Lease | None:
        """See `Leases`."""
        if not self._bus.is_connected:  # nobody who waits would be woken
            return self._local()
        digest = digest_of(key)
        name, token = self._name(digest), self._token()
        asked_at = self._clock()
        words = (token, round(self.seconds * 1000), _FENCE_MS)
        result, fence = await self._guard.run(_ACQUIRE, (name, fence_name(self._namespace, digest)), *words)
        if result is not Result.DONE or not isinstance(fence, int):
            return self._local()
        if fence == 0:
            self._recorder.noted(FleetEvent.LEASE_HELD)
            return None
        self._recorder.noted(FleetEvent.LEASE_ACQUIRED)
        return _RedisLease(self, digest, token, fence, asked_at + self.seconds)

    async def wait(self, key: str, seconds: float) -> Wake:
        """See `Leases`. Redis is asked how long the lease lasts, and again only when it should have ended by then."""
        digest = digest_of(key)
        calls: asyncio.Queue[Wake | None] = asyncio.Queue()
        self._waiters[digest].add(calls)
        try:
            wake = await self._wake(digest, calls, self._clock() + seconds)
        finally:
            self._waiters[digest].discard(calls)
            if not self._waiters[digest]:
                del self._waiters[digest]
        self._recorder.noted(_WOKEN[wake])
        return wake

    async def _wake(self, digest: bytes, calls: asyncio.Queue[Wake | None], until: float) -> Wake:
        while True:
            lasts = await self._lasts(digest)
            wake = await _next(calls, min(lasts, until - self._clock()))
            if wake is not None:
                return wake
            if lasts <= 0 or self._clock() >= until:
                return Wake.EXPIRED

    async def _lasts(self, digest: bytes) -> float:
        """For how long the lease is held if it is not renewed; 0 when it is not, or when nobody can say."""
        if not self._bus.is_connected:
            return 0.0
        _, left = await self._guard.ask("PTTL", self._name(digest))
        return left / 1000 + _GRACE_SECONDS if isinstance(left, int) and left >= 0 else 0.0

    async def renew(self, digest: bytes, token: str) -> bool | None:
        """Whether the token's lease was renewed; None when nobody can say."""
        result, is_ours = await self._guard.run(_RENEW, (self._name(digest),), token, round(self.seconds * 1000))
        return is_ours == 1 if result is Result.DONE else None

    async def release(self, digest: bytes, token: str, is_done: bool | None) -> None:
        """End the token's lease and tell everybody."""
        result, was_ours = await self._guard.run(_RELEASE, (self._name(digest),), token)
        if result is Result.DONE and was_ours != 1:
            self.lost()
            return
        self._bus.publish(_TOPIC, digest + _VERDICTS[is_done])

    def now(self) -> float:
        """The time that leases are held by."""
        return self._clock()

    def lost(self) -> None:
        """Count a lease that its holder has lost."""
        self._recorder.noted(FleetEvent.LEASE_LOST)

    def _local(self) -> Lease:
        self._recorder.noted(FleetEvent.LEASE_LOCAL)
        return LocalLease()

    def _name(self, digest: bytes) -> str:
        return lease_name(self._namespace, digest)

    def _heard(self, payload: bytes) -> None:
        digest, verdict = payload[:_DIGEST_BYTES], payload[_DIGEST_BYTES:]
        for calls in self._waiters.get(digest, ()):
            calls.put_nowait(_WAKES.get(verdict, Wake.EXPIRED))

    def _look_again(self) -> None:
        """The holder's message may have been missed, or will be."""
        for waiters in self._waiters.values():
            for calls in waiters:
                calls.put_nowait(None)


class _RedisLease:
    """A `Lease`."""

    is_local = False

    def __init__(self, leases: RedisLeases, digest: bytes, token: str, fence: int, ends_at: float) -> None:
        self.fence = fence
        self._leases = leases
        self._digest = digest
        self._token = token
        self._ends_at = ends_at  # by our clock, from before Redis was asked: never later than by its own
        self._is_over = False

    async def renew(self) -> bool:
        """See `Lease`."""
        asked_at = self._leases.now()
        is_ours = None if self._is_over else await self._leases.renew(self._digest, self._token)
        if is_ours:
            self._ends_at = asked_at + self._leases.seconds
        return is_ours if is_ours is not None else not self._is_over and self._leases.now() < self._ends_at

    async def keep(self) -> None:
        """See `Lease`."""
        is_ours = True
        while is_ours:
            await asyncio.sleep(self._leases.seconds / 3)
            is_ours = await self.renew()
        if not self._is_over:
            self._is_over = True  # there is nothing left to release
            self._leases.lost()

    async def release(self, is_done: bool | None) -> None:
        """See `Lease`."""
        if not self._is_over:
            self._is_over = True
            await self._leases.release(self._digest, self._token, is_done)


async def _next(calls: asyncio.Queue[Wake | None], seconds: float) -> Wake | None:
    """The next call; None when it says to look again, and when none comes in time."""
    try:
        async with asyncio.timeout(max(seconds, 0)):
            return await calls.get()
    except TimeoutError:
        return None


def fence_name(namespace: str, digest: bytes) -> str:
    """Where the last fence of the key with that digest is."""
    return f"{lease_name(namespace, digest)}:fence"


def lease_name(namespace: str, digest: bytes) -> str:
    """Where the token of its holder is."""
    return f"{namespace}:v1:lease:{{{digest.hex()}}}"


def digest_of(key: str) -> bytes:
    """A bounded name for what may be long or strange."""
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()


_VERDICTS = {True: b"\1", False: b"\0", None: b"\2"}
_WAKES = {b"\1": Wake.DONE, b"\0": Wake.FAILED}
_WOKEN = {
    Wake.DONE: FleetEvent.WOKEN_DONE,
    Wake.FAILED: FleetEvent.WOKEN_FAILED,
    Wake.EXPIRED: FleetEvent.WAIT_EXPIRED,
}
