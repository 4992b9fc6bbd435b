"""Strict CBOR: what other encoders write is read alike, and what could be read in two ways is refused."""

from __future__ import annotations

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.strict_cbor import MAX_BYTES, MAX_DEPTH, MAX_ITEMS, CborValue, Tagged, dumps, loads, octets

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.binary(max_size=20)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.integers(-1000, 1000) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_written_is_read_back(value: CborValue) -> None:
    try:
        read = loads(dumps(value))
    except ValueError:
        assert _depth(value) > MAX_DEPTH
        return
    assert read == value


@given(VALUES.filter(lambda value: _depth(value) <= MAX_DEPTH))
def test_another_encoder_is_read(value: CborValue) -> None:
    """The library does not shorten floats unless it is asked to."""
    assert loads(cbor2.dumps(value)) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_refused(data: bytes) -> None:
    try:
        value = loads(data, tags=frozenset({17, 18, 61}))
    except ValueError:
        return
    assert loads(dumps(value), tags=frozenset({17, 18, 61})) == value


# RFC 8949, appendix A.
EXAMPLES: dict[str, CborValue] = {
    "00": 0,
    "17": 23,
    "1818": 24,
    "1903e8": 1000,
    "1bffffffffffffffff": 2**64 - 1,
    "3bffffffffffffffff": -(2**64),
    "20": -1,
    "f93c00": 1.0,
    "f97bff": 65504.0,
    "fa47c35000": 100000.0,
    "fb3ff199999999999a": 1.1,
    "f4": False,
    "f5": True,
    "f6": None,
    "4401020304": b"\x01\x02\x03\x04",
    "62c3bc": "ü",
    "83010203": [1, 2, 3],
    "a201020304": {1: 2, 3: 4},
    "a26161016162820203": {"a": 1, "b": [2, 3]},
}


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_of_the_standard(text: str) -> None:
    assert loads(bytes.fromhex(text)) == EXAMPLES[text]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("0001", "bytes behind the item"),
        ("a201020103", "duplicate key"),
        ("a20102180103", "duplicate key, written longer"),
        ("a2616101616102", "duplicate text key"),
        ("a1f500", "true as a key"),
        ("a14101f6", "bytes as a key"),
        ("a1f93c00f6", "a float as a key"),
        ("a18001", "an array as a key"),
        ("9fff", "indefinite array"),
        ("bfff", "indefinite map"),
        ("5f4101ff", "indefinite bytes"),
        ("7f6161ff", "indefinite text"),
        ("ff", "a break alone"),
        ("1c", "reserved length"),
        ("f7", "undefined"),
        ("f0", "simple value 16"),
        ("f820", "simple value 32"),
        ("f97e00", "NaN"),
        ("f97c00", "infinity"),
        ("fbfff0000000000000", "minus infinity"),
        ("61ff", "not UTF-8"),
        ("63eda080", "a surrogate"),
        ("c11a514b67b0", "a tag that nobody asked for"),
        ("c249010000000000000000", "a big number"),
        ("d81c00", "a shared value"),
        ("18", "an argument cut"),
        ("42ff", "bytes cut"),
        ("9bffffffffffffffff", "an array longer than memory"),
        ("bb7fffffffffffffff", "a map longer than memory"),
        ("5b7fffffffffffffff", "bytes longer than memory"),
        ("81" * (MAX_DEPTH + 1) + "00", "too deep"),
        ("d3" * 5000 + "00", "tags in tags"),
        ("99ffff" + "f6" * (MAX_ITEMS + 1), "too many items"),
        ("f6" * (MAX_BYTES + 1), "too long"),
    ],
)
def test_what_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError):
        loads(bytes.fromhex(text), tags=frozenset({19}))


def test_depth_and_tags_at_their_bounds() -> None:
    value = loads(b"\x81" * MAX_DEPTH + b"\x00")
    assert _depth(value) == MAX_DEPTH
    assert loads(b"\xd1\x00", tags=frozenset({17})) == Tagged(17, 0)


def test_written_the_shortest_way_in_order() -> None:
    assert dumps({10: 1.5, 1: Tagged(61, b""), -1: "x"}).hex() == "a301d83d400af93e00206178"


def _depth(value: CborValue) -> int:
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=-1)
    if isinstance(value, dict):
        return 1 + max([0, *map(_depth, value.values())]) if value else 0
    return 0


@pytest.mark.parametrize("size", [0, 1, 23, 24, 255, 256, 65_535, 65_536])
def test_octets_are_what_the_library_writes(size: int) -> None:
    data = bytes(size)
    assert octets(data) == dumps(data)
