from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

import m3u8
import pytest

from origin.demo.ffmpeg import AssetFailed, ensure_asset
from origin.demo.plan import AssetPlan, Rendition

TINY = replace(AssetPlan(), renditions=(Rendition(160, 90, 100),), seconds=2, segment_seconds=1)
pytestmark = pytest.mark.needs("ffmpeg")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("state") / "media" / "clock"
    assert asyncio.run(ensure_asset(folder, TINY))
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_playlists_and_mpd_name_the_same_segments(made: Path) -> None:
    master = m3u8.load(str(made / "index.m3u8"))
    names = [master.playlists[0].uri, master.media[0].uri]
    mpd = (made / "manifest.mpd").read_text()
    for stream, name in enumerate(names):
        playlist = m3u8.load(str(made / name))
        assert playlist.is_endlist
        version = playlist.segment_map[0].uri.split("/")[0]
        assert f'media="{version}/$RepresentationID$/$Number%05d$.m4s"' in mpd
        for number, segment in enumerate(playlist.segments, 1):
            assert segment.uri == f"{version}/{stream}/{number:05}.m4s"
            assert (made / segment.uri).read_bytes()[4:8] in (b"styp", b"moof")
        assert (made / playlist.segment_map[0].uri).read_bytes()[4:8] == b"ftyp"


def test_segments_are_as_long_as_planned(made: Path) -> None:
    assert [segment.duration for segment in m3u8.load(str(made / "media_0.m3u8")).segments] == [1.0, 1.0]


def test_nothing_but_the_asset_is_left(made: Path) -> None:
    assert [path.name for path in made.parent.iterdir()] == ["clock"]


async def test_a_made_asset_is_kept_and_another_plan_replaces_it(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clock"
    shutil.copytree(made, folder)
    before = files(folder)
    assert not await ensure_asset(folder, TINY)
    assert files(folder) == before
    heard: list[float] = []
    assert await ensure_asset(folder, replace(TINY, fps=10), on_progress=heard.append)
    assert heard == sorted(heard)
    assert (heard[0], heard[-1]) == (0.0, 1.0)
    assert files(folder).keys() != before.keys()
    assert [path.name for path in tmp_path.iterdir()] == ["clock"]


async def test_cancelled_while_encoding(tmp_path: Path) -> None:
    encoding = asyncio.Event()
    long = replace(TINY, seconds=3600)
    making = asyncio.create_task(
        ensure_asset(tmp_path / "clock", long, on_progress=lambda done: encoding.set() if done else None)
    )
    await encoding.wait()
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert list(tmp_path.iterdir()) == []


async def test_a_plan_ffmpeg_refuses(tmp_path: Path) -> None:
    impossible = replace(TINY, renditions=(Rendition(161, 91, 100),))  # 4:2:0 needs even sides
    with pytest.raises(AssetFailed, match="could not be made"):
        await ensure_asset(tmp_path / "clock", impossible)
    assert list(tmp_path.iterdir()) == []


async def test_a_time_limit(tmp_path: Path) -> None:
    with pytest.raises(AssetFailed, match="still running after"):
        await ensure_asset(tmp_path / "clock", replace(TINY, seconds=3600), limit_seconds=0.3)
    assert list(tmp_path.iterdir()) == []
