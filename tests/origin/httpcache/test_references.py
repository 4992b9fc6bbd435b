from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.httpcache.references import same_origin_target

HERE = "https://origin.example/a/b?q=1"


@pytest.mark.parametrize(
    ("reference", "target"),
    [
        ("", "/a/b?q=1"),
        ("c", "/a/c"),
        ("../c?x=y", "/c?x=y"),
        ("?z", "/a/b?z"),
        ("/c#part", "/c"),
        ("/a%20b", "/a%20b"),
        ("https://origin.example/c", "/c"),
        ("HTTPS://ORIGIN.example:443", "/"),
        ("//origin.example/c", "/c"),
        ("http://origin.example/c", None),
        ("https://origin.example:8443/c", None),
        ("https://other.example/c", None),
        ("//other.example/c", None),
        ("https://[::1/c", None),
        ("https://origin.example:x/c", None),
        ("https://origin.example:99999/c", None),
        ("mailto:a@origin.example", None),
        ("/" + "x" * 9000, None),
    ],
)
def test_where_a_reference_leads(reference: str, target: str | None) -> None:
    assert same_origin_target(HERE, reference) == target


def test_a_target_in_origin_form_is_enough_for_relative_references() -> None:
    assert same_origin_target("/a/b?q=1", "c") == "/a/c"
    assert same_origin_target("/a/b?q=1", "") == "/a/b?q=1"
    assert same_origin_target("/a/b", "https://origin.example/a/c") is None


@given(st.text(), st.text())
def test_no_reference_is_too_much(target: str, reference: str) -> None:
    found = same_origin_target(target, reference)
    assert found is None or found
