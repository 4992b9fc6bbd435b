"""Objects: the ordinary reply, remembered for one version and one kind of request."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from origin.edge.lifetimes import Audience
from origin.http.spans import ByteSpan
from origin.lane.answer import Ready
from origin.lane.heads import Head
from origin.lane.hot import HotBodies
from origin.lane.objects import LOOK_AGAIN_SECONDS, Objects
from origin.serving.file_run import FileRun
from origin.serving.send import COPY_AT_MOST
from origin.storage.filesystem import FilesystemStore
from tests.contracts.descriptors import descriptors_below
from tests.origin.lane.scenes import Site, head_of

NOW = 1_900_000_000.0
PLAIN = head_of()


def bytes_of(ready: Ready) -> bytes:
    assert not isinstance(ready.body, FileRun)
    return bytes(ready.body)


class Stand:
    """One file behind an open mount."""

    def __init__(self, folder: Path, data: bytes) -> None:
        self.file = folder / "a.m4s"
        self.file.write_bytes(data)
        self.site = Site(FilesystemStore(folder))
        self.hot = HotBodies(2**24, 2**23)
        self.route = self.site.route(b"/open/a.m4s")
        self.now = NOW
        self.is_patient = True  # so that each time the file is looked at
        self._answers = Objects(self.hot)

    async def opened(self) -> None:
        """As the ordinary way leaves it."""
        content = await self.site.objects.open("a.m4s")
        assert content is not None
        content.release()

    def ask(self, head: Head = PLAIN, *, is_head: bool = False, sends_files: bool = False) -> Ready | None:
        self.now += LOOK_AGAIN_SECONDS if self.is_patient else 0.0
        return self._answers.answer(
            self.route, head, Audience.EVERYBODY, self.now, is_head=is_head, sends_files=sends_files
        )

    async def close(self) -> None:
        while self.hot.is_reading:
            await asyncio.sleep(0.001)
        await self.hot.close()
        await self.site.objects.close()


async def test_what_is_not_open_is_for_others_to_open(tmp_path: Path) -> None:
    stand = Stand(tmp_path, b"abc")
    assert stand.ask() is None
    await stand.opened()
    ready = stand.ask()
    assert ready is not None
    assert (ready.told.status, bytes_of(ready), ready.length) == (200, b"abc", 3)
    stand.site.clock.advance(2)
    assert stand.ask() is None
    await stand.close()


async def test_ranges_heads_and_conditions(tmp_path: Path) -> None:
    stand = Stand(tmp_path, b"0123456789")
    await stand.opened()
    found = [
        stand.ask(head_of(("Range", "bytes=2-4"))),
        stand.ask(is_head=True),
        stand.ask(head_of(("If-None-Match", "*"))),
        stand.ask(head_of(("If-Modified-Since", "Fri, 01 Jan 2038 00:00:00 GMT"))),
        stand.ask(head_of(("Range", "bytes=0-0,5-5"))),
        stand.ask(head_of(("Range", "bytes=99-"))),
        stand.ask(head_of(("If-Match", '"x"'))),
    ]
    seen = [None if ready is None else (ready.told.status, bytes_of(ready), ready.length) for ready in found]
    assert seen == [(206, b"234", 3), (200, b"", 10), (304, b"", None), (304, b"", None), None, None, None]
    await stand.close()


async def test_a_hot_body_is_the_same_bytes(tmp_path: Path) -> None:
    data = os.urandom(COPY_AT_MOST + 1)
    stand = Stand(tmp_path, data)
    await stand.opened()
    assert stand.ask() is None, "too long to be copied, and asked for once"
    assert stand.ask() is None
    while (ready := stand.ask()) is None:
        await asyncio.sleep(0.001)
    assert ready.body == data
    part = stand.ask(head_of(("Range", "bytes=1000-2000")), sends_files=True)
    assert part is not None
    assert bytes_of(part) == data[1000:2001]
    await stand.close()


async def test_until_it_is_hot_a_long_one_is_sent_from_its_file(tmp_path: Path) -> None:
    data = os.urandom(COPY_AT_MOST + 1)
    stand = Stand(tmp_path, data)
    await stand.opened()
    for _ in range(2):
        whole = stand.ask(sends_files=True)
        assert whole is not None
        assert isinstance(whole.body, FileRun)
        assert (whole.length, whole.body.span) == (len(data), ByteSpan(0, len(data)))
        whole.body.give_back()
    short = stand.ask(head_of(("Range", "bytes=1-")), sends_files=True)
    assert short is not None
    assert bytes_of(short) == data[1:]
    while stand.hot.is_reading:
        await asyncio.sleep(0.001)
    hot = stand.ask(sends_files=True)
    assert hot is not None
    assert bytes_of(hot) == data
    await stand.close()
    assert descriptors_below(tmp_path) == []


async def test_a_hot_file_is_looked_at_now_and_then(tmp_path: Path) -> None:
    stand = Stand(tmp_path, b"abc")
    await stand.opened()
    for _ in range(2):
        stand.ask()
    while stand.hot.is_reading:
        await asyncio.sleep(0.001)
    assert stand.ask() is not None
    stand.is_patient = False
    stand.file.write_bytes(b"newer")
    unseen = stand.ask()
    assert unseen is not None
    assert bytes_of(unseen) == b"abc"
    stand.now -= 1  # a clock that was set back is not believed
    assert stand.ask() is None
    stand.now += 1 + LOOK_AGAIN_SECONDS
    assert stand.ask() is None
    await stand.close()


async def test_another_version_is_another_answer(tmp_path: Path) -> None:
    stand = Stand(tmp_path, b"abc")
    await stand.opened()
    first = stand.ask()
    stand.file.write_bytes(b"newer")
    assert stand.ask() is None
    await stand.opened()
    second = stand.ask()
    assert first is not None
    assert second is not None
    assert bytes_of(second) == b"newer"
    assert second.block is not first.block
    assert stand.ask() is not None
    assert stand.ask()[1] is second.block  # type: ignore[index]
    await stand.close()


async def test_nothing_stays_open(tmp_path: Path) -> None:
    stand = Stand(tmp_path, os.urandom(COPY_AT_MOST + 1))
    await stand.opened()
    for head in (PLAIN, head_of(("Range", "bytes=0-0,5-5")), head_of(("If-None-Match", "*"))):
        for _ in range(4):
            stand.ask(head)
    await stand.close()
    assert descriptors_below(tmp_path) == []
