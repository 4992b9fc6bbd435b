"""Header fields as an ordered tuple."""

from __future__ import annotations

from origin.http.fields import combined, values_of, without

FIELDS = (("Vary", "A"), ("X", "1"), ("vary", "B"))


def test_values_keep_their_order_whatever_the_case() -> None:
    assert values_of(FIELDS, "VARY") == ["A", "B"]


def test_repeated_fields_become_one_value() -> None:
    assert combined(FIELDS, "vary") == "A, B"
    assert combined(FIELDS, "y") is None


def test_named_fields_are_left_out() -> None:
    assert without(FIELDS, {"vary"}) == (("X", "1"),)
