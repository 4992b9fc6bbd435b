"""The lane of a process, from its settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stories.gateway import running


@pytest.mark.parametrize("is_on", [True, False])
async def test_it_is_there_unless_it_is_turned_off(is_on: bool, tmp_path: Path) -> None:
    async with running(tmp_path, server={"fast_lane": is_on}) as gateway:
        assert (gateway.runtime.lane is not None) is is_on


async def test_no_body_is_kept_without_memory_for_it(tmp_path: Path) -> None:
    async with running(tmp_path, server={"hot_bytes": 1}) as gateway:
        gateway.put("a.ts", b"abc" * 100_000)
        for _ in range(5):
            assert (await gateway.ask("/open/a.ts")).body == b"abc" * 100_000
