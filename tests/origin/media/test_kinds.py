from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.media.kinds import FORMATS, OPAQUE, Kind, format_of


@pytest.mark.parametrize(
    ("path", "kind", "content_type"),
    [
        ("bbb/master.m3u8", Kind.MEDIA_PLAYLIST, "application/vnd.apple.mpegurl"),
        ("bbb/720p/index.M3U8", Kind.MEDIA_PLAYLIST, "application/vnd.apple.mpegurl"),
        ("list.m3u", Kind.MEDIA_PLAYLIST, "application/vnd.apple.mpegurl"),
        ("manifest.mpd", Kind.MPD, "application/dash+xml"),
        ("patch.mpp", Kind.MPD, "application/dash-patch+xml"),
        ("movie.mp4", Kind.SEGMENT, "video/mp4"),
        ("movie.m4v", Kind.SEGMENT, "video/mp4"),
        ("movie.m4a", Kind.SEGMENT, "audio/mp4"),
        ("chunk-stream0-00001.m4s", Kind.SEGMENT, "video/iso.segment"),
        ("v.cmfv", Kind.SEGMENT, "video/mp4"),
        ("a.cmfa", Kind.SEGMENT, "audio/mp4"),
        ("t.cmft", Kind.SUBTITLE, "application/mp4"),
        ("m.cmfm", Kind.SEGMENT, "application/mp4"),
        ("video.init", Kind.INIT, "video/mp4"),
        ("video.header", Kind.INIT, "video/mp4"),
        ("1.ts", Kind.SEGMENT, "video/mp2t"),
        ("1.aac", Kind.SEGMENT, "audio/aac"),
        ("1.ac3", Kind.SEGMENT, "audio/ac3"),
        ("1.ec3", Kind.SEGMENT, "audio/eac3"),
        ("1.ac4", Kind.SEGMENT, "audio/ac4"),
        ("1.mp3", Kind.SEGMENT, "audio/mpeg"),
        ("1.webm", Kind.SEGMENT, "video/webm"),
        ("1.weba", Kind.SEGMENT, "audio/webm"),
        ("en.vtt", Kind.SUBTITLE, "text/vtt"),
        ("en.webvtt", Kind.SUBTITLE, "text/vtt"),
        ("en.ttml", Kind.SUBTITLE, "application/ttml+xml"),
        ("en.dfxp", Kind.SUBTITLE, "application/ttml+xml"),
        ("en.imsc", Kind.SUBTITLE, "application/ttml+xml"),
        ("en.srt", Kind.SUBTITLE, "application/x-subrip"),
        ("aes.key", Kind.KEY, "application/octet-stream"),
        ("enc.bin", Kind.KEY, "application/octet-stream"),
        ("thumb.jpg", Kind.IMAGE, "image/jpeg"),
        ("thumb.jpeg", Kind.IMAGE, "image/jpeg"),
        ("thumb.png", Kind.IMAGE, "image/png"),
        ("thumb.webp", Kind.IMAGE, "image/webp"),
        ("thumb.avif", Kind.IMAGE, "image/avif"),
        ("thumb.gif", Kind.IMAGE, "image/gif"),
        ("steering.json", Kind.OTHER, "application/json"),
        ("crossdomain.xml", Kind.OTHER, "application/xml"),
        ("player.html", Kind.OTHER, "text/html; charset=utf-8"),
        ("player.js", Kind.OTHER, "text/javascript; charset=utf-8"),
        ("player.css", Kind.OTHER, "text/css; charset=utf-8"),
        ("readme.txt", Kind.OTHER, "text/plain; charset=utf-8"),
        ("archive.tar.gz", Kind.OTHER, "application/octet-stream"),
        ("noextension", Kind.OTHER, "application/octet-stream"),
        ("dir.mp4/noextension", Kind.OTHER, "application/octet-stream"),
        ("m3u8", Kind.OTHER, "application/octet-stream"),
        ("", Kind.OTHER, "application/octet-stream"),
    ],
)
def test_by_extension(path: str, kind: Kind, content_type: str) -> None:
    assert (format_of(path).kind, format_of(path).content_type) == (kind, content_type)


@pytest.mark.parametrize(
    "name",
    [
        "init.mp4",
        "INIT.MP4",
        "init.m4s",
        "init_0.mp4",
        "init-stream0.m4s",
        "init0.m4s",
        "video_init.mp4",
        "720p-init.cmfv",
        "audio.init.1.m4s",
        "header.m4s",
        "v/init.webm",
    ],
)
def test_init_segments(name: str) -> None:
    assert format_of(name).kind is Kind.INIT


@pytest.mark.parametrize(
    "name", ["initial.mp4", "reinit.mp4", "initiation-1.m4s", "headers.mp4", "init/1.m4s", "subheader.m4s"]
)
def test_not_init_segments(name: str) -> None:
    assert format_of(name).kind is Kind.SEGMENT


@pytest.mark.parametrize(
    "name", ["part1.m4s", "part-1.m4s", "part_1_0.cmfv", "part12.5.m4s", "seg7.part3.m4s", "Part3.m4s"]
)
def test_parts(name: str) -> None:
    assert format_of(name).kind is Kind.PART


@pytest.mark.parametrize(
    "name",
    ["film_part1.mp4", "film.part1.mp4", "part1.mp4", "party.m4s", "part.m4s", "depart1.m4s", "part/1.m4s"],
)
def test_not_parts(name: str) -> None:
    assert format_of(name).kind is Kind.SEGMENT


def test_other_names_of_init_and_parts_change_nothing_but_the_kind() -> None:
    assert format_of("init.m4s").content_type == format_of("part1.m4s").content_type == format_of("1.m4s").content_type
    assert format_of("init.jpg").kind is Kind.IMAGE
    assert format_of("part1.vtt").kind is Kind.SUBTITLE


def test_the_table_is_lower_case_and_speaks_media_types() -> None:
    for extension, known in FORMATS.items():
        assert extension == extension.lower().strip(".")
        assert known.content_type.partition("/")[0] in {"application", "audio", "image", "text", "video"}


@given(st.text())
def test_never_fails(path: str) -> None:
    assert format_of(path).content_type


@given(st.text().filter(lambda stem: "." not in stem and "/" not in stem))
def test_without_an_extension_nothing_is_known(stem: str) -> None:
    assert format_of(stem) == OPAQUE
