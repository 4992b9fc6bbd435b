from __future__ import annotations

import pytest

from origin.httpcache.policy import Policy


@pytest.mark.parametrize(
    "make",
    [
        lambda: Policy(heuristic_fraction=1.5),
        lambda: Policy(heuristic_fraction=-0.1),
        lambda: Policy(heuristic_max_seconds=-1),
        lambda: Policy(stale_if_error_default=float("inf")),
        lambda: Policy(override_seconds=-1),
        lambda: Policy(default_negative_seconds={404: float("nan")}),
    ],
)
def test_what_no_policy_can_be(make: object) -> None:
    assert callable(make)
    with pytest.raises(ValueError):
        make()


def test_the_targets_of_a_policy_count() -> None:
    fields = (("CDN-Cache-Control", "max-age=1"), ("Cache-Control", "max-age=2"))
    assert Policy().directives(fields).max_age == 1
    assert Policy(targets=()).directives(fields).max_age == 2
