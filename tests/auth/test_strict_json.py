"""JSON that means one thing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.strict_json import JsonValue, dumps, loads, loads_object

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)


@given(VALUES)
def test_round_trip(value: JsonValue) -> None:
    assert loads(dumps(value)) == value


@given(VALUES)
def test_the_standard_library_reads_the_same(value: JsonValue) -> None:
    text = json.dumps(value).encode()
    assert loads(text) == json.loads(text)


@given(st.binary() | st.text('{}[]":,\\u01d8eE.-+tf nul').map(str.encode))
def test_anything_else_is_a_value_error(data: bytes) -> None:
    try:
        loads(data)
    except ValueError as error:
        assert type(error) is ValueError  # noqa: PT017


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"nul",
        b"{'a':1}",
        b'{"a":1,}',
        b"[1 2]",
        b"1 2",
        b"\xef\xbb\xbf1",
        "1".encode("utf-16"),
        "1".encode("utf-32-le"),
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\\ud800"',
        b'["\\uDC00"]',
        b'{"\\ud800":1}',
        b"NaN",
        b"-Infinity",
        b"[Infinity]",
        b"1e999",
        b"-1e999",
        b"1" * 21,
        b"1" * 5000,
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'[{"b":{"a":1,"a":2}}]',
        b"[" * 17 + b"]" * 17,
        b"[" * 30_000,
        b'{"a":' * 10_000,
        b'"a\nb"',
        b'"' + b"a" * 70_000 + b'"',
        b'"\\',
    ],
    ids=lambda data: repr(data[:16]),
)
def test_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="JSON"):
        loads(data)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"[" * 16 + b"]" * 16, None),
        (b'"' + b"[" * 100 + b'"', "[" * 100),
        (b'["' + b'{\\"[' * 50 + b'"]', ['{"[' * 50]),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b' {"a" : 1} ', {"a": 1}),
        (b"1" * 20, int("1" * 20)),
    ],
    ids=lambda data: repr(data)[:16],
)
def test_accepted(data: bytes, value: JsonValue) -> None:
    if value is None:
        assert loads(data) == json.loads(data)
    else:
        assert loads(data) == value


def test_errors_quote_nothing() -> None:
    with pytest.raises(ValueError, match="JSON") as error:
        loads(b'{"hush-hush"')
    assert "hush" not in str(error.value)
    assert error.value.__suppress_context__


@pytest.mark.parametrize("data", [b"[]", b"1", b"null", b'"a"'])
def test_an_object_is_an_object(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a JSON object"):
        loads_object(data)
