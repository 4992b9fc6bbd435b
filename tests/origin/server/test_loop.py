from __future__ import annotations

import asyncio

import pytest

from origin.server.loop import has_c_parser, loop_factory


@pytest.mark.parametrize("name", ["uvloop+fast", "uvloop", "asyncio+fast", "asyncio"])
def test_every_loop_runs(name: str) -> None:
    async def name_of_loop() -> str:
        return type(asyncio.get_running_loop()).__module__

    with asyncio.Runner(loop_factory=loop_factory(name)) as runner:
        assert ("uvloop" in runner.run(name_of_loop())) == name.startswith("uvloop")


def test_requests_are_parsed_in_c() -> None:
    assert has_c_parser()
