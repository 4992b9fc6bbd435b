"""One spelling per value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.encoding import base64url_decode, base64url_encode, percent_decode


@given(st.binary())
def test_base64url_round_trip(data: bytes) -> None:
    assert base64url_decode(base64url_encode(data)) == data


@given(st.text("AZaz09-_+/= \n", max_size=12))
def test_what_decodes_has_one_spelling(text: str) -> None:
    try:
        data = base64url_decode(text)
    except ValueError:
        return
    assert base64url_encode(data) == text


@pytest.mark.parametrize(
    "text", ["A", "AA==", "AA=", "AB", "AAB", "A A", "AA\n", "+/8", "_/8", "ÿÿ", "AAAA\x00", "AAAAA"]
)
def test_not_base64url(text: str) -> None:
    with pytest.raises(ValueError, match="base64url"):
        base64url_decode(text)


@pytest.mark.parametrize(
    ("text", "decoded"),
    [("", ""), ("a+b", "a+b"), ("a%2Bb", "a+b"), ("%c3%A9", "é"), ("%25", "%"), ("é%41", "éA")],
)
def test_percent_decoding(text: str, decoded: str) -> None:
    assert percent_decode(text) == decoded


@pytest.mark.parametrize("text", ["%", "a%", "%2", "%zz", "%ff", "%c3", "%\u0662\u0660"])
def test_broken_percent_encoding(text: str) -> None:
    with pytest.raises(ValueError, match=r"percent|utf-8"):
        percent_decode(text)
