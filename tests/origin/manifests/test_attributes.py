from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.manifests.attributes import parse_attributes
from origin.manifests.template import Malformed


def test_values_know_their_place() -> None:
    text = 'TYPE=AUDIO,NAME="a, b=c" ,\tURI="é.m3u8", N=1.5'.encode()
    found = parse_attributes(text, start=100)
    assert {name: (one.value, one.is_quoted) for name, one in found.items()} == {
        "TYPE": ("AUDIO", False),
        "NAME": ("a, b=c", True),
        "URI": ("é.m3u8", True),
        "N": ("1.5", False),
    }
    for one in found.values():
        assert text[one.start - 100 : one.end - 100].decode() == one.value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "attribute_invalid"),
        ("URI", "attribute_invalid"),
        ("URI=", "attribute_invalid"),
        ('URI="a', "attribute_invalid"),
        ('URI="a"b', "attribute_invalid"),
        ('URI=a"b"', "attribute_invalid"),
        ("A=1,", "attribute_invalid"),
        ("A=1,,B=2", "attribute_invalid"),
        (",A=1", "attribute_invalid"),
        ("A =1", "attribute_invalid"),
        ('URI="a",URI="b"', "attribute_duplicate"),
        ("A=1,A=1", "attribute_duplicate"),
        ("A=x" + " " * 30_000 + '"', "attribute_invalid"),
        ("A" * 30_000, "attribute_invalid"),
    ],
)
def test_what_the_grammar_does_not_allow(text: str, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_attributes(text.encode(), 0)
    assert caught.value.reason == reason


NAMES = st.from_regex(r"[A-Z0-9-]{1,8}", fullmatch=True)
QUOTED = st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters='"'))


@given(st.dictionaries(NAMES, QUOTED, min_size=1))
def test_any_list_of_quoted_strings_is_read_back(values: dict[str, str]) -> None:
    text = ",".join(f'{name}="{value}"' for name, value in values.items())
    found = parse_attributes(text.encode(), 0)
    assert {name: one.value for name, one in found.items()} == values


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    with suppress(Malformed, UnicodeDecodeError):  # playlists are known to be UTF-8 before they get here
        parse_attributes(text, 0)
