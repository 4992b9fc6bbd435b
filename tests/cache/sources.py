"""What the cache is tried with: a source whose answers a test decides, a codec, a recorder that counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from cache.entry import Entry, Lifetime
from cache.outcome import BreakerState, Event, Operation, Outcome, Result
from cache.tiers import Loaded

LIFETIME = Lifetime(10, 20, 60)


class SourceDown(Exception):  # noqa: N818
    """The source is in trouble."""


class NoSuchThing(Exception):  # noqa: N818
    """The source's own verdict."""


class TextCodec:
    """Text as UTF-8; weighs a byte per character."""

    def encode(self, value: str) -> bytes:
        return value.encode()

    def decode(self, data: bytes) -> str:
        return data.decode()

    def weigh(self, value: str) -> int:
        return len(value)


async def _at_once() -> None:
    pass


@dataclass(slots=True)
class Source:
    """`load` gives `value`; `calls` are the entries that it was shown."""

    value: str = "one"
    lifetime: Lifetime = LIFETIME
    failure: Exception | None = None
    wait: Callable[[], Awaitable[object]] = _at_once
    calls: list[Entry[str] | None] = field(default_factory=list)

    async def load(self, previous: Entry[str] | None) -> Loaded[str]:
        self.calls.append(previous)
        await self.wait()
        if self.failure is not None:
            raise self.failure
        changed = previous is None or previous.value != self.value
        return Loaded(self.value, self.lifetime, tags=("tag",), changed=changed)


@dataclass(slots=True)
class Tally:
    """A `Recorder` that counts."""

    outcomes: list[Outcome] = field(default_factory=list)
    operations: Counter[tuple[Operation, Result]] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    states: list[BreakerState] = field(default_factory=list)
    sizes: list[tuple[int, int, int]] = field(default_factory=list)
    events: Counter[Event] = field(default_factory=Counter)

    def looked_up(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def operated(self, operation: Operation, result: Result, seconds: float) -> None:
        self.operations[operation, result] += 1
        self.seconds.append(seconds)

    def breaker(self, state: BreakerState) -> None:
        self.states.append(state)

    def resized(self, entries: int, size_bytes: int, evicted: int) -> None:
        self.sizes.append((entries, size_bytes, evicted))

    def happened(self, event: Event) -> None:
        self.events[event] += 1
