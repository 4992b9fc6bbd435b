from __future__ import annotations

from origin.ops.health import Finding, Health
from origin.storage.store import StoreUnavailable


async def well() -> None:
    """Nothing is wrong."""


async def away() -> None:
    raise StoreUnavailable("gone")


async def broken() -> None:
    raise ValueError


async def slow() -> None:
    raise TimeoutError


async def test_each_probe_is_told_by_name() -> None:
    health = Health({"a": well, "b": away, "c": broken, "d": slow})
    assert await health.check() == [
        Finding("a", is_ok=True),
        Finding("b", is_ok=False, reason="store_unavailable"),
        Finding("c", is_ok=False, reason="ValueError"),
        Finding("d", is_ok=False, reason="timeout"),
    ]


async def test_who_drains_is_not_ready() -> None:
    health = Health({})
    assert await health.check() == []
    health.is_draining = True
    assert await health.check() == [Finding("process", is_ok=False, reason="draining")]
