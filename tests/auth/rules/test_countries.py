"""Countries, allowed and blocked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auth.errors import Misuse, Reason
from auth.request import Place
from auth.rules import CONDITIONS
from auth.rules.countries import Countries
from tests.auth.samples import NOW, get


@pytest.mark.parametrize(
    ("rule", "country", "is_open"),
    [
        (Countries(("CA", "US")), "CA", True),
        (Countries(("CA", "US")), "DE", False),
        (Countries(("CA", "US")), None, False),
        (Countries((), ("RU",)), "CA", True),
        (Countries((), ("RU",)), "RU", False),
        (Countries((), ("RU",)), None, False),
        (Countries(("CA",), ("CA",)), "CA", False),
    ],
)
def test_a_viewers_country(rule: Countries, country: str | None, is_open: bool) -> None:
    objection = rule.objection(replace(get(), place=Place(country=country)), NOW)
    assert (objection is None) is is_open
    assert objection is None or objection.reason is Reason.WRONG_PLACE


@pytest.mark.parametrize("codes", [(), ("ca",), ("CAN",), ("",), ("C1",), ("CA",) * 257])
def test_what_is_no_list_of_countries(codes: tuple[str, ...]) -> None:
    with pytest.raises(Misuse):
        Countries(codes)


def test_it_travels_as_json() -> None:
    for rule in (Countries(("CA", "US")), Countries((), ("RU",)), Countries(("CA",), ("RU", "CN"))):
        assert CONDITIONS[rule.WORD].from_json(rule.to_json()) == rule


@pytest.mark.parametrize("value", [None, 1, [], [[], []], [["CA"]], [["CA"], ["RU"], []], [[1], []], ["CA", "US"], {}])
def test_only_its_own_json_is_read(value: object) -> None:
    with pytest.raises(ValueError, match="countr"):
        Countries.from_json(value)  # type: ignore[arg-type]
