"""A worker in a process of its own that keeps purges: commands on standard input, answers on standard output.

Started as `python -m tests.system.purge_worker URL [FILE]`. Each line is a command with its words; each answer is one
line.

    purge URL...   purge, hard; what the receipt says of the fleet
    check URL      what the table says of an entry that was stored before there was any purge
    watch URL      look again and again, as a busy worker does, until the table says something; when that was
"""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from redis.asyncio import Redis

from cache.fleet.purge_store import RedisPurges
from cache.fleet.purging import PurgeDesk, Source, Wanted
from cache.purges import PurgeTable, PurgeVerdict, Scope
from cache.redis_link import RedisLink
from origin.storage.purge_file import PurgeFileOnDisk

_LIFETIME = 3600.0
_CHANNEL = "headgate:v1:bus"


class PlainBus:
    """Publish and subscribe, and nothing else."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url, socket_connect_timeout=1)
        self._handlers: list[Callable[[bytes], None]] = []
        self._reconnected: list[Callable[[], None]] = []
        self._sending: set[asyncio.Task[None]] = set()
        self.is_connected = False

    def publish(self, topic: str, payload: bytes) -> None:
        """Send it, if it can be sent."""
        task = asyncio.get_running_loop().create_task(self._send(topic.encode() + b"\0" + payload))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    def subscribe(self, topic: str, handler: Callable[[bytes], None]) -> None:
        """There is one topic."""
        assert topic == "purges"
        self._handlers.append(handler)

    def on_reconnected(self, handler: Callable[[], None]) -> None:
        """After each subscription."""
        self._reconnected.append(handler)

    async def run(self) -> None:
        """Listen, for ever."""
        while True:
            with suppress(Exception):
                await self._listen()
            self.is_connected = False
            await asyncio.sleep(0.1)

    async def _send(self, data: bytes) -> None:
        with suppress(Exception):
            await self._redis.publish(_CHANNEL, data)

    async def _listen(self) -> None:
        async with self._redis.pubsub() as listening:
            await listening.subscribe(_CHANNEL)
            async for message in listening.listen():
                if message["type"] == "subscribe":
                    self.is_connected = True
                    for reconnected in self._reconnected:
                        reconnected()
                    continue
                for handler in self._handlers:
                    handler(message["data"].partition(b"\0")[2])


class Silent:
    """Records nothing."""

    def purges_applied(self, source: Source, count: int) -> None:
        """Nothing."""

    def purges_held(self, count: int, *, is_pending: bool) -> None:
        """Nothing."""


async def _watch(table: PurgeTable, url: str) -> str:
    while table.verdict(url, (), 0.0) is PurgeVerdict.NONE:
        await asyncio.sleep(0)
    return repr(time.time())


async def _answer(desk: PurgeDesk, table: PurgeTable, words: list[str]) -> str:
    match words:
        case ["purge", *urls]:
            receipt = await desk.purge([Wanted(Scope.URL, url, is_soft=False) for url in urls])
            return receipt.fleet
        case ["check", url]:
            return table.verdict(url, (), 0.0).name
        case ["watch", url]:
            return await _watch(table, url)
    raise ValueError(words)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def _serve(url: str, file: str | None) -> None:
    bus = PlainBus(url)
    link = RedisLink(url, budget_seconds=1)
    table = PurgeTable(mounts=("/vod",), longest_lifetime=_LIFETIME)
    store = RedisPurges(link, longest_lifetime=_LIFETIME, new_id=lambda: uuid.uuid4().hex)
    kept = None if file is None else PurgeFileOnDisk(Path(file))
    desk = PurgeDesk(table, Silent(), clock=time.time, new_id=lambda: uuid.uuid4().hex, fleet=(bus, store), file=kept)
    tasks = [asyncio.create_task(bus.run())]
    await desk.catch_up()
    tasks.append(asyncio.create_task(desk.follow()))
    _say("ready")
    while line := await asyncio.to_thread(sys.stdin.readline):
        _say(await _answer(desk, table, line.split()))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await link.close()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
