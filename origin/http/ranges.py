"""Range requests (RFC 9110 §14): which bytes of a representation a request asks for.

A Range that cannot be honoured as it stands is ignored, which is always allowed and always right for the
reader: the answer is the whole representation. Only a well-formed set that lies wholly outside is
unsatisfiable.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from origin.http.spans import ByteSpan

MAX_RANGES = 32
_MAX_VALUE_LENGTH = 1024  # characters; also bounds the digits of a position
_MAX_OVERLAPPING = 2  # §14.2 names more than two overlapping ranges as a sign of an attack

_SPEC = "[0-9]+-[0-9]*|-[0-9]+"
# OWS only around commas, empty list elements allowed, nothing ever tried twice.
_BYTE_RANGES = re.compile(rf"(?i:bytes)=((?:{_SPEC})?+(?:[ \t]*+,[ \t]*+(?:{_SPEC})?+)*+)")
_SPECS = re.compile(_SPEC)


@dataclass(frozen=True, slots=True)
class IntRange:
    """`first-last`, both inclusive; `last` None means to the end."""

    first: int
    last: int | None


@dataclass(frozen=True, slots=True)
class SuffixRange:
    """The last `length` bytes."""

    length: int


RangeSpec = IntRange | SuffixRange


@dataclass(frozen=True, slots=True)
class Whole:
    """No range, or one that is to be ignored."""


@dataclass(frozen=True, slots=True)
class Single:
    """One run of at least one byte."""

    span: ByteSpan


@dataclass(frozen=True, slots=True)
class Multiple:
    """Two or more runs that neither overlap nor touch, in the order in which they were asked."""

    spans: tuple[ByteSpan, ...]


@dataclass(frozen=True, slots=True)
class Unsatisfiable:
    """A well-formed set of ranges, none of which lies inside the representation."""


Selection = Whole | Single | Multiple | Unsatisfiable


def select(method: str, value: str | None, length: int) -> Selection:
    """What a request for a representation of `length` bytes selects; `value` is its Range field or None.

    Range is defined for GET alone (§14.2).
    """
    if value is None or method != "GET":
        return Whole()
    specs = parse_range(value)
    return Whole() if specs is None else resolve(specs, length)


def parse_range(value: str) -> tuple[RangeSpec, ...] | None:
    """The ranges of a Range field, or None when it is to be ignored.

    That is: another unit than bytes, a malformed set, a last position before the first, or too many ranges.
    """
    if len(value) > _MAX_VALUE_LENGTH:
        return None
    found = _BYTE_RANGES.fullmatch(value)
    if found is None:
        return None
    specs = [_spec(text) for text in _SPECS.findall(found[1])]
    if not 1 <= len(specs) <= MAX_RANGES or any(map(_is_backwards, specs)):
        return None
    return tuple(specs)


def resolve(specs: Sequence[RangeSpec], length: int) -> Selection:
    """The runs that `specs` (at least one) select in a representation of `length` bytes.

    Overlapping and adjacent ranges become one run; more than two overlapping ones make the whole set ignored.
    """
    if length == 0:
        # A non-zero suffix of nothing is satisfiable (§14.1.2), but no Content-Range can say so: all of it.
        return Whole() if any(_is_suffix_of_nothing(spec) for spec in specs) else Unsatisfiable()
    spans = [span for spec in specs if (span := _clip(spec, length)) is not None]
    if not spans:
        return Unsatisfiable()
    if len(spans) == 1:
        return Single(spans[0])
    runs = _coalesce(spans)
    if runs is None:
        return Whole()
    return Single(runs[0]) if len(runs) == 1 else Multiple(runs)


def content_range(span: ByteSpan, length: int) -> str:
    """The Content-Range value of `span` (not empty) within `length` bytes."""
    return f"bytes {span.start}-{span.stop - 1}/{length}"


def unsatisfied_range(length: int) -> str:
    """The Content-Range value of a 416 answer (§15.5.17)."""
    return f"bytes */{length}"


def _spec(text: str) -> RangeSpec:
    first, _, last = text.partition("-")
    if not first:
        return SuffixRange(int(last))
    return IntRange(int(first), int(last) if last else None)


def _is_backwards(spec: RangeSpec) -> bool:
    return isinstance(spec, IntRange) and spec.last is not None and spec.last < spec.first


def _is_suffix_of_nothing(spec: RangeSpec) -> bool:
    return isinstance(spec, SuffixRange) and spec.length > 0


def _clip(spec: RangeSpec, length: int) -> ByteSpan | None:
    """The part of `spec` that exists, or None."""
    if isinstance(spec, SuffixRange):
        start, stop = max(length - spec.length, 0), length
    else:
        start, stop = spec.first, length if spec.last is None else min(spec.last + 1, length)
    return ByteSpan(start, stop - start) if start < stop else None


def _coalesce(spans: Sequence[ByteSpan]) -> tuple[ByteSpan, ...] | None:
    """Join what overlaps or touches; a run stands where its first member was asked. None: abusive overlap."""
    runs: list[tuple[int, ByteSpan]] = []  # place in the request, run
    overlapping = 1
    for place, span in sorted(enumerate(spans), key=lambda item: item[1].start):
        if not runs or span.start > runs[-1][1].stop:
            runs.append((place, span))
            overlapping = 1
            continue
        first_place, run = runs[-1]
        overlapping = overlapping + 1 if span.start < run.stop else 1
        if overlapping > _MAX_OVERLAPPING:
            return None
        stop = max(run.stop, span.stop)
        runs[-1] = (min(first_place, place), ByteSpan(run.start, stop - run.start))
    return tuple(run for _, run in sorted(runs, key=lambda item: item[0]))
