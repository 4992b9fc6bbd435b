"""Structured fields: read strictly, written in one way, and the same when read again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.structured_fields import InnerList, Item, Member, Word, parse_dictionary, write_bare, write_member


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("", {}),
        ("  ", {}),
        ("a=1", {"a": Item(1)}),
        ("a=-7 ,\tb", {"a": Item(-7), "b": Item(value=True)}),
        ("a;x;y=2, b=?0", {"a": Item(True, (("x", True), ("y", 2))), "b": Item(value=False)}),
        ('a="x\\"\\\\y"', {"a": Item('x"\\y')}),
        ("a=:AQI=:", {"a": Item(b"\1\2")}),
        ("a=tok/en:1", {"a": Item(Word("tok/en:1"))}),
        ("a=()", {"a": InnerList(())}),
        (
            'a=( "b";c  "d" );e="f"',
            {"a": InnerList((Item("b", (("c", True),)), Item("d")), (("e", "f"),))},
        ),
    ],
)
def test_dictionaries(text: str, members: dict[str, Member]) -> None:
    assert parse_dictionary(text) == members


@pytest.mark.parametrize(
    "text",
    [
        *("=1", "A=1", "a=", "a=1,", "a=1,,b", "a=1 b=2", "a=1, a=2", "a;x;x", "a=1;", "a=1;X", "\ta"),
        *("a=1.5", "a=1234567890123456", "a=-", "a=@1", 'a=%"x"', "a=?2", "a=:AQI:", "a=:AQJ=:", "a=:A B=:"),
        *('a="x', 'a="\\x"', 'a="\n"', 'a="ü"', "a=(", 'a=("b""c")', 'a=("b","c")', "a=((1))", "a=(1);", "a" * 9000),
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_dictionary(text)


@pytest.mark.parametrize("value", ["ü", "\n", 10**15, Word("a b"), Word("")])
def test_what_cannot_be_written(value: int | str) -> None:
    with pytest.raises(ValueError, match="no value"):
        write_bare(value)


_bare = (
    st.booleans()
    | st.integers(-(10**15) + 1, 10**15 - 1)
    | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)
    | st.binary(max_size=8)
    | st.from_regex(r"[A-Za-z*][A-Za-z0-9!#:/]{0,5}", fullmatch=True).map(Word)
)
_keys = st.from_regex(r"[a-z*][a-z0-9_.*-]{0,5}", fullmatch=True)
_parameters = st.dictionaries(_keys, _bare, max_size=3).map(lambda pairs: tuple(pairs.items()))
_items = st.builds(Item, _bare, _parameters)
_members = _items | st.builds(InnerList, st.lists(_items, max_size=3).map(tuple), _parameters)


@given(_members)
def test_what_is_written_is_read_back(member: Member) -> None:
    text = write_member(member)
    assert parse_dictionary(f"a={text}") == {"a": member}
    assert write_member(parse_dictionary(f"a={text}")["a"]) == text


@given(st.text('ab=();,:"\\?1 *-@.', max_size=40))
def test_any_text_is_a_dictionary_or_a_value_error(text: str) -> None:
    try:
        members = parse_dictionary(text)
    except ValueError:
        return
    again = ", ".join(f"{key}={write_member(member)}" for key, member in members.items())
    assert parse_dictionary(again) == members
