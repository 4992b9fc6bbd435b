"""Which of the bytes that a request selects are there, or will be."""

from __future__ import annotations

from collections.abc import Callable

from origin.http.fields import values_of
from origin.http.ranges import Multiple, Single, Unsatisfiable, Whole, select
from origin.shield.asked import Asked
from origin.shield.shelf import Arriving, Kept


def has_all(kept: Kept, asked: Asked) -> bool:
    """Whether all bytes that `asked` may come to select are on the disk."""
    if kept.is_whole or asked.method == "HEAD":
        return True
    length = kept.held.length
    return length is not None and _covered(kept.held.extents.covers, asked, length)


def lies_in(arriving: Arriving, asked: Asked) -> bool:
    """Whether all bytes that `asked` may come to select are in the run that arrives."""
    first, stop, length = arriving.start, arriving.stop, arriving.fill.length
    if length is None or stop is None:
        return False
    return _covered(lambda start, end: first <= start and end <= stop, asked, length)


def _covered(covers: Callable[[int, int], bool], asked: Asked, length: int) -> bool:
    # If-Range makes it all of them when it does not hold.
    is_sure = not values_of(asked.fields, "if-range")
    match select(asked.method, asked.range if is_sure else None, length):
        case Whole():
            return covers(0, length)
        case Single(span):
            return covers(span.start, span.stop)
        case Multiple(spans):
            return all(covers(span.start, span.stop) for span in spans)
        case Unsatisfiable():
            return True
