"""When a successor is due."""

from __future__ import annotations

import pytest

from auth.renewal import Renewal, RenewalTransport


@pytest.mark.parametrize(
    ("window", "expires", "due"),
    [
        (None, None, True),
        (None, 100.0, True),
        (60.0, 100.0, True),
        (50.0, 100.0, True),
        (49.0, 100.0, False),
        (9.0, None, False),
    ],
)
def test_is_due(window: float | None, expires: float | None, due: bool) -> None:
    assert Renewal(RenewalTransport.COOKIE, 30, window).is_due(expires, 50.0) is due
