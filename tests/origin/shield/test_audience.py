"""For whom a pull is."""

from __future__ import annotations

import pytest

from origin.http.fields import Fields
from origin.httpcache.policy import Policy
from origin.httpcache.stored import StoredResponse
from origin.shield.asked import Asked
from origin.shield.audience import may_share, wants_its_own

SECRET = ("Authorization", "Basic x")


@pytest.mark.parametrize(
    ("fields", "value", "shared"),
    [
        ((), "max-age=9", True),
        ((SECRET,), "max-age=9", False),
        ((SECRET,), "public", True),
        ((), "private", False),
        ((), "no-store", False),
        ((SECRET,), "s-maxage=9", True),
        ((SECRET,), "must-revalidate", True),
    ],
)
def test_credentials(fields: Fields, value: str, shared: bool) -> None:
    stored = StoredResponse(200, (("Cache-Control", value),), 0.0, 0.0)
    assert may_share(Asked("GET", "/a", "/a", fields), stored, Policy()) is shared


def test_variants() -> None:
    stored = StoredResponse(200, (("Vary", "x"),), 0.0, 0.0, (("x", "1"),))
    for value, shared in (("1", True), ("2", False)):
        assert may_share(Asked("GET", "/a", "/a", (("X", value),)), stored, Policy()) is shared


@pytest.mark.parametrize(
    ("fields", "special"),
    [
        ((), False),
        ((SECRET,), True),
        ((("cache-control", "no-store"),), True),
        ((("Cache-Control", "no-cache"),), False),
    ],
)
def test_what_a_request_brings_on_itself(fields: Fields, special: bool) -> None:
    assert wants_its_own(Asked("GET", "/a", "/a", fields)) is special
