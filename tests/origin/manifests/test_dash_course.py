"""Where MPDs lead."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from origin.manifests.courses import Course, Span, Wanted
from origin.manifests.dash_course import mpd_course
from origin.manifests.template import Malformed
from tests.origin.manifests.test_hls_course import shown

SAMPLES = sorted((Path(__file__).parents[2] / "samples" / "dash").glob("*.mpd"))


def as_written(reference: str, bases: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """Names with their bases put before them."""
    return tuple("".join((*chain, reference)) for chain in bases or ((),))


def mpd(body: str, attributes: str = 'mediaPresentationDuration="PT20S"') -> Course:
    text = f'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" {attributes}><Period>{body}</Period></MPD>'
    return mpd_course(text.encode(), as_written)


def everything(course: Course, now: float = 0.0) -> list[str]:
    return [shown(wanted) for track in course.tracks for wanted in islice(track.all(now), 50)]


def after(course: Course, name: str, now: float = 0.0, span: Span | None = None) -> list[str] | None:
    found = course.after(Wanted(name, span), 2, now)
    return None if found is None else [shown(wanted) for wanted in found]


def test_numbers_and_durations() -> None:
    course = mpd(
        '<AdaptationSet><SegmentTemplate timescale="10" duration="40" startNumber="3"'
        ' initialization="$RepresentationID$/i.mp4" media="$RepresentationID$/$Bandwidth$-$Number%03d$.m4s"/>'
        '<Representation id="v1" bandwidth="5"/><Representation id="v2" bandwidth="6"/></AdaptationSet>'
    )
    assert everything(course)[:6] == ["v1/i.mp4", *(f"v1/5-00{number}.m4s" for number in range(3, 8))]
    assert everything(course)[6:] == ["v2/i.mp4", *(f"v2/6-00{number}.m4s" for number in range(3, 8))]
    assert after(course, "v2/6-003.m4s") == ["v2/6-004.m4s", "v2/6-005.m4s"]
    assert after(course, "v2/6-007.m4s") == []
    assert after(course, "v1/i.mp4") == ["v1/5-003.m4s", "v1/5-004.m4s"]
    assert after(course, "v1/6-003.m4s") is None


TIMELINE = (
    '<AdaptationSet><SegmentTemplate timescale="10" media="{media}"><SegmentTimeline>{steps}</SegmentTimeline>'
    '</SegmentTemplate><Representation id="v" bandwidth="5"/></AdaptationSet>'
)


@pytest.mark.parametrize(
    ("steps", "times"),
    [
        ('<S t="5" d="10" r="1"/><S d="20"/>', [5, 15, 25]),
        ('<S d="40" r="-1"/><S t="100" d="50" r="-1"/>', [0, 40, 80, 100, 150]),
        ('<S d="100"/><S t="300" d="10"/>', [0, 300]),
        ('<S t="100" d="10"/><S t="0" d="10"/>', []),
        ('<S d="0"/>', []),
        ("<S/>", []),
        ("", []),
    ],
)
def test_timelines_by_time(steps: str, times: list[int]) -> None:
    assert everything(mpd(TIMELINE.format(media="$Time$", steps=steps))) == [str(time) for time in times]


def test_timelines_by_number() -> None:
    course = mpd(TIMELINE.format(media="$Number$", steps='<S d="10" r="1"/><S d="20"/>'))
    assert everything(course) == ["1", "2", "3"]
    assert after(course, "2") == ["3"]


def test_a_timeline_without_an_end() -> None:
    assert everything(mpd(TIMELINE.format(media="$Time$", steps='<S d="10"/><S d="20" r="-1"/>'), "")) == ["0"]


def test_a_count_that_is_whole_but_for_the_arithmetic() -> None:
    assert 142.08 * 25 / 96 > 37
    template = '<SegmentTemplate timescale="25" duration="96" media="$Number$"/>'
    body = f"<AdaptationSet><Representation>{template}</Representation></AdaptationSet>"
    assert len(everything(mpd(body, 'mediaPresentationDuration="PT142.08S"'))) == 37
    assert len(everything(mpd(body, 'mediaPresentationDuration="PT142.09S"'))) == 38


def test_the_live_edge() -> None:
    live = 'type="dynamic" availabilityStartTime="2026-01-01T00:00:00Z" timeShiftBufferDepth="PT8S"'
    start = 1_767_225_600
    course = mpd(
        '<AdaptationSet><SegmentTemplate duration="2" initialization="i" media="$Number$"/>'
        '<Representation id="v"/></AdaptationSet>',
        live,
    )
    assert after(course, "1", start + 3) == []
    assert after(course, "1", start + 4) == ["2"]
    assert everything(course, start + 20) == ["i", "7", "8", "9", "10"]
    assert everything(course, start - 20) == ["i"]
    listed = mpd(TIMELINE.format(media="$Time$", steps='<S t="0" d="20" r="2"/>'), live)
    assert after(listed, "0", 0) == ["20", "40"]  # listed, so there


def test_segment_lists_and_bases() -> None:
    course = mpd(
        "<BaseURL>a/</BaseURL><AdaptationSet><Representation><BaseURL>b/</BaseURL><SegmentList>"
        '<Initialization sourceURL="i.mp4"/><SegmentURL media="1.m4s"/><SegmentURL media="2.m4s" mediaRange="5-9"/>'
        "</SegmentList></Representation><Representation><BaseURL>one.mp4</BaseURL><SegmentList>"
        '<Initialization range="0-9"/><SegmentURL mediaRange="10-19"/><SegmentURL mediaRange="20-29"/>'
        "</SegmentList></Representation></AdaptationSet>"
    )
    assert everything(course)[:3] == ["a/b/i.mp4", "a/b/1.m4s", "a/b/2.m4s 5-9"]
    assert everything(course)[3:] == ["a/one.mp4 0-9", "a/one.mp4 10-19", "a/one.mp4 20-29"]
    assert after(course, "a/one.mp4", span=(10, 19)) == ["a/one.mp4 20-29"]


def test_objects_of_one_piece() -> None:
    course = mpd(
        "<AdaptationSet><Representation><BaseURL>v.mp4</BaseURL><SegmentBase indexRange='5-9'>"
        '<Initialization range="0-4"/></SegmentBase></Representation>'
        '<Representation><BaseURL>w.mp4</BaseURL><SegmentBase><Initialization sourceURL="/i.mp4" range="0-4"/>'
        '<RepresentationIndex sourceURL="/w.sidx"/></SegmentBase></Representation></AdaptationSet>'
        "<AdaptationSet><Representation><BaseURL>en.vtt</BaseURL></Representation></AdaptationSet>"
        "<AdaptationSet><Representation><BaseURL>folder/</BaseURL></Representation></AdaptationSet>"
    )
    assert everything(course) == ["v.mp4", "w.mp4/i.mp4 0-4", "w.mp4/w.sidx", "w.mp4", "en.vtt"]
    assert after(course, "v.mp4", span=(5, 9)) == []
    assert after(course, "w.mp4/i.mp4", span=(0, 4)) == ["w.mp4/w.sidx"]  # and not all of the film


def test_every_alternative_base_is_a_track() -> None:
    course = mpd(
        "<BaseURL>a/</BaseURL><BaseURL>b/</BaseURL><AdaptationSet><Representation>"
        '<SegmentTemplate duration="10" media="$Number$"/></Representation></AdaptationSet>'
    )
    assert everything(course) == ["a/1", "a/2", "b/1", "b/2"]


def test_periods_follow_each_other() -> None:
    template = '<SegmentTemplate duration="5" media="{}-$Number$"/>'
    body = f"<AdaptationSet><Representation>{template}</Representation></AdaptationSet>"
    first, second = body.format("one"), body.format("two")
    text = (
        f'<MPD mediaPresentationDuration="PT25S"><Period>{first}</Period><Period start="PT10S">{second}</Period></MPD>'
    )
    course = mpd_course(text.encode(), as_written)
    assert everything(course) == ["one-1", "one-2", "two-1", "two-2", "two-3"]
    assert after(course, "one-1") == ["one-2", "two-1"]
    assert after(course, "one-2") == ["two-1", "two-2"]


def test_the_same_representation_goes_on_in_the_next_period() -> None:
    def period(name: str, *groups: str) -> str:
        names = f'initialization="{name}-$RepresentationID$" media="{name}-$RepresentationID$-$Number$"'
        template = f'<SegmentTemplate duration="5" {names}/>'
        sets = (
            f'<AdaptationSet id="{group}">{template}<Representation id="{group}"/></AdaptationSet>' for group in groups
        )
        return f'<Period duration="PT5S">{"".join(sets)}</Period>'

    course = mpd_course(f"<MPD>{period('x', 'v', 'a')}{period('y', 'a', 'v', 't')}</MPD>".encode(), as_written)
    assert after(course, "x-v-1") == ["y-v", "y-v-1"]
    assert after(course, "x-a-1") == ["y-a", "y-a-1"]
    assert after(course, "y-t-1") == []
    live = 'type="dynamic" availabilityStartTime="2026-01-01T00:00:00Z"'
    course = mpd_course(f"<MPD {live}>{period('x', 'v')}{period('y', 'v')}</MPD>".encode(), as_written)
    assert after(course, "x-v-1", 1_767_225_606) == []
    assert after(course, "x-v-1", 1_767_225_610) == ["y-v", "y-v-1"]


@pytest.mark.parametrize(
    "body",
    [
        "<AdaptationSet><Representation/></AdaptationSet>",
        "<AdaptationSet><Representation><SegmentBase/></Representation></AdaptationSet>",
        '<AdaptationSet><Representation><SegmentTemplate media="$Number$"/></Representation></AdaptationSet>',
        '<AdaptationSet><Representation><SegmentTemplate duration="5" media="x"/></Representation></AdaptationSet>',
        "<AdaptationSet><Representation><SegmentList><SegmentURL/></SegmentList></Representation></AdaptationSet>",
        '<o:AdaptationSet xmlns:o="o"><Representation/></o:AdaptationSet>',
    ],
)
def test_what_leads_nowhere(body: str) -> None:
    assert everything(mpd(body)) == []


def test_what_is_refused() -> None:
    with pytest.raises(Malformed, match="not_an_mpd"):
        mpd_course(b"<html/>", as_written)
    with pytest.raises(Malformed, match="duration_invalid"):
        mpd("", 'mediaPresentationDuration="20"')
    with pytest.raises(Malformed, match="too_large"):
        mpd(TIMELINE.format(media="$Time$", steps='<S d="10"/>' * 50_001))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_samples_are_read(path: Path) -> None:
    mpd_course(path.read_bytes(), as_written)
