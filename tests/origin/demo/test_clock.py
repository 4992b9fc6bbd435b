"""A timecode is right when the segments lit in a frame read as its digits."""

from __future__ import annotations

import re

import pytest

from origin.demo.clock import Box, number, timecode

FRAME = Box(0, 0, 960, 540)
BOX = re.compile(r"drawbox=x=(\d+):y=(\d+):w=(\d+):h=(\d+):color=([^:]+):t=fill(?::enable='(.+)')?$")


def boxes(filters: list[str]) -> list[re.Match[str]]:
    found = [BOX.match(text) for text in filters]
    assert None not in found
    return [match for match in found if match]


def lit(condition: str, frame: int) -> bool:
    """What ffmpeg's evaluator makes of an enable expression at a frame."""
    names = {
        "n": frame,
        "floor": lambda x: int(x // 1),
        "mod": lambda a, b: a % b,
        "pow": lambda a, b: int(a**b),
    }
    return bool(eval(condition, {"__builtins__": {}}, names | {"bitand": lambda a, b: a & b}))


@pytest.mark.parametrize(
    ("frame", "segments_lit"),
    [
        (0, [6, 6, 6, 6, 6, 6]),  # 00:00:00
        (25, [6, 6, 6, 2, 6, 6]),  # 00:00:01 → the 1 lights two
        (25 * 78 + 24, [6, 2, 2, 7, 5, 4]),  # 01:18:24
        (25 * 3599 + 9, [5, 6, 5, 6, 6, 6]),  # 59:59:09
    ],
)
def test_a_frame_shows_its_time(frame: int, segments_lit: list[int]) -> None:
    conditions = [match[6] for match in boxes(timecode(FRAME, 25)) if match[6]]
    assert len(conditions) == 6 * 7
    digits = [conditions[place : place + 7] for place in range(0, 42, 7)]
    assert [sum(lit(condition, frame) for condition in digit) for digit in digits] == segments_lit


@pytest.mark.parametrize("frame", [Box(0, 0, 64, 36), Box(0, 0, 416, 234), FRAME])
def test_everything_is_drawn_inside_the_frame(frame: Box) -> None:
    corner = Box(frame.height // 12, frame.height // 12, frame.width, frame.height // 12)
    for match in boxes(timecode(frame, 25) + number(540, corner)):
        x, y, width, height = (int(match[group]) for group in range(1, 5))
        assert 0 <= x < x + width <= frame.width
        assert 0 <= y < y + height <= frame.height


def test_a_number_lights_the_segments_of_its_figures() -> None:
    white = [match for match in boxes(number(540, Box(10, 10, 100, 24))) if match[5] == "white"]
    assert len(white) == 5 + 4 + 6
