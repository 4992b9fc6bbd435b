"""What viewers are going to ask for."""

from __future__ import annotations

import pytest

from origin.manifests.courses import Span, Wanted
from origin.manifests.upcoming import Ground, course_of
from origin.media.cmcd import NextObject
from origin.media.target import MountName
from origin.shield.foresight import Foresight, Horizon, Plan

GROUND = Ground(MountName("/vod"))
NOW = 1_800_000_000.0


def playlist(*numbers: int, end: bool = False) -> bytes:
    lines = [line for number in numbers for line in ("#EXTINF:6,", f"{number}.ts")]
    return "\n".join(["#EXTM3U", *lines, *(["#EXT-X-ENDLIST"] if end else []), ""]).encode()


def foresight(**bounds: float) -> Foresight:
    return Foresight(GROUND, Horizon(**{"ahead": 2, **bounds}))  # type: ignore[arg-type]  # mixed numbers


def learn(known: Foresight, path: str, data: bytes, now: float = NOW) -> list[str]:
    assert known.is_news(path, data, now)
    return names(known.learn(path, data, course_of(data, GROUND.locate(path)), now))


def names(plan: Plan) -> list[str]:
    return [wanted.name for wanted in plan.wanted]


def asked(known: Foresight, path: str, now: float = NOW, span: Span | None = None) -> list[str]:
    return names(known.asked(path, span, now))


def test_what_follows_is_wanted_once() -> None:
    known = foresight()
    assert learn(known, "a/x.m3u8", playlist(*range(9), end=True)) == []
    assert asked(known, "a/1.ts") == ["a/2.ts", "a/3.ts"]
    assert known.asked("a/1.ts", None, NOW) == Plan((), already=2)
    assert known.asked("a/2.ts", None, NOW) == Plan((Wanted("a/4.ts"),), already=1)
    assert asked(known, "a/8.ts") == []
    assert asked(known, "b/1.ts") == []


def test_what_a_viewer_has_asked_for_is_not_wanted() -> None:
    known = foresight()
    learn(known, "a/x.m3u8", playlist(*range(9), end=True))
    asked(known, "a/2.ts")
    assert asked(known, "a/1.ts") == []


def test_it_is_wanted_again_after_a_while() -> None:
    known = foresight(remembered_seconds=100)
    learn(known, "a/x.m3u8", playlist(*range(9), end=True))
    assert asked(known, "a/1.ts") == ["a/2.ts", "a/3.ts"]
    assert asked(known, "a/1.ts", NOW + 100) == []
    assert asked(known, "a/1.ts", NOW + 101) == ["a/2.ts", "a/3.ts"]


def test_a_newer_playlist_says_more_to_those_who_watch() -> None:
    known = foresight(watched_seconds=30)
    learn(known, "a/x.m3u8", playlist(1, 2))
    assert asked(known, "a/2.ts") == []
    assert not known.is_news("a/x.m3u8", playlist(1, 2), NOW)
    assert learn(known, "a/x.m3u8", playlist(1, 2, 3), NOW + 30) == ["a/3.ts"]
    assert learn(known, "a/x.m3u8", playlist(1, 2, 3, 4), NOW + 31) == []  # nobody watches any more
    assert asked(known, "a/3.ts", NOW + 32) == ["a/4.ts"]
    assert learn(known, "a/x.m3u8", playlist(4, 5), NOW + 33) == []  # what was asked for has left the playlist


def test_manifests_are_found_from_any_depth_and_several_may_name_a_segment() -> None:
    known = foresight()
    mpd = b"""<MPD mediaPresentationDuration="PT60S"><Period><AdaptationSet>
    <SegmentTemplate duration="6" media="v/$Number$/s.m4s"/><Representation/></AdaptationSet></Period></MPD>"""
    learn(known, "a/x.mpd", mpd)
    learn(known, "a/v/x.m3u8", b"#EXTM3U\n#EXTINF:6,\n1/s.m4s\n#EXTINF:6,\n2/s.m4s\n#EXTINF:6,\nother.m4s\n")
    assert asked(known, "a/v/1/s.m4s") == ["a/v/2/s.m4s", "a/v/other.m4s", "a/v/3/s.m4s"]
    assert asked(known, "a/v/3/s.m4s") == ["a/v/4/s.m4s", "a/v/5/s.m4s"]


def test_the_manifests_of_which_nothing_is_heard_are_forgotten() -> None:
    known = foresight(max_manifests=2)
    for name in "abc":
        learn(known, f"{name}/x.m3u8", playlist(1, 2))
    assert asked(known, "a/1.ts") == []
    assert asked(known, "b/1.ts") == ["b/2.ts"]
    learn(known, "d/x.m3u8", playlist(1, 2))
    assert asked(known, "c/1.ts") == []
    assert known.is_news("a/x.m3u8", playlist(1, 2), NOW)


def test_nothing_is_left_of_what_is_forgotten() -> None:
    known = foresight(remembered_seconds=50)
    for number in range(5):
        learn(known, f"{number}/x.m3u8", playlist(1, 2), NOW + number * 51)
    assert set(known._by_folder) == {"4"}
    assert known._references == 2


def test_references_are_bounded_and_old_manifests_go() -> None:
    known = foresight(max_references=5, remembered_seconds=50)
    learn(known, "a/x.m3u8", playlist(1, 2, 3))
    learn(known, "b/x.m3u8", playlist(1, 2, 3))
    assert asked(known, "a/1.ts") == []
    assert asked(known, "b/1.ts") == ["b/2.ts", "b/3.ts"]
    learn(known, "c/x.m3u8", playlist(1, 2), NOW + 51)
    assert asked(known, "b/2.ts", NOW + 51) == []
    learn(known, "d/x.m3u8", playlist(*range(6)), NOW + 51)  # too large by itself
    assert asked(known, "d/1.ts", NOW + 51) == []


def test_what_was_wanted_is_remembered_within_bounds() -> None:
    known = foresight(max_wanted=2)
    learn(known, "a/x.m3u8", playlist(*range(9), end=True))
    assert asked(known, "a/1.ts") == ["a/2.ts", "a/3.ts"]
    assert asked(known, "a/4.ts") == ["a/5.ts", "a/6.ts"]
    assert asked(known, "a/1.ts") == ["a/2.ts", "a/3.ts"]


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("3.ts", "film/hd/3.ts"),
        ("../sd/3.ts", "film/sd/3.ts"),
        ("3.ts?token=x", "film/hd/3.ts"),
        ("3.ts#x", "film/hd/3.ts"),
        ("../../other/3.ts", None),
        ("../../../film/3.ts", None),
        ("/vod/film/hd/3.ts", None),
        ("//cdn.example/vod/film/hd/3.ts", None),
        ("https://cdn.example/vod/film/hd/3.ts", None),
        ("https:3.ts", None),
        ("?token=x", None),
        ("", None),
        ("..", None),
        ("a\\b", None),
        ("3.key", None),
        ("x.m3u8", None),
        ("3", None),
        ("\ud800", None),
        ("..%2f3.ts", None),
    ],
)
def test_hints(reference: str, name: str | None) -> None:
    assert names(foresight().hinted("film/hd/2.ts", [NextObject(reference)], NOW)) == ([] if name is None else [name])


def test_hints_with_ranges_are_as_few_as_all_others() -> None:
    hints = [NextObject("f.mp4", (5, 9)), NextObject("f.mp4", (0, None)), NextObject("g.mp4")]
    known = foresight()
    assert known.hinted("a/f.mp4", hints, NOW).wanted == (Wanted("a/f.mp4", (5, 9)), Wanted("a/f.mp4"))
    assert known.hinted("a/f.mp4", hints, NOW) == Plan((), already=2)
    assert known.hinted("a/f.mp4", [NextObject("f.mp4", (None, 9))], NOW) == Plan()
