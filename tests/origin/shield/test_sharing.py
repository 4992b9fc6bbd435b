"""What nodes tell each other of a body, and how a run of it looks to the relay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cache.disk.limits import DiskLimits
from cache.disk.store import DiskStore
from cache.fleet.leases import NoLeases
from cache.fleet.relay import Followed
from origin.httpcache.stored import StoredResponse
from origin.shield.sharing import Fleet, Run, Shifted, pack_head, unpack_head

STORED = StoredResponse(200, (("ETag", '"a"'),), 1.0, 2.0, (("accept", "x"),), ("film",))


class Told(Followed):
    """A body of which only the head matters."""

    def __init__(self, head: bytes) -> None:
        self.head = head


@pytest.mark.parametrize("run", [Run(None), Run(10), Run(10, 2, 6)])
def test_a_head_is_understood_by_others(run: Run) -> None:
    assert unpack_head(Told(pack_head(STORED, 206, run))) == (STORED, 206, run)


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x93\x01\x02\x03", pack_head(STORED, 200, Run(1))[:-3]])
def test_what_is_no_head_is_nothing(data: bytes) -> None:
    assert unpack_head(Told(data)) is None


@pytest.mark.parametrize(("run", "size"), [(Run(None), None), (Run(10), 10), (Run(10, 4), 6), (Run(10, 4, 7), 3)])
def test_how_many_bytes_a_run_has(run: Run, size: int | None) -> None:
    assert run.size == size


async def test_alone_nobody_is_followed() -> None:
    assert await Fleet(NoLeases(), None).follow_or_wait("key") is None


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DiskStore]:
    store = await DiskStore.open(tmp_path, DiskLimits(max_bytes=2**20), lambda: 0.0)
    yield store
    await store.close()


async def test_a_run_begins_at_its_own_first_byte(store: DiskStore) -> None:
    fill = await store.begin("key", b"head", length=10, expects=(4, 8))
    shifted = Shifted(fill, Run(10, 4, 8))
    assert (shifted.length, shifted.reach(0)) == (4, 0)
    await fill.write(4, b"ab")
    assert (shifted.reach(0), await shifted.wait(0), await shifted.read(0, 2)) == (2, 2, b"ab")
    await fill.write(6, b"cd")
    await fill.write(8, b"ef")  # not of this run
    assert (shifted.reach(0), await shifted.wait(2), await shifted.wait(4)) == (4, 4, 4)
    assert (await shifted.read(1, 4)).startswith(b"b")
    await fill.abandon()
