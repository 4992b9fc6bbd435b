"""The bus of one machine's workers."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from cache.fleet.bus import LARGEST_FRAME_BYTES, LARGEST_PAYLOAD_BYTES, Bus, frame_of
from cache.fleet.record import FleetEvent
from origin.workers import worker_bus
from origin.workers.place import WorkerPlace
from origin.workers.worker_bus import WorkerBus
from tests.cache.fleet.nodes import FleetTally, connected, running
from tests.contracts.bus import BusContract, Ear, signal


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no test waits for a second look."""
    monkeypatch.setattr(worker_bus, "_LOOK_EVERY", 0.02)


class Node(WorkerBus):
    """A bus, and what it tells of itself."""

    def __init__(self, directory: Path, slot: int = 0) -> None:
        self.tally = FleetTally()
        super().__init__(WorkerPlace(directory, slot), self.tally)


async def all_met(*buses: WorkerBus) -> None:
    """Each sends to all others; the test's own time limit ends the wait."""
    while [bus.others for bus in buses] != [len(buses) - 1] * len(buses):
        await asyncio.sleep(0.01)


@asynccontextmanager
async def met(directory: Path, count: int) -> AsyncIterator[list[Node]]:
    """So many that know each other."""
    async with AsyncExitStack() as stack:
        nodes = [Node(directory, slot) for slot in range(count)]
        for node in nodes:
            await stack.enter_async_context(connected(node))
        await all_met(*nodes)
        yield nodes


def sockets(directory: Path) -> list[str]:
    """Whom one would find."""
    return sorted(path.name for path in (directory / "bus").iterdir())


class TestWorkerBus(BusContract):
    @pytest.fixture
    async def buses(self, tmp_path: Path) -> AsyncIterator[tuple[Bus, Bus]]:
        async with met(tmp_path, 2) as (one, two):
            yield one, two


async def test_all_begin_at_once_and_meet(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        nodes = [Node(tmp_path, slot) for slot in range(4)]
        for node in nodes:
            await stack.enter_async_context(running(node))
        await all_met(*nodes)
        ears = [Ear.on(node, "news") for node in nodes]
        for number, node in enumerate(nodes):
            node.publish("news", b"%d" % number)
        assert [sorted([await ear.next() for _ in nodes]) for ear in ears] == [[b"0", b"1", b"2", b"3"]] * 4
    assert sockets(tmp_path) == []


async def test_who_comes_later_is_found_and_tells_that_there_may_be_news(tmp_path: Path) -> None:
    async with met(tmp_path, 1) as (early,):
        told = signal(early.on_reconnected)
        assert early.is_connected
        async with connected(Node(tmp_path, 0)):  # of the same slot, while a reload lasts
            await told.wait()
            assert len(sockets(tmp_path)) == 2
        while early.others:
            await asyncio.sleep(0.01)
        early.publish("news", b"to nobody")


async def test_who_connects_while_it_ends_is_hung_up_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its socket is shown until it has been removed, and removing takes a moment."""
    remove = worker_bus._remove  # the moment
    is_removing, may_remove = threading.Event(), threading.Event()

    def slow(directory: int, name: str) -> None:
        is_removing.set()
        may_remove.wait(10)
        remove(directory, name)

    async with met(tmp_path, 1):
        (name,) = sockets(tmp_path)
        directory = os.open(tmp_path / "bus", os.O_RDONLY)
        monkeypatch.setattr(worker_bus, "_remove", slow)

        async def late() -> bytes:
            await asyncio.to_thread(is_removing.wait, 10)
            reader, writer = await asyncio.open_unix_connection(f"/proc/self/fd/{directory}/{name}")
            may_remove.set()
            said = b""
            with suppress(ConnectionResetError):
                said = await reader.read()
            writer.close()
            return said

        coming = asyncio.create_task(late())
        await asyncio.sleep(0)
    assert await coming == b""
    os.close(directory)


async def test_the_dead_are_skipped_and_their_sockets_removed(tmp_path: Path) -> None:
    (tmp_path / "bus").mkdir()
    directory = os.open(tmp_path / "bus", os.O_RDONLY)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(f"/proc/self/fd/{directory}/7-1-00.socket")
    os.close(directory)
    (tmp_path / "bus" / "8-1-00.socket").write_bytes(b"")  # no socket at all
    async with met(tmp_path, 2):
        while len(sockets(tmp_path)) > 2:
            await asyncio.sleep(0.01)


async def test_one_that_does_not_read_is_hung_up_on_and_told_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_bus, "_MOST_WAITING", 100_000)
    async with met(tmp_path, 2) as (one, two):
        ear, told = Ear.on(two, "news"), signal(two.on_reconnected)
        while not one.tally.events[FleetEvent.MESSAGE_DROPPED]:  # without a pause in which anything is read
            one.publish("news", bytes(LARGEST_PAYLOAD_BYTES))
        await told.wait()
        await all_met(one, two)
        one.publish("news", b"again")
        while await ear.next() != b"again":
            pass


async def test_foreign_words_are_not_heard(tmp_path: Path) -> None:
    async with met(tmp_path, 1) as (bus,):
        ear = Ear.on(bus, "news")
        (name,) = sockets(tmp_path)
        directory = os.open(tmp_path / "bus", os.O_RDONLY)
        reader, writer = await asyncio.open_unix_connection(f"/proc/self/fd/{directory}/{name}")
        os.close(directory)
        frame = frame_of(b"stranger", "news", b"heard")
        for each in (b"", b"nonsense", frame):
            writer.write(len(each).to_bytes(4, "big") + each)
        for number in range(len(frame)):  # byte by byte
            writer.write((len(frame).to_bytes(4, "big") + frame)[number : number + 1])
            await asyncio.sleep(0)
        writer.write((len(frame).to_bytes(4, "big") + frame)[len(frame) :])
        assert [await ear.next() for _ in range(2)] == [b"heard"] * 2
        assert bus.tally.events[FleetEvent.MESSAGE_IGNORED] == 2
        writer.write((LARGEST_FRAME_BYTES + 1).to_bytes(4, "big"))
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        assert bus.is_connected


async def test_a_directory_that_is_not_there_is_told_and_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bus = Node(tmp_path / "later")
    began = signal(bus.on_reconnected)
    async with running(bus):
        while "does not work" not in caplog.text:
            await asyncio.sleep(0.01)
        own = Ear.on(bus, "news")
        bus.publish("news", b"alone")
        assert (await own.next(), bus.is_connected) == (b"alone", False)
        (tmp_path / "later").mkdir()
        await began.wait()
        assert bus.is_connected
