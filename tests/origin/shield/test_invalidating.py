"""A write at one node is a write everywhere."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from cache.disk.limits import DiskLimits
from cache.disk.store import DiskStore
from cache.fleet.bus import LocalBus
from origin.httpcache.stored import StoredResponse
from origin.shield.asked import Asked
from origin.shield.invalidating import Invalidations
from origin.shield.shelf import Kept, Shelf

NOW = 1_000.0
ASKED = Asked("GET", "/vod/a", "/a")
STORED = StoredResponse(200, (("Date", "x"),), NOW, NOW, (), ())


async def shelf_with_a_response(folder: Path, stack: AsyncExitStack) -> Shelf:
    store = await DiskStore.open(folder, DiskLimits(max_bytes=2**20), lambda: NOW)
    stack.push_async_callback(store.close)
    shelf = Shelf(store)
    arriving = await shelf.begin(ASKED, STORED, 1)
    await arriving.fill.write(0, b"a")
    await arriving.fill.commit()
    shelf.arrived(arriving)
    return shelf


async def is_there(shelf: Shelf) -> bool:
    found = await shelf.find(ASKED)
    if isinstance(found, Kept):
        found.release()
    return found is not None


async def test_what_one_node_forgets_all_forget(tmp_path: Path) -> None:
    bus = LocalBus()
    async with AsyncExitStack() as stack:
        shelves = [await shelf_with_a_response(tmp_path / str(number), stack) for number in range(2)]
        nodes = [Invalidations(shelf, bus, bytes([number]), lambda: NOW + 1) for number, shelf in enumerate(shelves)]
        assert [await is_there(shelf) for shelf in shelves] == [True, True]
        await nodes[0].forget(ASKED.key, NOW)
        while await is_there(shelves[1]):
            await asyncio.sleep(0)
        for node in nodes:
            await node.close()
        assert [await is_there(shelf) for shelf in shelves] == [False, False]
        # What was asked for before the write was heard of is outdated there, and at the writer only what was before it.
        assert [shelf.is_outdated(ASKED.key, STORED) for shelf in shelves] == [False, True]


async def test_a_key_that_makes_no_sense_harms_nothing(tmp_path: Path) -> None:
    bus = LocalBus()
    async with AsyncExitStack() as stack:
        shelf = await shelf_with_a_response(tmp_path, stack)
        node = Invalidations(shelf, bus, b"1", lambda: NOW + 1)
        bus.publish("written", b"2\xff\xfe")
        bus.publish("written", b"")
        await asyncio.sleep(0)
        await node.close()
        assert await is_there(shelf)
