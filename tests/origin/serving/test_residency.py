"""A cold file is told from a hot one, and holds nobody up."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from origin.http.spans import ByteSpan
from origin.serving.residency import is_resident
from origin.storage import filesystem
from tests.stories.gateway import running
from tests.system.processes import wait_until

SIZE = 2_000_000


def cool(descriptor: int) -> None:
    """Have the kernel forget what it has of a file; it may be asked while it still holds on to some of that."""

    def is_forgotten() -> bool:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        return not any(is_resident(descriptor, ByteSpan(at, 1)) for at in range(0, SIZE, 64 * 1024))

    wait_until(is_forgotten, "the file is cold")


def test_what_was_read_is_there_and_what_was_forgotten_is_not(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(os.urandom(SIZE))
    with file.open("rb") as opened:
        whole = ByteSpan(0, SIZE)
        assert is_resident(opened.fileno(), whole)
        cool(opened.fileno())
        assert not is_resident(opened.fileno(), whole)
        assert not is_resident(opened.fileno(), ByteSpan(SIZE - 1, 1))
        opened.read()
        assert is_resident(opened.fileno(), whole)


async def test_others_are_answered_while_a_cold_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is as slow as can be: it gives nothing until everybody else has been served."""
    cold, may_read, is_reading = os.urandom(SIZE), threading.Event(), threading.Event()
    read = filesystem.pread

    def slow(descriptor: int, span: ByteSpan) -> bytes:
        is_reading.set()
        may_read.wait(20)
        return read(descriptor, span)

    async with running(tmp_path, server={"hot_bytes": 1}) as gateway:  # no body is kept in memory
        with gateway.put("cold.m4s", cold).open("rb") as opened:
            gateway.put("hot.m4s", b"hot")
            async with gateway.wire() as waiting, gateway.wire() as others:
                for _ in range(4):
                    assert (await waiting.ask("/open/cold.m4s")).body == cold
                    assert (await others.ask("/open/hot.m4s")).body == b"hot"
                monkeypatch.setattr(filesystem, "pread", slow)
                await asyncio.to_thread(cool, opened.fileno())
                asked = asyncio.create_task(waiting.ask("/open/cold.m4s"))
                await asyncio.to_thread(is_reading.wait, 10)
                for _ in range(50):
                    assert (await others.ask("/open/hot.m4s")).body == b"hot"
                assert not asked.done()
                may_read.set()
                assert (await asked).body == cold
