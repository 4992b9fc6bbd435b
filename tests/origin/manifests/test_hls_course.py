"""Where HLS playlists lead."""

from __future__ import annotations

from pathlib import Path

import pytest

from origin.manifests.courses import Course, Span, Wanted
from origin.manifests.hls_course import MAX_REFERENCES, playlist_course
from origin.manifests.template import Malformed

SAMPLES = sorted((Path(__file__).parents[2] / "samples" / "hls").glob("*.m3u8"))
NOW = 0.0


def as_written(reference: str, bases: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """Names as the playlist has them; other hosts left out."""
    assert bases == ()
    return () if "://" in reference else (reference,)


def media(*lines: str, end: bool = True) -> Course:
    text = "\n".join(("#EXTM3U", "#EXT-X-TARGETDURATION:6", *lines, *(["#EXT-X-ENDLIST"] if end else []), ""))
    return playlist_course(text.encode(), as_written)


def after(course: Course, name: str, count: int = 2, span: Span | None = None) -> list[str] | None:
    """The names that come next, with ranges where there are any."""
    found = course.after(Wanted(name, span), count, NOW)
    return None if found is None else [shown(wanted) for wanted in found]


def shown(wanted: Wanted) -> str:
    return wanted.name if wanted.span is None else f"{wanted.name} {wanted.span[0]}-{wanted.span[1]}"


def everything(course: Course) -> list[str]:
    return [shown(wanted) for track in course.tracks for wanted in track.all(NOW)]


def test_segments_follow_in_order() -> None:
    course = media(*(line for name in "abcd" for line in ("#EXTINF:6,", f"{name}.ts")))
    assert after(course, "a.ts") == ["b.ts", "c.ts"]
    assert after(course, "c.ts") == ["d.ts"]
    assert after(course, "d.ts") == []
    assert after(course, "a.ts", 0) == []
    assert after(course, "e.ts") is None
    assert everything(course) == ["a.ts", "b.ts", "c.ts", "d.ts"]


def test_an_init_comes_before_the_segments_that_need_another_one() -> None:
    lines = ['#EXT-X-MAP:URI="i1.mp4"', "#EXTINF:6,", "1.m4s", '#EXT-X-MAP:URI="i1.mp4"', "#EXTINF:6,", "2.m4s"]
    lines += ["#EXT-X-DISCONTINUITY", '#EXT-X-MAP:URI="i2.mp4"', "#EXTINF:6,", "3.m4s", "#EXTINF:6,", "4.m4s"]
    course = media(*lines)
    assert everything(course) == ["i1.mp4", "1.m4s", "2.m4s", "i2.mp4", "3.m4s", "4.m4s"]
    assert after(course, "1.m4s") == ["2.m4s", "i2.mp4", "3.m4s"]
    assert after(course, "1.m4s", 1) == ["2.m4s"]
    assert after(course, "2.m4s", 1) == ["i2.mp4", "3.m4s"]
    assert after(course, "i1.mp4") == ["1.m4s", "2.m4s"]


def test_whoever_takes_the_init_of_a_live_playlist_starts_near_its_end() -> None:
    lines = ['#EXT-X-MAP:URI="i.mp4"', *(line for number in range(9) for line in ("#EXTINF:6,", f"{number}.m4s"))]
    assert after(media(*lines, end=False), "i.mp4") == ["6.m4s", "7.m4s"]
    assert after(media(*lines), "i.mp4") == ["0.m4s", "1.m4s"]
    assert after(media(*lines[:3], end=False), "i.mp4") == ["0.m4s"]


def test_byte_ranges() -> None:
    lines = ['#EXT-X-MAP:URI="f.mp4",BYTERANGE="100"', "#EXT-X-BYTERANGE:50@100", "#EXTINF:6,", "f.mp4"]
    lines += ["#EXT-X-BYTERANGE:60", "#EXTINF:6,", "f.mp4", "#EXT-X-BYTERANGE:5@0", "#EXTINF:6,", "g.mp4"]
    course = media(*lines)
    assert everything(course) == ["f.mp4 0-99", "f.mp4 100-149", "f.mp4 150-209", "g.mp4 0-4"]
    assert after(course, "f.mp4", span=(0, 99)) == ["f.mp4 100-149", "f.mp4 150-209"]
    assert after(course, "f.mp4", span=(100, None)) == ["f.mp4 150-209", "g.mp4 0-4"]
    assert after(course, "f.mp4") == []  # all of it: everything else is in it
    assert after(course, "f.mp4", span=(7, 9)) == []


def test_a_range_of_a_segment_counts_as_the_segment() -> None:
    course = media("#EXTINF:6,", "a.ts", "#EXTINF:6,", "b.ts")
    assert after(course, "a.ts", span=(0, 99)) == ["b.ts"]


LOW_LATENCY = (
    "#EXTINF:4,",
    "1.m4s",
    '#EXT-X-PART:DURATION=2,URI="2.m4s",BYTERANGE="10@0"',
    '#EXT-X-PART:DURATION=2,URI="2.m4s",BYTERANGE="20"',
    "#EXTINF:4,",
    "2.m4s",
    '#EXT-X-PART:DURATION=2,URI="3.a.m4s"',
    '#EXT-X-PART:DURATION=2,URI="3.b.m4s",GAP=YES',
    '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="3.c.m4s"',
)


def test_who_takes_parts_goes_on_with_parts() -> None:
    course = media(*LOW_LATENCY, end=False)
    assert after(course, "2.m4s", span=(0, 9)) == ["2.m4s 10-29", "3.a.m4s"]
    assert after(course, "2.m4s", 3, span=(10, 29)) == ["3.a.m4s", "3.c.m4s"]
    assert after(course, "3.a.m4s") == ["3.c.m4s"]
    assert after(course, "3.c.m4s") == []


def test_who_takes_segments_takes_parts_only_at_the_end() -> None:
    course = media(*LOW_LATENCY, end=False)
    assert after(course, "1.m4s", 3) == ["2.m4s", "3.a.m4s", "3.c.m4s"]
    assert after(course, "2.m4s") == ["3.a.m4s", "3.c.m4s"]
    assert everything(course) == ["1.m4s", "2.m4s", "3.a.m4s", "3.c.m4s"]


def test_a_hint_may_begin_where_nobody_knows_the_end() -> None:
    hint = '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="2.m4s",BYTERANGE-START='
    course = media("#EXTINF:4,", "1.m4s", f"{hint}30", end=False)
    assert after(course, "1.m4s") == ["2.m4s 30-None"]
    course = media("#EXTINF:4,", "1.m4s", f"{hint}30,BYTERANGE-LENGTH=5", end=False)
    assert after(course, "1.m4s") == ["2.m4s 30-34"]
    course = media("#EXTINF:4,", "1.m4s", f"{hint}0", end=False)
    assert after(course, "1.m4s") == ["2.m4s"]


def test_gaps_other_hosts_and_unknown_variables_are_left_out() -> None:
    lines = ['#EXT-X-DEFINE:NAME="d",VALUE="deep/"', '#EXT-X-DEFINE:QUERYPARAM="q"', "#EXTINF:6,", "a.ts"]
    lines += ["#EXT-X-GAP", "#EXTINF:6,", "gap.ts", "#EXTINF:6,", "https://other.example/b.ts"]
    lines += ["#EXTINF:6,", "x{$q}.ts", "#EXTINF:6,", "{$d}c.ts"]
    assert after(media(*lines), "a.ts") == ["deep/c.ts"]


def test_parameters_of_the_playlists_own_url() -> None:
    text = '#EXTM3U\n#EXT-X-DEFINE:QUERYPARAM="q"\n#EXT-X-DEFINE:NAME="n",VALUE="v"\n#EXTINF:6,\n{$n}.ts?q={$q}\n'
    assert everything(playlist_course(text.encode(), as_written, {"q": "1", "n": "2"})) == ["v.ts?q=1"]
    assert everything(playlist_course(text.encode(), as_written, {"n": "2"})) == []


def test_a_multivariant_playlist_names_playlists() -> None:
    text = """#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en",URI="en.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="in the stream"
#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a"
low.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=2,AUDIO="a"
high.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=3
low.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="frames.m3u8"
"""
    course = playlist_course(text.encode(), as_written)
    assert course.playlists == ("low.m3u8", "high.m3u8", "en.m3u8")
    assert course.size == 3
    assert course.after(Wanted("low.m3u8"), 2, NOW) is None


@pytest.mark.parametrize("value", ["", "x", "0@5", "5@", "-5"])
def test_a_byte_range_that_is_none(value: str) -> None:
    with pytest.raises(Malformed, match="attribute_invalid"):
        media('#EXT-X-MAP:URI="i.mp4",BYTERANGE="x"', f"#EXT-X-BYTERANGE:{value}", "#EXTINF:6,", "a.ts")


def test_too_many_references() -> None:
    playlist_course(("#EXTM3U\n#EXT-X-TARGETDURATION:6\n" + "a\n" * MAX_REFERENCES).encode(), as_written)
    with pytest.raises(Malformed, match="too_large"):
        playlist_course(("#EXTM3U\n#EXT-X-TARGETDURATION:6\n" + "a\n" * (MAX_REFERENCES + 1)).encode(), as_written)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_leads_somewhere(path: Path) -> None:
    course = playlist_course(path.read_bytes(), lambda reference, _: (reference,))
    needs_other_values = path.stem == "variables"  # each URI has one that the playlist does not give
    assert bool(course.playlists or everything(course)) is not needs_other_values
