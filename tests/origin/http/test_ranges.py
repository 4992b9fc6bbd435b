from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.http.ranges import (
    MAX_RANGES,
    IntRange,
    Multiple,
    RangeSpec,
    Selection,
    Single,
    SuffixRange,
    Unsatisfiable,
    Whole,
    content_range,
    parse_range,
    resolve,
    select,
    unsatisfied_range,
)
from origin.http.spans import ByteSpan

LENGTH = 1000


def single(start: int, stop: int) -> Single:
    return Single(ByteSpan(start, stop - start))


def multiple(*edges: tuple[int, int]) -> Multiple:
    return Multiple(tuple(ByteSpan(start, stop - start) for start, stop in edges))


@pytest.mark.parametrize(
    ("value", "selection"),
    [
        # one range (RFC 9110 §14.1.2)
        ("bytes=0-499", single(0, 500)),
        ("bytes=500-999", single(500, 1000)),
        ("bytes=0-0", single(0, 1)),
        ("bytes=999-999", single(999, 1000)),
        ("bytes=500-", single(500, 1000)),
        ("bytes=0-", single(0, 1000)),
        ("bytes=-1", single(999, 1000)),
        ("bytes=-500", single(500, 1000)),
        # what lies beyond the end is clipped
        ("bytes=990-2000", single(990, 1000)),
        ("bytes=-2000", single(0, 1000)),
        ("bytes=0-9007199254740991", single(0, 1000)),
        ("bytes=0-" + "9" * 900, single(0, 1000)),
        ("bytes=-" + "9" * 900, single(0, 1000)),
        ("bytes=007-0009", single(7, 10)),
        # nothing inside
        ("bytes=1000-", Unsatisfiable()),
        ("bytes=1000-2000", Unsatisfiable()),
        ("bytes=" + "9" * 900 + "-", Unsatisfiable()),
        ("bytes=-0", Unsatisfiable()),
        ("bytes=-0,2000-", Unsatisfiable()),
        # several ranges, in the order of the request
        ("bytes=0-0,-1", multiple((0, 1), (999, 1000))),
        ("bytes=500-599,0-99", multiple((500, 600), (0, 100))),
        ("bytes=0-1,4-5", multiple((0, 2), (4, 6))),
        # one of them satisfiable is enough
        ("bytes=2000-,0-9", single(0, 10)),
        ("bytes=-0,0-9,20-29", multiple((0, 10), (20, 30))),
        # overlapping and adjacent ones become one, where the first of them was asked
        ("bytes=500-600,601-999", single(500, 1000)),
        ("bytes=500-700,601-999", single(500, 1000)),
        ("bytes=601-999,500-700", single(500, 1000)),
        ("bytes=0-9,0-9", single(0, 10)),
        ("bytes=0-,10-20", single(0, 1000)),
        ("bytes=20-29,100-109,10-19", multiple((10, 30), (100, 110))),
        ("bytes=10-19,100-109,20-29", multiple((10, 30), (100, 110))),
        ("bytes=100-109,20-29,10-19", multiple((100, 110), (10, 30))),
        ("bytes=0-9,10-19,20-29,30-39", single(0, 40)),
        # white space around commas only, empty elements anywhere (§5.6.1)
        ("bytes=0-0 , -1", multiple((0, 1), (999, 1000))),
        ("bytes=0-0\t,\t-1", multiple((0, 1), (999, 1000))),
        ("bytes=,0-0,,-1,", multiple((0, 1), (999, 1000))),
        ("bytes= ,0-0, , ", single(0, 1)),
        # unit names are case-insensitive (§14.1)
        ("Bytes=0-0", single(0, 1)),
        ("BYTES=0-0", single(0, 1)),
        # another unit is ignored (§14.2)
        ("items=0-1", Whole()),
        ("seconds=1-2", Whole()),
        ("bytes2=0-1", Whole()),
        # malformed sets are ignored
        ("", Whole()),
        ("bytes", Whole()),
        ("bytes=", Whole()),
        ("bytes=,", Whole()),
        ("bytes=abc", Whole()),
        ("bytes=-", Whole()),
        ("bytes=--1", Whole()),
        ("bytes=5-2", Whole()),
        ("bytes=0-9,5-2", Whole()),
        ("bytes=0-9,abc", Whole()),
        ("bytes=1-2-3", Whole()),
        ("bytes=+1-2", Whole()),
        ("bytes=1.0-2", Whole()),
        ("bytes=0x1-2", Whole()),
        ("bytes=1_0-20", Whole()),
        ("bytes = 0-9", Whole()),
        ("bytes= 0-9", Whole()),
        ("bytes =0-9", Whole()),
        (" bytes=0-9", Whole()),
        ("bytes=0-9 ", Whole()),
        ("bytes=0 -9", Whole()),
        ("bytes=0- 9", Whole()),
        ("bytes=- 9", Whole()),
        ("bytes=0-9 10-19", Whole()),
        ("bytes=0-9;10-19", Whole()),
        ("bytes=0-9\n", Whole()),
        ("bytes=0-\u0669", Whole()),  # a digit, but not an ASCII one
        ("bytes:0-9", Whole()),
        ("0-9", Whole()),
        # abuse is ignored
        ("bytes=0-,0-,0-", Whole()),
        ("bytes=0-99,50-149,100-199", Whole()),
        ("bytes=0-9,0-9,0-9,500-509", Whole()),
        ("bytes=0-" + "9" * 2000, Whole()),
    ],
)
def test_what_a_range_selects(value: str, selection: Selection) -> None:
    assert select("GET", value, LENGTH) == selection


@pytest.mark.parametrize(
    ("value", "selection"),
    [
        ("bytes=0-", Unsatisfiable()),
        ("bytes=0-0", Unsatisfiable()),
        ("bytes=-0", Unsatisfiable()),
        ("bytes=-1", Whole()),
        ("bytes=0-0,-5", Whole()),
    ],
)
def test_of_an_empty_object_only_a_suffix_is_satisfiable(value: str, selection: Selection) -> None:
    assert select("GET", value, 0) == selection


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "get"])
def test_range_is_defined_for_get_alone(method: str) -> None:
    assert select(method, "bytes=0-1", LENGTH) == Whole()
    assert select(method, "bytes=5000-", LENGTH) == Whole()


def test_no_range_is_everything() -> None:
    assert select("GET", None, LENGTH) == Whole()


def test_the_number_of_ranges_is_capped() -> None:
    asked = [f"{at * 10}-{at * 10 + 1}" for at in range(MAX_RANGES + 1)]
    assert isinstance(select("GET", "bytes=" + ",".join(asked[:-1]), LENGTH), Multiple)
    assert select("GET", "bytes=" + ",".join(asked), LENGTH) == Whole()


def test_hostile_white_space_is_refused_at_once() -> None:
    assert parse_range("bytes=" + ", " * 500 + "x") is None


def test_content_range_values() -> None:
    assert content_range(ByteSpan(0, 500), 1234) == "bytes 0-499/1234"
    assert unsatisfied_range(1234) == "bytes */1234"


numbers = st.integers(0, 70) | st.integers(0, 10**30)
suffixes = st.builds(SuffixRange, numbers)
int_ranges = st.tuples(numbers, st.none() | numbers).map(
    lambda ends: IntRange(ends[0], None if ends[1] is None else ends[0] + ends[1])
)
range_sets = st.lists(int_ranges | suffixes, min_size=1, max_size=8)


def written(spec: RangeSpec) -> str:
    if isinstance(spec, SuffixRange):
        return f"-{spec.length}"
    return f"{spec.first}-{'' if spec.last is None else spec.last}"


def sliced(spec: RangeSpec, positions: list[int]) -> list[int]:
    """The same by Python's own slices."""
    if isinstance(spec, SuffixRange):
        return positions[-spec.length :] if spec.length else []
    return positions[spec.first :] if spec.last is None else positions[spec.first : spec.last + 1]


@given(range_sets, st.sampled_from([",", ", ", " ,", "\t,, "]))
def test_what_is_written_is_read(specs: list[RangeSpec], comma: str) -> None:
    assert parse_range("bytes=" + comma.join(map(written, specs))) == tuple(specs)


@given(range_sets, st.integers(1, 64))
def test_any_set_of_ranges_equals_slicing(specs: list[RangeSpec], length: int) -> None:
    positions = list(range(length))
    asked = [sliced(spec, positions) for spec in specs]
    wanted = {position for run in asked for position in run}
    match resolve(specs, length):
        case Unsatisfiable():
            assert not wanted
        case Whole():  # only for overlap: some three of the ranges hang together
            assert sum(map(bool, asked)) > 2
            assert sum(map(len, asked)) > len(wanted)
        case Single(span):
            assert positions[span.start : span.stop] == sorted(wanted)
            assert span.length > 0
        case Multiple(spans):
            assert len(spans) > 1
            runs = [positions[span.start : span.stop] for span in spans]
            assert sorted(position for run in runs for position in run) == sorted(wanted)
            ascending = sorted(spans, key=lambda span: span.start)
            assert all(one.stop < next_.start for one, next_ in pairwise(ascending))
            first_asked = [min(at for at, run in enumerate(asked) if set(run) & set(part)) for part in runs]
            assert first_asked == sorted(first_asked)


@given(st.text(st.sampled_from("bytes=0123456789-, \t\n"), max_size=40), st.integers(0, 100))
def test_no_text_makes_it_raise(value: str, length: int) -> None:
    select("GET", value, length)
    select("GET", "bytes=" + value, length)
