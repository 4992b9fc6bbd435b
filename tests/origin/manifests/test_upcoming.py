"""What comes next, below a mount."""

from __future__ import annotations

import pytest

from origin.manifests.courses import Wanted
from origin.manifests.template import Malformed
from origin.manifests.upcoming import Ground, course_of
from origin.media.target import MountName

VOD = Ground(MountName("/vod"), (MountName("/vod"), MountName("/vod/keys")))
ROOT = Ground(MountName("/"))


@pytest.mark.parametrize(
    ("reference", "path"),
    [
        ("2.ts", "film/hd/2.ts"),
        ("./2.ts", "film/hd/2.ts"),
        ("../sd/2.ts", "film/sd/2.ts"),
        ("/vod/other/2.ts", "other/2.ts"),
        ("a%20b.ts", "film/hd/a b.ts"),
        ("2.ts#t=1", "film/hd/2.ts"),
        ("../../../../vod/2.ts", "2.ts"),
        ("../../../2.ts", None),
        ("/2.ts", None),
        ("/vod/keys/2.ts", None),
        ("../../keys/2.ts", None),
        ("..%2F2.ts", None),
        ("%2e%2e/%2e%2e/%2e%2e/2.ts", None),
        ("2.ts?x=1", None),
        ("2.ts?", None),
        ("https://other.example/vod/2.ts", None),
        ("//other.example/vod/2.ts", None),
        ("data:,x", None),
        (".2.ts", None),
        ("2.ts.", None),
        ("", "film/hd/list.m3u8"),
        ("..", None),
        ("a\\b", None),
        ("a b", None),
        ("%FF", None),
        ("a//b", None),
    ],
)
def test_only_what_lies_below_the_mount(reference: str, path: str | None) -> None:
    assert VOD.locate("film/hd/list.m3u8")(reference, ()) == (() if path is None else (path,))


def test_bases_and_a_mount_at_the_root() -> None:
    assert ROOT.locate("a/x.mpd")("1.m4s", (("v/",), ("../w/",), ("https://b.example/",))) == ("a/v/1.m4s", "w/1.m4s")
    assert ROOT.locate("x.m3u8")("1.ts", ()) == ("1.ts",)
    assert ROOT.locate("ä %/x.m3u8")("1.ts", ()) == ("ä %/1.ts",)
    assert ROOT.locate("ä %/x.m3u8")("./1.ts", ()) == ("ä %/1.ts",)


@pytest.mark.parametrize("path", ["../x.m3u8", ".hidden/x.m3u8", "keys/x.m3u8", ""])
def test_a_manifest_that_is_not_of_the_mount_leads_nowhere(path: str) -> None:
    assert VOD.locate(path)("1.ts", ()) == ()


def test_both_kinds_of_manifest() -> None:
    playlist = b"#EXTM3U\n#EXTINF:6,\n1.ts\n#EXTINF:6,\n2.ts\n#EXTINF:6,\n/2.ts\n#EXTINF:6,\n../3.ts\n"
    course = course_of(playlist, VOD.locate("film/hd/list.m3u8"))
    assert course.after(Wanted("film/hd/1.ts"), 5, 0.0) == (Wanted("film/hd/2.ts"), Wanted("film/3.ts"))
    mpd = b"""<MPD mediaPresentationDuration="PT20S"><Period><BaseURL>hd/</BaseURL><AdaptationSet>
    <SegmentTemplate duration="5" initialization="../i.mp4" media="$RepresentationID$%20$Number%03d$.m4s"/>
    <Representation id="v"/></AdaptationSet></Period></MPD>"""
    course = course_of(mpd, VOD.locate("film/x.mpd"))
    assert course.after(Wanted("film/hd/v 003.m4s"), 5, 0.0) == (Wanted("film/hd/v 004.m4s"),)
    assert course.folders == {"film", "film/hd"}
    for other in (b"", b"{}", b"#EXTINF", b"\x00"):
        with pytest.raises(Malformed):
            course_of(other, VOD.locate("film/x.mpd"))
