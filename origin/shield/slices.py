"""Which bytes are pulled for a range of something that is not kept, or not all of it."""

from __future__ import annotations

from origin.http.ranges import IntRange, parse_range

# A viewer who seeks and reads on is given this much by one pull; another follows when they get there.
_PIECES_AT_ONCE = 4


def first_range(value: str | None, slice_bytes: int) -> str | None:
    """The Range to pull for a viewer's, when nothing is known of the object: in whole slices.

    None pulls all of it: no range was asked for, several were, or it cannot be understood.
    """
    specs = None if value is None else parse_range(value)
    if specs is None or len(specs) != 1:
        return None
    (spec,) = specs
    if not isinstance(spec, IntRange):
        return f"bytes=-{spec.length}"
    start = spec.first - spec.first % slice_bytes
    last = start + _PIECES_AT_ONCE * slice_bytes - 1 if spec.last is None else spec.last
    stop = _ceiling(last + 1, slice_bytes)
    return f"bytes={start}-{min(stop, start + max(_PIECES_AT_ONCE * slice_bytes, slice_bytes)) - 1}"


def next_range(position: int, missing_stop: int, length: int, slice_bytes: int) -> str:
    """The Range to pull when the bytes from `position` up to `missing_stop` of `length` are not there."""
    start = position - position % slice_bytes
    stop = min(_ceiling(missing_stop, slice_bytes), start + _PIECES_AT_ONCE * slice_bytes, length)
    return f"bytes={start}-{stop - 1}" if stop < length else f"bytes={start}-"


def _ceiling(position: int, slice_bytes: int) -> int:
    return -(-position // slice_bytes) * slice_bytes
