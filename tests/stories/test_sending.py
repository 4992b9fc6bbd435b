"""Bodies on the wire: whole or visibly broken, never mixed, never leaking a descriptor."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from origin.serving.send import COPY_AT_MOST, HELD_BACK, WINDOW
from tests.stories.gateway import PATIENCE, Gateway, Wire, running

MIB = 1024 * 1024


def pattern(length: int) -> bytes:
    return (bytes(range(251)) * (length // 251 + 1))[:length]


@pytest.mark.parametrize(
    "length",
    [1, HELD_BACK, COPY_AT_MOST - 1, COPY_AT_MOST, COPY_AT_MOST + 1, WINDOW + HELD_BACK, 2 * WINDOW + HELD_BACK + 7],
)
async def test_every_length_is_exact_and_the_connection_goes_on(length: int, tmp_path: Path) -> None:
    async with running(tmp_path) as gateway, gateway.wire() as wire:
        data = pattern(length)
        gateway.put("a/1.m4s", data)
        assert (await wire.ask("/open/a/1.m4s")).body == data
        head = await wire.ask("/open/a/1.m4s", method="HEAD")
        assert head["content-length"] == str(length)
        assert (await wire.ask("/open/a/1.m4s", "Range: bytes=-1")).body == data[-1:]


async def test_long_parts_of_several_ranges(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway, gateway.wire() as wire:
        data = pattern(3 * MIB)
        gateway.put("a/1.m4s", data)
        answer = await wire.ask("/open/a/1.m4s", f"Range: bytes=0-{MIB - 1},{2 * MIB}-")
        assert answer.status == 206
        assert data[:MIB] in answer.body
        assert data[2 * MIB :] in answer.body
        assert (await wire.ask("/open/a/1.m4s", "Range: bytes=5-6")).body == data[5:7]


async def test_a_memory_store_has_no_descriptor_and_404s_are_answered(tmp_path: Path) -> None:
    mounts: list[dict[str, object]] = [{"prefix": "/m", "storage": "memory:", "access": "open"}]
    async with running(tmp_path, mounts) as gateway:
        answer = await gateway.ask("/m/none.m4s")
    assert (answer.status, answer["cache-control"]) == (404, "public, max-age=1")


async def test_pipelined_answers_come_in_order(tmp_path: Path) -> None:
    lengths = [10, COPY_AT_MOST + 10, 0, 5 * MIB, 20]
    async with running(tmp_path) as gateway, gateway.wire() as wire:
        for number, length in enumerate(lengths):
            gateway.put(f"a/{number}.m4s", pattern(length))
        request = "".join(f"GET /open/a/{number}.m4s HTTP/1.1\r\nHost: a\r\n\r\n" for number in range(len(lengths)))
        await wire.send(request.encode())
        for length in lengths:
            assert (await wire.answer()).body == pattern(length)


async def test_http_1_0_is_closed_unless_asked_otherwise(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway, gateway.wire() as wire:
        gateway.put("a/1.m4s", b"abc")
        await wire.send(b"GET /open/a/1.m4s HTTP/1.0\r\n\r\n")
        assert (await wire.answer()).body == b"abc"
        assert await wire.ended()


async def test_a_slow_reader_costs_no_memory_and_gets_every_byte(tmp_path: Path) -> None:
    data = pattern(32 * MIB)
    async with running(tmp_path) as gateway, gateway.wire() as wire:
        gateway.put("a/1.m4s", data)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await wire.send(b"GET /open/a/1.m4s HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await gateway.ask("/open/a/1.m4s", "Range: bytes=0-0")).body == data[:1]  # it does not hold others up
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 16 * 1024, f"{grown} KiB more for a reader that stands still"
        assert (await wire.answer()).body == data


async def test_clients_that_leave_cost_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with running(tmp_path) as gateway:
        gateway.put("a/1.m4s", pattern(16 * MIB))
        gateway.put("a/2.m4s", pattern(COPY_AT_MOST))
        await gateway.ask("/open/a/1.m4s", "Range: bytes=0-0")
        await gateway.ask("/open/a/2.m4s", "Range: bytes=0-0")
        await all_answered(gateway)
        before = open_media(gateway)
        for number in range(20):
            with socket.create_connection(("127.0.0.1", gateway.where.public_port)) as client:
                client.setblocking(False)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.send(f"GET /open/a/{number % 2 + 1}.m4s HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                for _ in range(number % 5):
                    await asyncio.sleep(0)
        await all_answered(gateway)
        await eventually(lambda: open_media(gateway) <= before)
        gc.collect()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_file_replaced_by_rename_is_sent_to_its_end(tmp_path: Path) -> None:
    old, new = pattern(24 * MIB), b"n" * 24 * MIB
    async with running(tmp_path) as gateway, gateway.wire() as wire:
        file = gateway.put("a/1.m4s", old)
        length = await begin(wire)
        other = gateway.put("a/other", new)
        other.replace(file)
        assert await wire.exactly(length) == old


@pytest.mark.parametrize("fault", ["overwritten", "truncated", "grown"])
async def test_a_file_changed_in_place_resets_the_connection(fault: str, tmp_path: Path) -> None:
    data = pattern(24 * MIB)
    async with running(tmp_path) as gateway, gateway.wire() as wire:
        file = gateway.put("a/1.m4s", data)
        length = await begin(wire)
        with file.open("r+b") as opened:
            match fault:
                case "overwritten":
                    opened.write(b"x" * len(data))
                case "truncated":
                    opened.truncate(20 * MIB)
                case "grown":
                    opened.seek(0, os.SEEK_END)
                    opened.write(b"more")
        with pytest.raises(ConnectionError):
            await wire.exactly(length)


async def test_a_transfer_that_is_cancelled_is_reset_before_its_file_is_closed(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        gateway.put("a/1.m4s", pattern(24 * MIB))
        gateway.put("a/secret", b"s" * 24 * MIB)
        async with gateway.wire() as wire:
            await begin(wire)
            for task in asyncio.all_tasks():
                if "_handle_request" in repr(task.get_coro()):
                    task.cancel()
            with pytest.raises(ConnectionError):
                await wire.rest()
        await eventually(lambda: open_media(gateway) <= 1)


async def test_a_refusal_in_flight_does_not_follow_a_body(tmp_path: Path) -> None:
    """A malformed request behind a good one gets its 400 only after the whole first answer."""
    data = pattern(2 * MIB)
    async with running(tmp_path) as gateway, gateway.wire() as wire:
        gateway.put("a/1.m4s", data)
        await wire.send(b"GET /open/a/1.m4s HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await wire.answer()).body == data
        await wire.send(b"GET /open/a/1.m4s HTTP/2.0\r\nHost: a\r\n\r\n")
        assert (await wire.answer()).status in {400, 505}
        assert await wire.ended()


async def begin(wire: Wire) -> int:
    """Ask for the long file and read the header block of its answer alone; how long the body will be."""
    await wire.send(b"GET /open/a/1.m4s HTTP/1.1\r\nHost: a\r\n\r\n")
    return int((await wire.head())["content-length"])


def open_media(gateway: Gateway) -> int:
    """How many descriptors of media files this process holds."""
    held = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            held += str(gateway.media) in str(descriptor.readlink())
        except OSError:
            continue
    return held


async def all_answered(gateway: Gateway) -> None:
    async with asyncio.timeout(PATIENCE):
        while await gateway.metric("headgate_requests_in_flight") > 0:
            await asyncio.sleep(0.01)


async def eventually(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not is_so():
            await asyncio.sleep(0.01)
