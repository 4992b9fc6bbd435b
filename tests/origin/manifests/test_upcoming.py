"""What comes next, below a mount."""

from __future__ import annotations

from itertools import islice
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.manifests.courses import Wanted
from origin.manifests.template import Malformed
from origin.manifests.upcoming import Ground, course_of
from origin.media.target import MountName, parse_target

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
        ("a b.ts", "film/hd/a b.ts"),
        (" a.ts", None),
        ("日本/ä.ts", "film/hd/日本/ä.ts"),
        ("\ud800", None),
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


LINES = st.sampled_from(
    [
        "#EXTINF:6,",
        "1.ts",
        "../../../../../x.ts",
        "/vod/../etc/x",
        "//vod/x",
        "%2e%2e/%2e%2e/%2e%2e/x",
        "{$v}/x",
        '#EXT-X-DEFINE:NAME="v",VALUE="/.."',
        "#EXT-X-BYTERANGE:5@1",
        "#EXT-X-BYTERANGE:999999999999999",
        '#EXT-X-MAP:URI="i.mp4",BYTERANGE="5@0"',
        '#EXT-X-PART:DURATION=1,URI="1.ts",BYTERANGE="5@0"',
        '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="..",BYTERANGE-START=x',
        "#EXT-X-GAP",
        "#EXT-X-ENDLIST",
        '#EXT-X-MEDIA:URI="../x.m3u8"',
    ]
)
VALUES = st.sampled_from(["0", "1", "-1", "7", "999999999999999999", "x", "", "PT0S", "PT9S", "PT999999999H"])
NAMES = st.sampled_from(
    ["$Number$", "../../$Time$", "/$Number%09d$", "..%2f$Time$", "$RepresentationID$/$Number$", "a"]
)


@st.composite
def mpds(draw: st.DrawFn) -> str:
    def some(*names: str) -> str:
        return " ".join(f'{name}="{draw(VALUES)}"' for name in names if draw(st.booleans()))

    steps = "".join(f"<S {some('t', 'd', 'r')}/>" for _ in range(draw(st.integers(0, 4))))
    timeline = f"<SegmentTimeline>{steps}</SegmentTimeline>" if draw(st.booleans()) else ""
    attributes = some("duration", "timescale", "startNumber", "endNumber", "presentationTimeOffset")
    kind = draw(st.sampled_from(["", 'type="dynamic" availabilityStartTime="2026-01-01T00:00:00Z"', 'type="dynamic"']))
    return (
        f"<MPD {kind} {some('mediaPresentationDuration', 'timeShiftBufferDepth')}><Period {some('start', 'duration')}>"
        f'<BaseURL>{draw(NAMES)}/</BaseURL><AdaptationSet><SegmentTemplate media="{draw(NAMES)}" '
        f'initialization="{draw(NAMES)}" {attributes}>{timeline}</SegmentTemplate>'
        f'<Representation id="{draw(NAMES)}"/></AdaptationSet></Period></MPD>'
    )


@given(st.one_of(st.lists(LINES, max_size=12).map(lambda lines: "\n".join(["#EXTM3U", *lines])), mpds()))
def test_whatever_a_manifest_says_nothing_leaves_the_mount(text: str) -> None:
    now = 1_800_000_000.0
    try:
        course = course_of(text.encode(), VOD.locate("film/hd/x"))
    except Malformed:
        return
    found = [wanted for track in course.tracks for wanted in islice(track.all(now), 5)]
    for wanted in found:
        following = course.after(wanted, 3, now)
        assert following is not None
        assert len(following) <= 3 + sum(name.name.endswith("i.mp4") for name in following)
        found = [*found, *following]
    for name in (*course.playlists, *(wanted.name for wanted in found)):
        target = parse_target(quote(f"/vod/{name}"), VOD.mounts)
        assert (target.mount, target.path) == ("/vod", name)
