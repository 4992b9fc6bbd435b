"""The second tier on Redis.

It fails open: whatever goes wrong is a miss and a count. One budget covers all of an operation (waiting for a
connection, opening one, asking, reading), and a breaker stops asking a Redis that hangs; finding out whether
it is back is a background task's work, so that no look-up ever pays for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import random

from cache.breaker import Admission, Breaker
from cache.entry import PACKED_VERSION
from cache.errors import SecondTierUnavailable
from cache.key import CacheKey
from cache.outcome import Event, NullRecorder, Operation, Recorder, Result
from cache.redis_link import RedisLink, Script, Word
from cache.redis_url import RedisTls

_LONGEST_TTL_SECONDS = 30 * 86400.0
# A Redis that refuses quickly costs nothing and is asked again; one that lets nobody in costs a connection each time.
_TROUBLE = (Result.TIMED_OUT, Result.FAILED, Result.DENIED)

# KEYS: value, its fence. ARGV: value, ms, fence. Whether it was set.
_SET_FENCED = Script("""
local last = redis.call('EXISTS', KEYS[1]) == 1 and redis.call('GET', KEYS[2])
if last and (tonumber(last) or 0) > tonumber(ARGV[3]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[2])
return 1
""")


@dataclass(frozen=True, slots=True)
class RedisLimits:
    """What the tier may cost at most."""

    budget_seconds: float = 0.25  # for the whole of one operation
    connections: int = 32
    largest_value_bytes: int = 4 * 2**20
    failures: int = 5  # in a row, until it is left alone
    rest_seconds: float = 1.0
    longest_rest_seconds: float = 10.0


class RedisSecondTier:
    """A `SecondTier`. Keys are `prefix:v<packed version>:<key>`: versions side by side do not meet.

    The fence of a value is under `{<that key>}:fence`, and so in the same slot of a cluster.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "headgate",
        limits: RedisLimits | None = None,
        recorder: Recorder | None = None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random,
        tls: RedisTls | None = None,
    ) -> None:
        """`url` and `tls` as for `RedisLink`. Opens no connection yet. Raises `BadRedisUrl` when they make no sense."""
        limits = limits or RedisLimits()
        self._prefix = f"{prefix}:v{PACKED_VERSION}:"
        self._limits = limits
        self._recorder: Recorder = recorder or NullRecorder()
        self._clock = clock
        self._jitter = jitter
        self._breaker = Breaker(limits.failures, limits.rest_seconds, limits.longest_rest_seconds)
        self._link = RedisLink(url, connections=limits.connections, budget_seconds=limits.budget_seconds, tls=tls)
        self._recovery: asyncio.Task[None] | None = None
        self._is_closed = False

    def __repr__(self) -> str:
        return f"RedisSecondTier({self.where})"

    @property
    def where(self) -> str:
        """The socket's path, or hosts and ports: all of the URL that may be shown."""
        return self._link.where

    async def get(self, key: CacheKey) -> bytes | None:
        """See `SecondTier`."""
        # GETRANGE, because GET would fetch the whole of whatever somebody else put there.
        largest = self._limits.largest_value_bytes
        value = await self._ask(Operation.GET, "GETRANGE", self._name(key), 0, largest)
        if not isinstance(value, bytes) or not value:
            return None
        if len(value) > largest:
            self._recorder.happened(Event.SHARED_TOO_LARGE)
            return None
        return value

    async def set(self, key: CacheKey, value: bytes, ttl_seconds: float, fence: int | None = None) -> None:
        """See `SecondTier`."""
        if len(value) > self._limits.largest_value_bytes:
            self._recorder.happened(Event.SHARED_TOO_LARGE)
            return
        milliseconds = int(min(ttl_seconds, _LONGEST_TTL_SECONDS) * 1000)
        name = self._name(key)
        if not value or milliseconds <= 0:
            return
        if fence is None:
            await self._ask(Operation.SET, "SET", name, value, "PX", milliseconds)
            return
        keys = (name, f"{{{name}}}:fence")
        if await self._ask(Operation.SET, value, milliseconds, fence, script=_SET_FENCED, keys=keys) == 0:
            self._recorder.happened(Event.SHARED_WRITE_FENCED)

    async def delete(self, key: CacheKey) -> None:
        """See `SecondTier`."""
        await self._ask(Operation.DELETE, "UNLINK", self._name(key))

    async def probe(self) -> None:
        """See `SecondTier`. Asks whatever the breaker thinks; the error's text is the value of a `Result`."""
        result = Result.FAILED if self._is_closed else (await self._command(Operation.PROBE, "PING"))[0]
        if result is not Result.DONE:
            raise SecondTierUnavailable(result.value)

    async def close(self) -> None:
        """See `SecondTier`. The caches that use it are closed first."""
        self._is_closed = True
        if self._recovery is not None:
            self._recovery.cancel()
            await asyncio.gather(self._recovery, return_exceptions=True)
        await self._link.close()

    def _name(self, key: CacheKey) -> str:
        return self._prefix + key.text

    async def _ask(
        self, operation: Operation, *words: Word, script: Script | None = None, keys: Sequence[str] = ()
    ) -> object:
        """The answer, or None when there is none or Redis is being left alone."""
        admission = self._admit()
        if admission is not Admission.OPERATION:
            self._recorder.happened(Event.SHARED_SKIPPED)
            return None
        result, answer = await self._command(operation, *words, script=script, keys=keys)
        self._settle(admission, result)
        return answer

    def _admit(self) -> Admission:
        if self._is_closed:
            return Admission.NOTHING
        admission = self._breaker.admit(self._clock())
        if admission is Admission.PROBE:
            self._recorder.breaker(self._breaker.state)
            self._recovery = asyncio.get_running_loop().create_task(self._recover())
        return admission

    async def _recover(self) -> None:
        result, _ = await self._command(Operation.PROBE, "PING")
        self._settle(Admission.PROBE, result)

    def _settle(self, admission: Admission, result: Result) -> None:
        before = self._breaker.state
        if result in _TROUBLE:
            self._breaker.failed(admission, self._clock(), self._jitter())
        else:
            self._breaker.succeeded(admission)
        if self._breaker.state is not before:
            self._recorder.breaker(self._breaker.state)

    async def _command(
        self, operation: Operation, *words: Word, script: Script | None = None, keys: Sequence[str] = ()
    ) -> tuple[Result, object]:
        """One command or script within the budget; told to the recorder, never raises."""
        started = self._clock()
        question = self._link.ask(*words) if script is None else self._link.run(script, keys, *words)
        result, answer = await question
        if operation is Operation.GET and result is Result.DONE:
            result = _RESULTS[bool(answer)]
        self._recorder.operated(operation, result, self._clock() - started)
        return result, answer


_RESULTS = {True: Result.FOUND, False: Result.ABSENT}
