"""A timecode of filled boxes, seven segments a digit, as ffmpeg filters: no font is needed. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# Which digits light a segment, as the set of digits 0-9; the order is the usual a to g.
_LIT_BY = (
    {0, 2, 3, 5, 6, 7, 8, 9},
    {0, 1, 2, 3, 4, 7, 8, 9},
    {0, 1, 3, 4, 5, 6, 7, 8, 9},
    {0, 2, 3, 5, 6, 8, 9},
    {0, 2, 6, 8},
    {0, 4, 5, 6, 8, 9},
    {2, 3, 4, 5, 6, 8, 9},
)
_PANEL = "black@0.8"
_INK = "white"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels."""

    x: int
    y: int
    width: int
    height: int


def timecode(frame: Box, fps: int) -> list[str]:
    """Filters that draw MM:SS:FF in the middle of `frame`, counted from the frame number."""
    digit = frame.width // 12
    gap = digit // 3
    width = 6 * digit + 7 * gap
    left = frame.x + (frame.width - width) // 2
    top = frame.y + (frame.height - 2 * digit) // 2
    filters = [_fill(Box(left - 2 * gap, top - 2 * gap, width + 4 * gap, 2 * digit + 4 * gap), _PANEL)]
    for place, value in enumerate(_digits_of_time(fps)):
        x = left + place * (digit + gap) + (place // 2) * gap
        filters += _digit(Box(x, top, digit, 2 * digit), value)
    for pair in (1, 2):
        x = left + 2 * pair * (digit + gap) + (pair - 1) * gap - gap // 2
        filters += _colon(Box(x, top, gap, 2 * digit))
    return filters


def number(value: int, corner: Box) -> list[str]:
    """Filters that draw a constant number in `corner`, from its left edge, as high as it."""
    digit, gap = corner.height // 2, corner.height // 6
    text = str(value)
    width = len(text) * (digit + gap) + gap
    filters = [_fill(Box(corner.x - gap, corner.y - gap, width, corner.height + 2 * gap), _PANEL)]
    for place, figure in enumerate(text):
        filters += _digit(Box(corner.x + place * (digit + gap), corner.y, digit, corner.height), int(figure))
    return filters


def _digits_of_time(fps: int) -> tuple[str, ...]:
    """Each digit of MM:SS:FF as an ffmpeg expression of the frame number `n`."""
    second = f"floor(n/{fps})"
    return (
        f"mod(floor({second}/600),10)",
        f"mod(floor({second}/60),10)",
        f"mod(floor({second}/10),6)",
        f"mod({second},10)",
        f"floor(mod(n,{fps})/10)",
        f"mod(mod(n,{fps}),10)",
    )


def _digit(box: Box, value: str | int) -> list[str]:
    """The segments of one digit; of an expression each is switched on by the frames that need it."""
    lit = zip(_segments(box), _LIT_BY, strict=True)
    if isinstance(value, int):
        return [_fill(segment, _INK) for segment, digits in lit if value in digits]
    return [_fill(segment, _INK, when=f"bitand({_mask(digits)},pow(2,{value}))") for segment, digits in lit]


def _segments(box: Box) -> tuple[Box, ...]:
    bar = max(2, box.width // 5)
    half = box.height // 2
    right, bottom = box.x + box.width - bar, box.y + box.height - bar
    return (
        Box(box.x, box.y, box.width, bar),
        Box(right, box.y, bar, half),
        Box(right, box.y + half, bar, box.height - half),
        Box(box.x, bottom, box.width, bar),
        Box(box.x, box.y + half, bar, box.height - half),
        Box(box.x, box.y, bar, half),
        Box(box.x, box.y + half - bar // 2, box.width, bar),
    )


def _colon(box: Box) -> list[str]:
    dot = max(2, box.width // 2)
    return [_fill(Box(box.x, box.y + box.height * third // 3 - dot // 2, dot, dot), _INK) for third in (1, 2)]


def _mask(digits: Iterable[int]) -> int:
    return sum(1 << digit for digit in digits)


def _fill(box: Box, colour: str, when: str = "") -> str:
    enable = f":enable='{when}'" if when else ""
    return f"drawbox=x={box.x}:y={box.y}:w={box.width}:h={box.height}:color={colour}:t=fill{enable}"
