"""Purges in Redis, where nodes find those that they did not hear of.

    namespace:v1:{purges}          hash: the newest purge of each scope, mode and value
    namespace:v1:{purges}:version  a word that is another one after each change; gone when Redis has lost something

The hash is as long as the longest table of a node at most: who folds records, or finds them too old, takes them out.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Protocol

from cache.errors import CacheError
from cache.outcome import Result
from cache.purge_records import content_of, field_of, from_fields
from cache.purges import Purge

_AT_ONCE = 500  # records in one command

# Nothing is put in the place of what is later, nor taken out that is not what it was.
_WRITE = """
local puts = tonumber(ARGV[3])
for i = 4, 3 + 2 * puts, 2 do
  local there = redis.call('HGET', KEYS[1], ARGV[i])
  local at = there and tonumber(string.match(there, '^%S+'))
  if not at or at <= tonumber(string.match(ARGV[i + 1], '^%S+')) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
for i = 4 + 2 * puts, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('HDEL', KEYS[1], ARGV[i])
  end
end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""
_READ = """
return redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
"""

Word = str | bytes | int


class PurgesUnavailable(CacheError):  # noqa: N818  # named for what it is, like the others of the tree
    """Redis did not do what was asked of it."""

    reason = "purges_unavailable"


class Asks(Protocol):
    """As much of `RedisLink` as is wanted here."""

    async def ask(self, *words: Word) -> tuple[Result, object]:
        """One command: DONE and the answer, or what went wrong and None."""
        ...


class RedisPurges:
    """The fleet's purges. Every method raises `PurgesUnavailable` when Redis does not answer as it should."""

    def __init__(
        self, link: Asks, *, namespace: str = "headgate", longest_lifetime: float, new_id: Callable[[], str]
    ) -> None:
        """`longest_lifetime` as for the table; `new_id` gives another word each time, on every node."""
        self._link = link
        self._keys = (f"{namespace}:v1:{{purges}}", f"{namespace}:v1:{{purges}}:version")
        self._seconds = max(1, math.ceil(longest_lifetime))
        self._new_id = new_id
        self._version: object = b"never read"

    async def has_changed(self) -> bool:
        """Whether there is something that the last `read` did not give; what this object wrote counts too."""
        return await self._ask("GET", self._keys[1]) != self._version

    async def read(self) -> list[Purge]:
        """All of them, the too old ones too."""
        version = await self._ask("GET", self._keys[1])  # first: what is written while we read is news the next time
        cursor: bytes = b"0"
        fields: dict[bytes, bytes] = {}
        while True:
            cursor, words = self._page(await self._ask("EVAL", _READ, 1, self._keys[0], cursor, _AT_ONCE))
            fields.update(zip(words[::2], words[1::2], strict=True))
            if cursor == b"0":
                break
        self._version = version
        return await asyncio.to_thread(from_fields, fields)

    async def write(self, put: Sequence[Purge], dropped: Sequence[Purge] = ()) -> None:
        """Put these there, unless there are later ones, and take those out. All or some of it, when it raises."""
        for start in range(0, max(len(put), len(dropped)), _AT_ONCE):
            coming, going = put[start : start + _AT_ONCE], dropped[start : start + _AT_ONCE]
            words = chain.from_iterable((field_of(one), content_of(one)) for one in (*coming, *going))
            head = (self._new_id(), self._seconds, len(coming))
            await self._ask("EVAL", _WRITE, 2, *self._keys, *head, *words)

    def _page(self, answer: object) -> tuple[bytes, list[bytes]]:
        match answer:
            case [bytes() as cursor, list() as words] if len(words) % 2 == 0:
                return cursor, [word for word in words if isinstance(word, bytes)]
        raise PurgesUnavailable("the answer makes no sense")

    async def _ask(self, *words: Word) -> object:
        result, answer = await self._link.ask(*words)
        if result is not Result.DONE:
            raise PurgesUnavailable(result.value)
        return answer
