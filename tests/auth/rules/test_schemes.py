"""Schemes of requests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auth.errors import Misuse
from auth.rules import CONDITIONS
from auth.rules.schemes import Schemes
from tests.auth.samples import NOW, get


@pytest.mark.parametrize(
    ("allowed", "scheme", "is_open"),
    [(("https",), "https", True), (("https",), "http", False), (("http", "https"), "http", True), ((), "https", False)],
)
def test_a_requests_scheme(allowed: tuple[str, ...], scheme: str, is_open: bool) -> None:
    assert (Schemes(allowed).objection(replace(get(), scheme=scheme), NOW) is None) is is_open


@pytest.mark.parametrize("allowed", [("ftp",), ("HTTPS",), ("",), ("https", "https")])
def test_what_is_no_scheme(allowed: tuple[str, ...]) -> None:
    with pytest.raises(Misuse):
        Schemes(allowed)


def test_it_travels_as_json() -> None:
    for rule in (Schemes(("http", "https")), Schemes(())):
        assert CONDITIONS[rule.WORD].from_json(rule.to_json()) == rule


@pytest.mark.parametrize("value", [None, "https", [1], {}])
def test_only_its_own_json_is_read(value: object) -> None:
    with pytest.raises(ValueError, match="schemes are"):
        Schemes.from_json(value)  # type: ignore[arg-type]
