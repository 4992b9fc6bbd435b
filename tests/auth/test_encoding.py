"""One spelling per value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.encoding import (
    base64_decode,
    base64_encode,
    base64url_decode,
    base64url_encode,
    base64url_padded,
    base64url_padded_decode,
    hex_decode,
    percent_decode,
)


@given(st.binary())
def test_base64url_round_trip(data: bytes) -> None:
    assert base64url_decode(base64url_encode(data)) == data


@given(st.binary())
def test_the_padded_variants_and_hexadecimal_round_trip(data: bytes) -> None:
    assert base64url_padded_decode(base64url_padded(data)) == data
    assert base64_decode(base64_encode(data)) == data
    assert hex_decode(data.hex()) == data


@given(st.text("AZaf09-_+/= \n", max_size=12))
def test_what_decodes_in_another_variant_has_one_spelling(text: str) -> None:
    for decode, encode in ((base64url_padded_decode, base64url_padded), (base64_decode, base64_encode)):
        try:
            data = decode(text)
        except ValueError:
            continue
        assert encode(data) == text


@pytest.mark.parametrize("text", ["A", "AF", "0 ", "0x", "0g", "\u0662\u0660"])
def test_not_hexadecimal(text: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        hex_decode(text)


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
