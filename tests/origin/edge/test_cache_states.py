from __future__ import annotations

import pytest

from cache import Outcome
from origin.edge.cache_states import status_of

MEMBERS = {
    Outcome.HIT: "Headgate; hit; ttl=3",
    Outcome.HIT_SHARED: "Headgate; hit; ttl=3; detail=shared",
    Outcome.STALE: "Headgate; hit; ttl=3; detail=revalidating",
    Outcome.STALE_ERROR: "Headgate; fwd=stale; ttl=3; detail=source-failed",
    Outcome.REVALIDATED: "Headgate; fwd=stale; fwd-status=304; ttl=3; stored",
    Outcome.MISS: "Headgate; fwd=uri-miss; ttl=3; stored",
    Outcome.COLLAPSED: "Headgate; fwd=uri-miss; ttl=3; collapsed",
    Outcome.PARTIAL: "Headgate; fwd=partial; ttl=3; stored",
    Outcome.BYPASS: "Headgate; fwd=bypass",
}


@pytest.mark.parametrize("outcome", Outcome)
def test_member(outcome: Outcome) -> None:
    assert str(status_of(outcome, 3.9)) == MEMBERS[outcome]


def test_what_is_stale_has_a_negative_lifetime() -> None:
    assert "ttl=-2" in str(status_of(Outcome.STALE, -2.5))
