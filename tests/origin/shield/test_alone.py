"""Answers for one request alone."""

from __future__ import annotations

from pathlib import Path

from cache import Outcome
from origin.http.caching import Forward
from origin.http.reply import Stream
from origin.shield.alone import alone
from tests.origin.shield.scenes import scene


async def test_what_somebody_else_has_claimed_is_asked_for_anew(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", b"12345")
        asked = it.asked("/a")
        single = await it.pulls.pass_on(asked)
        incoming = single.claim()
        assert incoming is not None
        await incoming.close()
        answered = await alone(it.pulls, asked, single, Forward.MISS)
        assert answered.outcome is Outcome.BYPASS
        assert isinstance(answered.reply.body, Stream)
        assert b"".join([chunk async for chunk in answered.reply.body.chunks]) == b"12345"
        assert answered.reply.body.close is not None
        await answered.reply.body.close()
        assert len(it.origin.asked) == 2
