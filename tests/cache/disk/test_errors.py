from __future__ import annotations

from cache.disk.errors import BodyBroken, DiskFull, DiskUnavailable, TooLarge


def test_each_error_has_a_reason() -> None:
    assert [error.reason for error in (DiskFull, TooLarge, DiskUnavailable)] == [
        "disk_full",
        "too_large",
        "disk_unavailable",
    ]
    assert BodyBroken("truncated").reason == "truncated"
    assert "truncated" in str(BodyBroken("truncated"))
