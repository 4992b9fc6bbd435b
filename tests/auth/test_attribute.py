"""Attributes in URIs are taken out by the two rules of RFC 9246 §2.1.15."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.attribute import RESERVED, SUB_DELIMITERS, take, take_from_path, take_from_query


@pytest.mark.parametrize("after", ["", *RESERVED])
def test_what_ends_a_value_decides_what_goes(after: str) -> None:
    rest = "b" if after else ""
    kept = "/a;" + rest if after and after in SUB_DELIMITERS else "/a" + after + rest
    assert take(f"/a;t=J{after}{rest}", "t") == (["J"], kept)


@pytest.mark.parametrize("before", RESERVED)
def test_any_reserved_character_may_stand_before_it(before: str) -> None:
    assert take(f"/a{before}t=J", "t") == (["J"], "/a")


@pytest.mark.parametrize("text", ["/a", "/at=J", "/a%2Ft=J", "/a/t", "/a/T=J", "/a/tt=J", ""])
def test_what_is_no_such_attribute(text: str) -> None:
    assert take(text, "t") == ([], text)


def test_escapes_hide_nothing() -> None:
    assert take("/a/%74%5f%4b=J/b", "t_K") == (["J"], "/a/b")


def test_every_one_is_taken() -> None:
    assert take("/t=A/t=B/c;t=D;t=E", "t") == (["A", "B", "D", "E"], "/c")


def test_a_path_stays_a_path_and_a_query_a_query() -> None:
    assert take_from_path("/t=J", "t") == (["J"], "/")
    assert take_from_query("t=J", "t") == (["J"], "")
    assert take_from_query("t=J&a", "t") == (["J"], "a")
    assert take_from_query("t=J/../b", "t") == (["J"], "/../b")
    assert take_from_query("?a", "t") == ([], "?a")


@given(st.text("t=J;&?/:a%74", max_size=30))
def test_nothing_is_left(text: str) -> None:
    _, rest = take(text, "t")
    assert take(rest, "t") == ([], rest)
