from __future__ import annotations

import pytest

from origin.http.structured import sf_integer, sf_string, sf_token_or_string


@pytest.mark.parametrize(
    ("value", "text"), [("", '""'), ("a b", '"a b"'), ('say "a\\b"', '"say \\"a\\\\b\\""'), ("~", '"~"')]
)
def test_strings(value: str, text: str) -> None:
    assert sf_string(value) == text


@pytest.mark.parametrize("value", ["é", "a\n", "\x00", "\x7f", "\t"])
def test_a_string_is_printable_ascii(value: str) -> None:
    with pytest.raises(ValueError, match="printable"):
        sf_string(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("headgate", "headgate"),
        ("cdn.example/1:80", "cdn.example/1:80"),
        ("*", "*"),
        ("1st", '"1st"'),
        ("a b", '"a b"'),
        ("", '""'),
    ],
)
def test_tokens_where_possible(value: str, text: str) -> None:
    assert sf_token_or_string(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (-412, "-412"), (10**20, "9" * 15), (-(10**20), "-" + "9" * 15)])
def test_integers_have_fifteen_digits_at_most(value: int, text: str) -> None:
    assert sf_integer(value) == text
