"""HEAD for what is not kept is asked once for all who may share the answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cache import Outcome
from tests.origin.shield.scenes import scene
from tests.scripted_origin import Answer, Gate

FRESH = ("Cache-Control", "max-age=60")
PRIVATE = ("Cache-Control", "private, max-age=60")


async def heads_of(
    folder: Path, field: tuple[str, str], *own: tuple[str, str], count: int = 5
) -> tuple[list[Outcome], int]:
    gate = Gate(None)
    async with scene(folder) as it:
        it.origin.answers["/a"] = Answer(200, (field, ("X-Kept", "1")), b"12345", gate=gate)
        asking = [asyncio.create_task(it.get("/a", *own, method="HEAD")) for _ in range(5)]
        await gate.reached.wait()
        while it.disk.misses < len(asking):
            await asyncio.sleep(0)
        for _ in range(10):
            await asyncio.sleep(0)
        gate.opened.set()
        got = await asyncio.gather(*asking)
        for one in got:
            assert (one.status, one.body, dict(one.fields)["X-Kept"]) == (200, b"", "1")
        return sorted(one.outcome for one in got), len(it.origin.asked)


async def test_all_who_ask_at_once_share_one_answer(tmp_path: Path) -> None:
    outcomes, asked = await heads_of(tmp_path, FRESH)
    assert outcomes == [Outcome.BYPASS, *[Outcome.COLLAPSED] * 4]
    assert asked == 1


@pytest.mark.parametrize(
    ("field", "own"),
    [(PRIVATE, ()), (FRESH, (("Authorization", "x"),)), (FRESH, (("If-None-Match", '"a"'),))],
)
async def test_what_is_for_one_alone_is_not_shared(
    tmp_path: Path, field: tuple[str, str], own: tuple[tuple[str, str], ...]
) -> None:
    outcomes, asked = await heads_of(tmp_path, field, *own)
    assert outcomes == [Outcome.BYPASS] * 5
    assert asked == 5


async def test_the_length_is_that_of_a_get(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", b"12345", FRESH)
        answered = await it.shield.answer(it.asked("/a", method="HEAD"), it.clock())
        assert getattr(answered.reply.body, "length", None) == 5
