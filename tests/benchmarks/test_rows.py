"""What is asked for, and how a part of the table is named."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.load.__main__ import choose
from benchmarks.load.library import COLD, HOT, library_path
from benchmarks.load.rows import MOMENTS, PLAYLIST, ROWS, VIEWERS

NAMES = ("Headgate", "Headgate, lane off", "nginx secure_link", "nginx njs")


def test_the_mix_is_a_playlist_and_a_segment_of_every_viewer_nine_of_ten_hot() -> None:
    (mix,) = (row for row in ROWS if row.name == "mix")
    asks = list(mix.asks())
    assert [viewer for viewer, _ in asks[::2]] == [viewer for viewer, _ in asks[1::2]] == [*range(VIEWERS)] * MOMENTS
    assert {path for _, path in asks[::2]} == {PLAYLIST}
    segments = Counter(path for _, path in asks[1::2])
    hot = {library_path(number) for number in range(HOT)}
    assert sum(segments[path] for path in hot) == len(asks) // 2 * 9 // 10
    assert len(segments) > HOT + COLD / 2, "the cold ones are many"
    assert max(segments[path] for path in segments.keys() - hot) < min(segments[path] for path in hot) / 50
    firsts = [path for viewer, path in asks[1::2] if viewer == 7]
    assert len(set(firsts)) > 1, "a viewer goes on"


def test_the_cold_library_is_asked_for_whole_and_once() -> None:
    (cold,) = (row for row in ROWS if row.evicts)
    paths = [path for _, path in cold.asks()]
    assert sorted(paths) == [library_path(number) for number in range(HOT + COLD)]
    assert paths != sorted(paths)


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ([], set(NAMES)),
        (["Headgate"], {"Headgate"}),  # a whole name is that one alone
        (["nginx"], {"nginx secure_link", "nginx njs"}),
        (["Headgate", "lane"], {"Headgate", "Headgate, lane off"}),
    ],
)
def test_choose(wanted: list[str], chosen: set[str]) -> None:
    assert choose(NAMES, wanted) == chosen


def test_choose_says_what_there_is() -> None:
    with pytest.raises(SystemExit, match="there is no caddy; there are: Headgate, "):
        choose(NAMES, ["caddy"])
