"""A shield in front of a scripted origin server, over a real disk store, and what a viewer gets from it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cache import Outcome
from cache.disk.limits import DiskLimits
from cache.disk.store import DiskStore
from origin.http.fields import Fields, combined
from origin.http.reply import Bytes, Content, Empty, FileSlice, Reply, Slices, Stream
from origin.http.spans import ByteSpan
from origin.httpcache.policy import Policy
from origin.httpcache.reuse import Purged
from origin.shield.alone import Answered
from origin.shield.asked import Asked
from origin.shield.places import Place
from origin.shield.pulls import Pulls
from origin.shield.recorder import Event
from origin.shield.shelf import Shelf
from origin.shield.shield import Rules, Shield
from origin.upstream.origin_server import OriginServer, Trouble
from tests.cache.disk.stores import DiskTally
from tests.clock import Clock
from tests.scripted_origin import ScriptedOrigin

SLICE = 4096
LIMITS = DiskLimits(max_bytes=64 * 2**20, max_object_bytes=32 * 2**20, memory_fill_bytes=2**20)
LARGEST = 16 * 2**20
FRESH = ("Cache-Control", "max-age=60")


@dataclass
class Tally:
    """What a shield told."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    troubles: Counter[Trouble] = field(default_factory=Counter)
    events: Counter[Event] = field(default_factory=Counter)

    def answered(self, outcome: Outcome) -> None:
        """Counts."""
        self.outcomes[outcome] += 1

    def broke(self, trouble: Trouble) -> None:
        """Counts."""
        self.troubles[trouble] += 1

    def happened(self, event: Event) -> None:
        """Counts."""
        self.events[event] += 1


@dataclass(frozen=True)
class Got:
    """A whole answer, as a viewer has it."""

    status: int
    fields: Fields
    body: bytes
    outcome: Outcome

    def field(self, name: str) -> str | None:
        """One field."""
        return combined(self.fields, name)

    @property
    def cache(self) -> str:
        """Cache-Status, without the name of the cache."""
        return (self.field("Cache-Status") or "").removeprefix("Headgate; ")


async def read(reply: Reply) -> bytes:
    """The body, given back as `send` does it."""
    try:
        match reply.body:
            case Empty():
                return b""
            case Bytes(data=data):
                return data
            case FileSlice(content=content, span=span):
                return await _run(content, span)
            case Slices(content=content, parts=parts, tail=tail):
                return b"".join([part.head + await _run(content, part.span) for part in parts]) + tail
            case Stream(chunks=chunks, length=length):
                body = b"".join([chunk async for chunk in chunks])
                assert length in {None, len(body)}, "another length than was announced"
                return body
    finally:
        await let_go(reply)


async def let_go(reply: Reply) -> None:
    """Give an answer back, read or not."""
    if reply.content is not None:
        reply.content.release()
    if isinstance(reply.body, Stream):
        close = getattr(reply.body.chunks, "aclose", None)
        if close is not None:
            await close()
        if reply.body.close is not None:
            await reply.body.close()


async def _run(content: Content, span: ByteSpan) -> bytes:
    return await content.read(span)


@dataclass
class Scene:
    """All of it."""

    shield: Shield
    pulls: Pulls
    shelf: Shelf
    store: DiskStore
    origin: ScriptedOrigin
    clock: Clock
    tally: Tally
    purges: dict[str, Purged]
    disk: DiskTally
    purged: Callable[[str, float], Purged] | None = None  # by URL and time, where that is needed

    def asked(self, path: str, *fields: tuple[str, str], method: str = "GET", body: bytes = b"") -> Asked:
        """What a viewer asks for below the mount."""
        return Asked(method, f"/vod{path}", path, fields, body)

    async def answer(self, path: str, *fields: tuple[str, str], method: str = "GET", body: bytes = b"") -> Answered:
        """The answer, its body not read."""
        return await self.shield.answer(self.asked(path, *fields, method=method, body=body), self.clock())

    async def get(self, path: str, *fields: tuple[str, str], method: str = "GET", body: bytes = b"") -> Got:
        """The whole answer, and time for the disk to have it too."""
        got = await self.get_now(path, *fields, method=method, body=body)
        await self.settled()
        return got

    async def get_now(self, path: str, *fields: tuple[str, str], method: str = "GET", body: bytes = b"") -> Got:
        """The whole answer; some of it may still be on its way to the disk."""
        answered = await self.answer(path, *fields, method=method, body=body)
        reply = answered.reply
        return Got(reply.status, reply.headers, await read(reply), answered.outcome)

    async def looked(self, misses: int) -> None:
        """Wait until so many requests have found nothing on the disk, and wait for something else now."""
        while self.disk.misses < misses:
            await asyncio.sleep(0.001)
        for _ in range(5):
            await asyncio.sleep(0)

    async def settled(self) -> None:
        """Wait until nothing arrives any more, but for what a gate holds back."""
        while any(not one.is_held_back for one in self.origin.incoming):
            await asyncio.sleep(0.001)


def _other_tasks() -> set[asyncio.Task[object]]:
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


@asynccontextmanager
async def scene(
    directory: Path,
    *,
    policy: Policy | None = None,
    limits: DiskLimits = LIMITS,
    upstream: OriginServer | None = None,
    base: str = "https://origin.example/media",
    largest: int = LARGEST,
    slice_bytes: int = SLICE,
) -> AsyncIterator[Scene]:
    """A shield, closed in the end; nothing may be left open then."""
    clock, tally, origin = Clock(), Tally(), ScriptedOrigin()
    purges: dict[str, Purged] = {}
    before = _other_tasks()
    disk = DiskTally()
    store = await DiskStore.open(directory / "cache", limits, clock, disk)
    shelf = Shelf(store)
    rules = Rules(policy or Policy(stale_if_error_default=0), slice_bytes)
    pulls = Pulls(upstream or origin, shelf, rules.policy, clock, tally, largest)

    def judge(url: str, _tags: tuple[str, ...], since: float) -> Purged:
        return purges.get(url, Purged.NONE) if it.purged is None else it.purged(url, since)

    shield = Shield(pulls, shelf, Place("/vod", base), rules, judge, tally)
    it = Scene(shield, pulls, shelf, store, origin, clock, tally, purges, disk)
    try:
        yield it
    finally:
        await pulls.close()
        await origin.close()
        await store.close()
    assert origin.open_now == 0, "an answer of the upstream was not let go"
    assert upstream is not None or _other_tasks() == before, "something still runs"
