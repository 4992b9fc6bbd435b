"""Bodies on their way to the shelf: whole, too long, and other than announced."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cache.disk.limits import DiskLimits
from cache.disk.store import DiskStore
from origin.httpcache.stored import StoredResponse
from origin.shield.asked import Asked
from origin.shield.intake import Intake
from origin.shield.sharing import Run
from origin.shield.shelf import Kept, Shelf
from origin.shield.wish import Wish
from origin.upstream.origin_server import Outgoing, Trouble, UpstreamError
from tests.origin.shield.scenes import Tally
from tests.scripted_origin import Answer, ScriptedIncoming, ScriptedOrigin

NOW = 1_000.0
ASKED = Asked("GET", "/vod/a", "/a")
STORED = StoredResponse(200, (("ETag", '"a"'),), NOW, NOW, (), ())


@asynccontextmanager
async def an_intake(folder: Path) -> AsyncIterator[tuple[Intake, Shelf, Tally]]:
    store, tally = await DiskStore.open(folder, DiskLimits(max_bytes=2**20), lambda: NOW), Tally()
    shelf = Shelf(store)
    intake = Intake(shelf, tally, largest=8)
    yield intake, shelf, tally
    await intake.close()
    await store.close()


def body(data: bytes) -> ScriptedIncoming:
    return ScriptedIncoming(ScriptedOrigin(), Answer(body=data), Outgoing("GET", "/a"))


async def kept(shelf: Shelf) -> bool:
    found = await shelf.find(ASKED)
    if isinstance(found, Kept):
        found.release()
    return found is not None


async def test_a_whole_body_is_kept(tmp_path: Path) -> None:
    async with an_intake(tmp_path) as (intake, shelf, tally):
        arriving = await intake.place(ASKED, Wish(), STORED, Run(3), is_part=False)
        intake.take(arriving, body(b"abc"))
        await arriving.ended.wait()
        assert not arriving.is_broken
        assert await kept(shelf)
        assert tally.troubles == {}


@pytest.mark.parametrize(
    ("length", "data", "trouble"),
    [(None, b"123456789", Trouble.TOO_LARGE), (2, b"abc", Trouble.OVERLONG)],
)
async def test_more_than_may_come_is_not_kept(
    tmp_path: Path, length: int | None, data: bytes, trouble: Trouble
) -> None:
    async with an_intake(tmp_path) as (intake, shelf, tally):
        arriving = await intake.place(ASKED, Wish(), STORED, Run(length), is_part=False)
        intake.take(arriving, body(data))
        await arriving.ended.wait()
        assert arriving.is_broken
        assert not await kept(shelf)
        assert tally.troubles == {trouble: 1}


async def test_a_part_of_another_version_is_not_placed(tmp_path: Path) -> None:
    async with an_intake(tmp_path) as (intake, shelf, tally):
        arriving = await intake.place(ASKED, Wish(), STORED, Run(3), is_part=False)
        intake.take(arriving, body(b"abc"))
        await arriving.ended.wait()
        other = StoredResponse(206, (("ETag", '"b"'), ("Content-Range", "bytes 0-0/3")), NOW, NOW, (), ())
        with pytest.raises(UpstreamError) as refused:
            await intake.place(ASKED, Wish(key=ASKED.key, stored=STORED), other, Run(3, 0, 1), is_part=True)
        assert refused.value.trouble is Trouble.CHANGED
        assert tally.troubles == {Trouble.CHANGED: 1}
        assert await kept(shelf)


def test_what_fits() -> None:
    intake = Intake.__new__(Intake)
    intake._largest = 8
    assert [intake.fits(run) for run in (Run(None), Run(8), Run(9), Run(100, 2, 10))] == [True, True, False, True]
