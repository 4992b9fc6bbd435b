"""What every `Bus` owes those who use it, as a test class.

A bus's test module inherits `BusContract` and gives it a `buses` fixture.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from cache.fleet.bus import LARGEST_PAYLOAD_BYTES, Bus


@dataclass(frozen=True, slots=True)
class Ear:
    """Keeps what it hears."""

    heard: asyncio.Queue[bytes]

    @classmethod
    def on(cls, bus: Bus, topic: str) -> Ear:
        """A new one that listens to a topic."""
        ear = cls(asyncio.Queue())
        bus.subscribe(topic, ear.heard.put_nowait)
        return ear

    async def next(self) -> bytes:
        """The next payload; the test's own time limit ends the wait."""
        return await self.heard.get()


def signal(register: Callable[[Callable[[], None]], None]) -> asyncio.Event:
    """An event that is set when a handler that is given to `register` is called."""
    event = asyncio.Event()
    register(event.set)
    return event


def stumble(_: bytes) -> None:
    """A handler with a fault."""
    raise RuntimeError("a fault")


class BusContract:
    """Inherit it and define `buses`: two nodes' ends of one bus, running and connected; they may be the same."""

    @pytest.fixture
    async def buses(self) -> tuple[Bus, Bus]:
        raise NotImplementedError

    async def test_everybody_hears_the_publisher_too(self, buses: tuple[Bus, Bus]) -> None:
        ears = [Ear.on(bus, "news") for bus in buses]
        buses[0].publish("news", b"one")
        assert [await ear.next() for ear in ears] == [b"one", b"one"]

    async def test_in_order_and_once(self, buses: tuple[Bus, Bus]) -> None:
        ear = Ear.on(buses[1], "news")
        said = [b"%d" % number for number in range(200)]
        for payload in said:
            buses[0].publish("news", payload)
        assert [await ear.next() for _ in said] == said
        buses[0].publish("news", b"last")
        assert await ear.next() == b"last"

    async def test_topics_are_kept_apart(self, buses: tuple[Bus, Bus]) -> None:
        ear = Ear.on(buses[1], "b")
        for topic in ("a", "bb", "", "b"):
            buses[0].publish(topic, topic.encode())
        assert await ear.next() == b"b"
        assert ear.heard.empty()

    @pytest.mark.parametrize("payload", [b"", b"\0", bytes(range(256)) * 4, b"x" * LARGEST_PAYLOAD_BYTES], ids=len)
    async def test_gives_back_the_bytes(self, buses: tuple[Bus, Bus], payload: bytes) -> None:
        ear = Ear.on(buses[1], "ü")
        buses[0].publish("ü", payload)
        assert await ear.next() == payload

    async def test_what_is_too_large_is_dropped(self, buses: tuple[Bus, Bus]) -> None:
        ear = Ear.on(buses[1], "news")
        buses[0].publish("news", b"x" * (LARGEST_PAYLOAD_BYTES + 1))
        buses[0].publish("news", b"small")
        assert await ear.next() == b"small"

    async def test_a_handler_that_raises_takes_nothing_from_the_others(self, buses: tuple[Bus, Bus]) -> None:
        reported: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        ear = Ear.on(buses[1], "before")
        buses[1].subscribe("news", stumble)
        after = Ear.on(buses[1], "news")
        buses[0].publish("news", b"x")
        buses[0].publish("before", b"y")
        assert (await after.next(), await ear.next()) == (b"x", b"y")
        assert len(reported) == 1

    async def test_is_connected(self, buses: tuple[Bus, Bus]) -> None:
        assert [bus.is_connected for bus in buses] == [True, True]
