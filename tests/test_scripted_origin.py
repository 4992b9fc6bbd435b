"""The scripted origin server keeps the promises of a real one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from origin.upstream.origin_server import Trouble
from tests.contracts.origin_server import OriginServerContract, Stage
from tests.scripted_origin import Gate, ScriptedOrigin


class TestScriptedOrigin(OriginServerContract):
    """The contract."""

    @pytest.fixture
    async def stage(self) -> AsyncIterator[Stage]:
        origin = ScriptedOrigin()

        async def put(target: str, content: bytes) -> None:
            origin.put(target, content)

        async def cut(target: str, content: bytes, sent: int) -> None:
            origin.put(target, content, gate=Gate(sent), breaks=Trouble.TRUNCATED)

        async def hold(target: str, content: bytes, sent: int) -> None:
            origin.put(target, content, gate=Gate(sent))

        async def vanish() -> None:
            origin.down = Trouble.UNREACHABLE

        yield Stage(origin, put, cut, hold, lambda: sum(one.is_held_back for one in origin.incoming), vanish)
        await origin.close()
