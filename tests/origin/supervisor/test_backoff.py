from __future__ import annotations

from origin.supervisor.backoff import HEALTHY_SECONDS, delay_seconds, failures_after


def test_the_first_is_replaced_at_once_and_the_next_ones_ever_later() -> None:
    assert [delay_seconds(failures) for failures in range(1, 10)] == [0, 0.5, 1, 2, 4, 8, 16, 30, 30]
    assert delay_seconds(10**9) == 30


def test_who_has_served_for_long_has_failed_for_the_first_time() -> None:
    assert failures_after(0, 0.0) == 1
    assert failures_after(3, HEALTHY_SECONDS - 0.1) == 4
    assert failures_after(3, HEALTHY_SECONDS) == 1
