from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.structured_fields import Item
from auth.structured_fields import parse_dictionary as parse_dictionary_of_auth
from origin.httpcache.structured import Token, Value, parse_dictionary, parse_list


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("", {}),
        ("  ", {}),
        ("a", {"a": True}),
        (" a=1 ", {"a": 1}),
        ("a=-999999999999999", {"a": -999_999_999_999_999}),
        ("a=?1, b=?0,c=x", {"a": True, "b": False, "c": Token("x")}),
        ('a="q\\"\\\\, r"', {"a": 'q"\\, r'}),
        ("a=1 \t,\t b", {"a": 1, "b": True}),
        ("a;x=1.5;y=?0;z, b;  w", {"a": True, "b": True}),
        ('a=1.25, b=:YWJj:, c=@-5, d=%"%c3%a4", e=(1 "x";p  y )', dict.fromkeys("abcde")),
        ("a=(), b=2", {"a": None, "b": 2}),
        ("a=1, a=2", {"a": 2}),
        ("*k_.-9=*/:x", {"*k_.-9": Token("*/:x")}),
    ],
)
def test_dictionary(text: str, members: dict[str, Value]) -> None:
    found = parse_dictionary(text)
    assert found == members
    assert [type(value) for value in (found or {}).values()] == [type(value) for value in members.values()]


@pytest.mark.parametrize(
    "text",
    [
        "a,", ",a", "a,,b", "a=", "A=1", "a =1", "a= 1", "a b", "&&&", "a=1, &&&", "a=1.", "a=1.2345", "a=1.2.3",
        "a=1234567890123456", "a=?2", 'a="x', 'a="\\x"', 'a="\xe9"', "a='x'", "a=(1", "a=(1,2)", 'a=("x""y")', "a;",
        "a;B", "a=:?:", "a=@1.5", 'a=%"%C3"', "\ta", "a=1;=2", "-a",
    ],
)  # fmt: skip
def test_no_dictionary(text: str) -> None:
    assert parse_dictionary(text) is None


def test_list() -> None:
    assert parse_list('"a,b";x, t, 5 , (1 2);y') == ["a,b", Token("t"), 5, None]
    assert parse_list("") == []
    assert parse_list('"a",') is None
    assert parse_list('"a" "b"') is None


@given(st.text(st.sampled_from('abA19=,; \t"\\()?:.-*&@%'), max_size=30) | st.text(max_size=30))
def test_agrees_with_the_reader_of_signatures(text: str) -> None:
    try:
        theirs = parse_dictionary_of_auth(text)
    except ValueError:
        return  # it refuses more: decimals, dates, and what is there twice
    ours = parse_dictionary(text)
    assert ours is not None
    assert list(ours) == list(theirs)
    for name, member in theirs.items():
        if isinstance(member, Item) and not isinstance(member.value, bytes):
            assert ours[name] == member.value


@pytest.mark.parametrize("piece", ["(", "a=(", "a,", "a;", '"', 'a="\\"', "a=1;b", ",", " ", "a=(1 ", ":", '%"'])
def test_a_hostile_value_is_read_once(piece: str) -> None:
    parse_dictionary(piece * 65_536)  # a quadratic reader would not come back within the test's time
    parse_list(piece * 65_536)
