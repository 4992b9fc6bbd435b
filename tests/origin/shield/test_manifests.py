"""Manifests behind the shield."""

from __future__ import annotations

from pathlib import Path

import pytest

from origin.http.spans import ByteSpan
from origin.shield.asked import Asked
from origin.shield.bodies import BodyFailed
from origin.shield.manifests import ShieldReader, UpstreamFailed
from origin.storage.store import StoreUnavailable
from origin.upstream.origin_server import Trouble
from tests.origin.shield.scenes import FRESH, Scene, scene
from tests.scripted_origin import Answer, Gate

TEXT = b"#EXTM3U\n" * 20_000
CHANGED = ("Last-Modified", "Fri, 01 Jan 2027 00:00:00 GMT")
LARGEST = 1000


def reader(it: Scene, largest: int = len(TEXT)) -> ShieldReader:
    def ask(path: str, query: str) -> Asked:
        below = f"/{path}?{query}" if query else f"/{path}"
        return Asked("GET", f"/vod{below}", below)

    return ShieldReader(it.shield, it.origin, ask, it.clock, largest)


@pytest.mark.parametrize("fields", [(FRESH,), (("Cache-Control", "no-store"),)])
async def test_a_manifest_is_read_whole(tmp_path: Path, fields: tuple[tuple[str, str], ...]) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a.m3u8", TEXT, CHANGED, *fields)
        found = [await reader(it).open("a.m3u8") for _ in range(2)]
        for one in found:
            assert one is not None
            assert (one.size, one.info.size, one.info.modified) == (len(TEXT), len(TEXT), 1_798_761_600.0)
            assert await one.read(ByteSpan(1, 6)) == b"EXTM3U"
            assert (one.fileno(), one.is_unchanged()) == (None, True)
            one.release()
        assert len({one.info.version for one in found if one is not None}) == 1
        await it.settled()
        assert it.origin.open_now == 0


async def test_another_text_is_another_version(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        versions = set()
        for text in (b"a", b"b"):
            it.origin.put("/a", text, ("Cache-Control", "no-store"))
            found = await reader(it).open("a")
            assert found is not None
            assert found.info.modified == it.clock()
            versions.add(found.info.version)
        assert len(versions) == 2


async def test_a_query_is_part_of_what_is_asked(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a?x=1", b"with", FRESH)
        it.origin.put("/a", b"without", FRESH)
        for query, text in (("x=1", b"with"), ("", b"without")):
            found = await reader(it).open_as_asked("a", query)
            assert found is not None
            assert await found.read(ByteSpan(0, 9)) == text


@pytest.mark.parametrize("fields", [(FRESH,), (("Cache-Control", "no-store"),)])
@pytest.mark.parametrize("is_kept", [False, True])
async def test_no_more_than_enough_is_read(tmp_path: Path, fields: tuple[tuple[str, str], ...], is_kept: bool) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", TEXT, *fields)
        if is_kept:
            await it.get("/a")
        found = await reader(it, LARGEST).open("a")
        assert found is not None
        assert found.size == LARGEST + 1
        await it.settled()
        assert it.origin.open_now == 0


@pytest.mark.parametrize("status", [404, 410])
async def test_there_may_be_none(tmp_path: Path, status: int) -> None:
    async with scene(tmp_path) as it:
        it.origin.answers["/a"] = Answer(status, (), b"none")
        assert [await reader(it).open("a") for _ in range(2)] == [None, None]


@pytest.mark.parametrize("status", [301, 403, 500])
async def test_another_answer_is_trouble(tmp_path: Path, status: int) -> None:
    async with scene(tmp_path) as it:
        it.origin.answers["/a"] = Answer(status, (), b"other")
        with pytest.raises(StoreUnavailable):
            await reader(it).open("a")


async def test_an_upstream_that_is_away(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await reader(it).probe()
        it.origin.down = Trouble.TIMED_OUT
        for work in (reader(it).open("a"), reader(it).probe()):
            with pytest.raises(UpstreamFailed) as caught:
                await work
            assert caught.value.reason == "upstream_timed_out"
        await reader(it).close()


async def test_half_a_manifest_is_none(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.answers["/a"] = Answer(200, (FRESH,), TEXT, gate=Gate(100), breaks=Trouble.TRUNCATED)
        with pytest.raises(BodyFailed):
            await reader(it).open("a")
