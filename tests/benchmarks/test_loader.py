"""The load: what it counts, what it charges a server for, and what it holds open."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from benchmarks.load.loader import Asking, Loader, Measured

pytestmark = pytest.mark.needs("gcc")

Reader: TypeAlias = asyncio.StreamReader
Writer: TypeAlias = asyncio.StreamWriter
Answer = Callable[[bytes, Writer], Awaitable[None]]
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@pytest.fixture(scope="module")
def loader(tmp_path_factory: pytest.TempPathFactory) -> Loader:
    return Loader(tmp_path_factory.mktemp("loader"), os.sched_getaffinity(0))


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[int]:
    """The port of a server that hands every request head to `answer`."""

    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: Reader, writer: Writer) -> None:
        if task := asyncio.current_task():
            connections.add(task)
        try:
            while not writer.is_closing():
                await answer(await reader.readuntil(b"\r\n\r\n"), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


def requests(folder: Path, *paths: str) -> Path:
    file = folder / "requests.txt"
    file.write_text("".join(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n" for path in paths), newline="")
    return file


async def loaded(loader: Loader, answer: Answer, asking: Asking) -> Measured:
    async with server(answer) as port:
        return await asyncio.to_thread(loader.run, asking, port, os.getpid(), [0])


async def test_every_request_of_the_list_is_sent_in_turn(loader: Loader, tmp_path: Path) -> None:
    seen: list[bytes] = []

    async def answer(head: bytes, writer: Writer) -> None:
        seen.append(head.split(b" ")[1])
        writer.write(GOOD)

    asking = Asking(requests(tmp_path, "/a", "/b", "/c"), 0.2, connections=1)
    found = await loaded(loader, answer, asking)
    assert seen[:6] == [b"/a", b"/b", b"/c"] * 2
    assert found.failed == 0
    assert found.requests in {len(seen) - 1, len(seen)}, "the last one may have been on its way"
    assert found.bytes >= found.requests * len(GOOD)
    assert found.load_cpu > 0
    assert list(found.percentiles_ms) == ["50", "90", "99", "99.9", "99.99", "100"]


async def test_a_body_of_many_reads_is_one_answer(loader: Loader, tmp_path: Path) -> None:
    body = os.urandom(3_000_000)
    answers = 0

    async def answer(_: bytes, writer: Writer) -> None:
        nonlocal answers
        writer.write(b"HTTP/1.1 206 Partial Content\r\nX: y\r\ncontent-length: %d\r\n\r\n" % len(body))
        for at in range(0, len(body), 100_000):
            writer.write(body[at : at + 100_000])
            await writer.drain()
        answers += 1

    asking = Asking(requests(tmp_path, "/a"), 0.5, connections=2, status=206)
    found = await loaded(loader, answer, asking)
    assert found.failed == 0
    assert 0 < found.requests <= answers
    assert found.bytes >= found.requests * len(body)


@pytest.mark.parametrize(
    ("text", "closes"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", False),  # answered otherwise
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", True),  # broken off
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", False),  # of a length that nobody knows
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhello", False),  # longer than it says
        (b"nonsense\r\n\r\n", False),
    ],
)
async def test_what_is_not_the_expected_answer_has_failed(
    loader: Loader, tmp_path: Path, text: bytes, closes: bool
) -> None:
    async def answer(_: bytes, writer: Writer) -> None:
        writer.write(text)
        if closes:
            writer.close()
        await asyncio.sleep(0.01)  # a connection that is opened anew each time is not to use up the ports

    found = await loaded(loader, answer, Asking(requests(tmp_path, "/a"), 0.3, connections=2))
    assert found.failed > 0


async def test_a_server_that_closes_after_each_answer_has_not_failed(loader: Loader, tmp_path: Path) -> None:
    async def answer(_: bytes, writer: Writer) -> None:
        await asyncio.sleep(0.01)
        writer.write(b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\nContent-Length: 7\r\n\r\n")
        writer.close()

    found = await loaded(loader, answer, Asking(requests(tmp_path, "/a"), 0.3, connections=2, status=304))
    assert found.failed == 0
    assert found.requests > 2


async def test_a_stall_is_charged_for_all_who_would_have_asked_meanwhile(loader: Loader, tmp_path: Path) -> None:
    began: float | None = None

    async def answer(_: bytes, writer: Writer) -> None:
        nonlocal began
        now = asyncio.get_running_loop().time()
        began = began or now
        await asyncio.sleep(max(0.0, 0.6 - (now - began)))  # nobody is answered before 0.6 s have gone
        writer.write(GOOD)

    asking = Asking(requests(tmp_path, "/a"), 1.0, connections=2, rate=200)
    found = await loaded(loader, answer, asking)
    assert found.failed == 0
    assert found.requests > 100, "two connections wait, everybody else's request counts nevertheless"
    assert found.percentiles_ms["50"] > 50, "by the intended times, more than half have waited"
    assert found.percentiles_ms["100"] > 500


async def test_what_is_never_answered_is_late(loader: Loader, tmp_path: Path) -> None:
    async def answer(_: bytes, writer: Writer) -> None:
        await asyncio.sleep(60)

    found = await loaded(loader, answer, Asking(requests(tmp_path, "/a"), 0.2, connections=2, rate=100))
    assert found.requests == 0
    assert found.failed > 2, "those for whom no connection was free are among them"
    assert found.percentiles_ms["50"] > 1000


async def test_held_connections_have_asked_once_and_stay(loader: Loader, tmp_path: Path) -> None:
    asked = 0

    async def answer(_: bytes, writer: Writer) -> None:
        nonlocal asked
        asked += 1
        writer.write(GOOD)

    def hold(port: int) -> tuple[int, int]:
        with loader.holding(Asking(requests(tmp_path, "/a"), 20, connections=300), port) as held:
            return held, asked

    async with server(answer) as port:
        assert await asyncio.to_thread(hold, port) == (300, 300)


async def test_a_server_that_is_not_there_is_an_error(loader: Loader, tmp_path: Path) -> None:
    async with server(lambda *_: asyncio.sleep(0)) as port:
        pass
    with pytest.raises(RuntimeError, match="refused"):
        await asyncio.to_thread(loader.run, Asking(requests(tmp_path, "/a"), 0.2), port, os.getpid(), [0])
