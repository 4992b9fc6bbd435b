from __future__ import annotations

from dataclasses import replace

import m3u8
import pytest

from origin.demo.manifests import (
    UnusableOutput,
    finished_mpd,
    media_playlist,
    multivariant,
    read_tracks,
)
from origin.demo.plan import AssetPlan, Rendition

PLAN = replace(AssetPlan(), renditions=(Rendition(416, 234, 300),), seconds=4)
MPD = """<MPD maxSegmentDuration="PT2.0S"><Period><AdaptationSet>
<Representation id="0" mimeType="video/mp4" codecs="avc1.42c00d" width="416">
<SegmentTemplate initialization="segments/$RepresentationID$/init.mp4" media="segments/$RepresentationID$/x"/>
</Representation></AdaptationSet><AdaptationSet>
<Representation id="1" mimeType="audio/mp4" codecs="mp4a.40.2"/></AdaptationSet></Period></MPD>"""


def packaged(stream: int, *durations: float) -> str:
    lines = ["#EXTM3U", "#EXT-X-VERSION:6", f'#EXT-X-MAP:URI="segments/{stream}/init.mp4"']
    for number, seconds in enumerate(durations, 1):
        lines += [f"#EXTINF:{seconds:.6f},", "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000+0000"]
        lines.append(f"segments/{stream}/{number:05}.m4s")
    return "\n".join((*lines, "#EXT-X-ENDLIST", ""))


TEXTS = {"media_0.m3u8": packaged(0, 2, 2), "media_1.m3u8": packaged(1, 1.92, 2.005333, 0.064)}
SIZES = {f"segments/{stream}/init.mp4": 800 for stream in (0, 1)}
SIZES |= {"segments/0/00001.m4s": 50_000, "segments/0/00002.m4s": 75_000}
SIZES |= {"segments/1/00001.m4s": 24_000, "segments/1/00002.m4s": 24_000, "segments/1/00003.m4s": 700}


def test_tracks_carry_what_was_packaged() -> None:
    video, audio = read_tracks(PLAN, TEXTS, MPD, SIZES)
    assert (video.init, video.codecs) == ("segments/0/init.mp4", "avc1.42c00d")
    assert [segment.seconds for segment in audio.segments] == [1.92, 2.005333, 0.064]
    assert (video.peak, video.average) == (300_000, 250_000)


@pytest.mark.parametrize(
    ("texts", "mpd", "sizes"),
    [
        ({"media_0.m3u8": TEXTS["media_0.m3u8"]}, MPD, SIZES),
        (TEXTS, "<MPD/>", SIZES),
        (TEXTS, MPD, {}),
        (TEXTS | {"media_1.m3u8": "#EXTM3U\n"}, MPD, SIZES),
        (TEXTS | {"media_1.m3u8": packaged(1)}, MPD, SIZES),
    ],
    ids=["playlist missing", "codecs missing", "files missing", "no map", "no segments"],
)
def test_an_output_that_is_not_the_plan_s_is_refused(texts: dict[str, str], mpd: str, sizes: dict[str, int]) -> None:
    with pytest.raises(UnusableOutput):
        read_tracks(PLAN, texts, mpd, sizes)


def test_the_multivariant_playlist_says_what_players_choose_by() -> None:
    tracks = read_tracks(PLAN, TEXTS, MPD, SIZES)
    parsed = m3u8.loads(multivariant(PLAN, tracks))
    assert parsed.is_variant
    assert parsed.is_independent_segments
    [variant] = parsed.playlists
    assert variant.uri == "media_0.m3u8"
    assert variant.stream_info.resolution == (416, 234)
    assert variant.stream_info.codecs == "avc1.42c00d,mp4a.40.2"
    assert variant.stream_info.bandwidth == tracks[0].peak + tracks[1].peak
    assert variant.stream_info.average_bandwidth == tracks[0].average + tracks[1].average
    assert variant.stream_info.audio == "audio"
    [audio] = parsed.media
    assert (audio.type, audio.group_id, audio.uri, audio.autoselect) == (
        "AUDIO",
        "audio",
        "media_1.m3u8",
        "YES",
    )


def test_a_media_playlist_is_a_whole_vod_asset() -> None:
    parsed = m3u8.loads(media_playlist(read_tracks(PLAN, TEXTS, MPD, SIZES)[1], "0a1b2c"))
    assert parsed.playlist_type == "vod"
    assert parsed.is_endlist
    assert parsed.is_independent_segments
    assert parsed.target_duration == 2
    assert parsed.segment_map[0].uri == "0a1b2c/1/init.mp4"
    assert [segment.uri for segment in parsed.segments] == [f"0a1b2c/1/0000{n}.m4s" for n in (1, 2, 3)]


def test_the_mpd_names_the_same_segments_and_the_longest_of_them() -> None:
    text = finished_mpd(MPD, read_tracks(PLAN, TEXTS, MPD, SIZES), "0a1b2c")
    assert 'maxSegmentDuration="PT2.006S"' in text
    assert 'initialization="0a1b2c/$RepresentationID$/init.mp4"' in text
    assert "segments/" not in text
