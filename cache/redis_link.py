"""A line to Redis that never costs more than its budget and never raises.

Redis may be one server, the master that Sentinels watch, or a cluster: what is promised is the same. What is made of an
answer, and whether a Redis that fails is asked again, is decided by those who use it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from cache.outcome import Result
from cache.redis_url import RedisTls, parse_redis_url

if TYPE_CHECKING:
    from cache.redis_client import Subscriber

Word = str | bytes | int


@dataclass(frozen=True)
class Script:
    """What Redis does in one step, in Lua."""

    text: str

    @cached_property
    def digest(self) -> str:
        """The name that Redis gives it."""
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class RedisLink:
    """Connections to one Redis, however many servers that is."""

    def __init__(
        self, url: str, *, connections: int = 32, budget_seconds: float = 0.25, tls: RedisTls | None = None
    ) -> None:
        """`url` as in `cache.redis_url`; it may hold passwords, which stay in here. At most `connections` questions are
        asked at once; the others wait. `tls` holds where the URL says nothing.

        Opens no connection yet. Raises `BadRedisUrl` when the URL makes no sense or TLS's files cannot be used.
        """
        self._address = parse_redis_url(url, tls)
        self._budget = budget_seconds
        self._turns = asyncio.Semaphore(connections)
        # The library is the largest of all, and most of those who start have no Redis.
        from cache.redis_client import client, result_of  # noqa: PLC0415

        self._client, self._result_of = client(self._address, budget_seconds), result_of
        self._listening: Subscriber | None = None

    def __repr__(self) -> str:
        return f"RedisLink({self.where})"

    @property
    def where(self) -> str:
        """The socket's path, or hosts and ports: all of the URL that may be shown."""
        return self._address.where

    async def ask(self, *words: Word) -> tuple[Result, object]:
        """One command within the budget: DONE and the answer, or what went wrong and None.

        The budget covers all of it: waiting for a connection, opening one, asking, reading. In a cluster the keys of
        one command share a slot, and a command without keys is for whichever node.
        """
        try:
            async with asyncio.timeout(self._budget), self._turns:
                return Result.DONE, await self._client.execute(*words)
        # Any exception: what listens there may not be a Redis at all, and nonsense surfaces from the client
        # in many shapes. Its text is not passed on, so that no part of the URL is.
        except Exception as error:
            return self._result_of(error), None

    async def run(self, script: Script, keys: Sequence[str], *words: Word) -> tuple[Result, object]:
        """Run a script as `ask` does; its text is sent only to a Redis that does not know it. Its keys share a slot."""
        result, answer = await self.ask("EVALSHA", script.digest, len(keys), *keys, *words)
        if result is Result.REFUSED:  # "no such script" is one of the reasons, and the others cost one question more
            return await self.ask("EVAL", script.text, len(keys), *keys, *words)
        return result, answer

    async def hear(
        self, channel: str, heard: Callable[[bytes], None], began: Callable[[], None], idle_seconds: float
    ) -> None:
        """Pass on what is published on the channel until the line is lost, and return then. Never raises.

        `began` is called when everything that is published from then on is heard; once more when the line was lost
        and mended unseen. A silent line is tried every `idle_seconds` and lost when no answer comes within the budget.
        Any number of calls at once, with a connection each; neither function raises.
        """
        listening = self._client.subscriber()
        try:
            with suppress(Exception):  # as above
                async with asyncio.timeout(self._budget):
                    await listening.subscribe(channel)
                await self._pass_on(listening, heard, began, idle_seconds)
        finally:
            with suppress(Exception):
                async with asyncio.timeout(self._budget):
                    await listening.aclose()  # type: ignore[no-untyped-call]

    async def _pass_on(
        self, listening: Subscriber, heard: Callable[[bytes], None], began: Callable[[], None], idle_seconds: float
    ) -> None:
        is_answer_due = True  # to the subscription first, then to each ping
        while True:
            message = await listening.get_message(timeout=self._budget if is_answer_due else idle_seconds)
            match message:
                case {"type": "message", "data": bytes() as data}:
                    heard(data)
                case {"type": "subscribe"}:
                    began()
                case None if is_answer_due:
                    return
                case None:
                    async with asyncio.timeout(self._budget):
                        await listening.ping()
            is_answer_due = message is None

    async def listen(self, channel: str, seconds: float) -> None:
        """Return soon after something is published on the channel, or after about `seconds`; now and then for nothing.

        What is published while nobody listens, before the first call or while Redis is away, is not heard of. One
        channel for each link, and one call at a time.
        """
        try:
            async with asyncio.timeout(seconds + 2 * self._budget):
                if self._listening is None:
                    self._listening = self._client.subscriber()
                    await self._listening.subscribe(channel)
                if await self._listening.get_message(True, timeout=seconds) is None:
                    await self._make_sure(self._listening)
        except Exception:  # as above
            await self._stop_listening()
            await asyncio.sleep(seconds)

    async def close(self) -> None:
        """End every connection. Idempotent."""
        await self._stop_listening()
        with suppress(Exception):
            async with asyncio.timeout(self._budget):
                await self._client.close()

    async def _make_sure(self, listening: Subscriber) -> None:
        """Raises when nobody is at the other end: a server that has died in silence looks like one without news."""
        await listening.ping()
        async with asyncio.timeout(self._budget):
            while await listening.get_message(True, timeout=self._budget) is None:
                pass

    async def _stop_listening(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            with suppress(Exception):
                async with asyncio.timeout(self._budget):
                    await listening.aclose()  # type: ignore[no-untyped-call]
