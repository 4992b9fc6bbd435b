"""What the models of the control API refuse beyond the types of their fields."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from origin.control.schemas import MAX_PURGES, PurgeRequest

MANY = tuple(f"/{number}" for number in range(MAX_PURGES))


@pytest.mark.parametrize("fields", [{"urls": MANY}, {"prefixes": MANY}, {"tags": MANY[1:], "urls": MANY[:1]}])
def test_so_many_items_are_a_purge(fields: dict[str, tuple[str, ...]]) -> None:
    asked = PurgeRequest.model_validate(fields)
    assert len((*asked.urls, *asked.prefixes, *asked.tags)) == MAX_PURGES
    assert asked.mode == "soft"


@pytest.mark.parametrize("fields", [{}, {"urls": MANY, "tags": ("one",)}, {"tags": (*MANY, "one")}])
def test_none_and_more_are_not(fields: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(ValidationError):
        PurgeRequest.model_validate(fields)
