"""A line to Redis that never costs more than its budget and never raises: the only place that speaks Redis.

What is made of an answer, and whether a Redis that fails is asked again, is decided by those who use it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.client import PubSub
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.maint_notifications import MaintNotificationsConfig

from cache.errors import BadRedisUrl
from cache.outcome import Result

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
    """A pool of connections to one Redis."""

    def __init__(self, url: str, *, connections: int = 32, budget_seconds: float = 0.25) -> None:
        """`url` is `redis://`, `rediss://` or `unix://` and may hold a password, which stays in here.

        Opens no connection yet. Raises `BadRedisUrl` when that makes no sense.
        """
        self._budget = budget_seconds
        self._redis = _client(url, connections, budget_seconds)
        self._listening: PubSub | None = None

    def __repr__(self) -> str:
        return f"RedisLink({self.where})"

    @property
    def where(self) -> str:
        """The socket's path, or host and port: all of the URL that may be shown."""
        options = self._redis.connection_pool.connection_kwargs
        return options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"

    async def ask(self, *words: Word) -> tuple[Result, object]:
        """One command within the budget: DONE and the answer, or what went wrong and None.

        The budget covers all of it: waiting for a connection, opening one, asking, reading.
        """
        try:
            async with asyncio.timeout(self._budget):
                return Result.DONE, await self._redis.execute_command(*words)  # type: ignore[no-untyped-call]
        except (TimeoutError, RedisTimeoutError):
            result = Result.TIMED_OUT
        except ResponseError:
            result = Result.REFUSED
        except AuthenticationError:
            result = Result.DENIED
        # Any exception: what listens there may not be a Redis at all, and nonsense surfaces from the client
        # in many shapes. Its text is not passed on, so that no part of the URL is.
        except Exception:
            result = Result.FAILED
        return result, None

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
        listening = self._redis.pubsub()
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
        self, listening: PubSub, heard: Callable[[bytes], None], began: Callable[[], None], idle_seconds: float
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
            async with asyncio.timeout(seconds + self._budget):
                if self._listening is None:
                    self._listening = self._redis.pubsub(ignore_subscribe_messages=True)
                    await self._listening.subscribe(channel)
                await self._listening.get_message(timeout=seconds)
        except Exception:  # as above
            await self._stop_listening()
            await asyncio.sleep(seconds)

    async def close(self) -> None:
        """End every connection. Idempotent."""
        await self._stop_listening()
        with suppress(RedisError, OSError):
            async with asyncio.timeout(self._budget):
                await self._redis.aclose()

    async def _stop_listening(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            with suppress(Exception):
                async with asyncio.timeout(self._budget):
                    await listening.aclose()  # type: ignore[no-untyped-call]


def _client(url: str, connections: int, budget_seconds: float) -> Redis:
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=connections,
            timeout=None,  # the budget bounds the wait, as it bounds the rest
            socket_timeout=None,
            socket_connect_timeout=budget_seconds,
            driver_info=None,
            # With it on, the pool no longer notices connections that died while they were idle.
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
        pool.connection_class(**pool.connection_kwargs)  # made for its judgement of the options; connects nowhere
    except (ValueError, TypeError):
        raise BadRedisUrl("the Redis URL cannot be understood") from None
    return Redis.from_pool(pool)  # closing the client closes the pool
