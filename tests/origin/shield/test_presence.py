"""Which bytes are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from origin.shield.presence import has_all, lies_in
from origin.shield.shelf import Arriving, Kept
from tests.origin.shield.scenes import FRESH, SLICE, Scene, scene
from tests.scripted_origin import Gate

SIZE = 10 * SLICE
# Kept, or on its way, is the third slice.
CASES = [
    (f"bytes={2 * SLICE}-{3 * SLICE - 1}", True),
    (f"bytes={2 * SLICE + 5}-{2 * SLICE + 9},{3 * SLICE - 3}-{3 * SLICE - 1}", True),
    (f"bytes={2 * SLICE}-{3 * SLICE}", False),
    (f"bytes={2 * SLICE - 1}-{2 * SLICE}", False),
    (f"bytes=0-1,{2 * SLICE}-{2 * SLICE + 1}", False),
    (f"bytes={SIZE}-", True),
    ("bytes=-1", False),
    ("x=1", False),
    (None, False),
]


async def third_slice(it: Scene, gate: Gate | None = None) -> None:
    it.origin.put("/a", bytes(SIZE), FRESH, gate=gate)
    asked = it.answer("/a", ("Range", f"bytes={2 * SLICE}-{2 * SLICE}"))
    answered = await asked
    if gate is None:
        async for _ in answered.reply.body.chunks:  # type: ignore[union-attr]
            pass
        await it.settled()


@pytest.mark.parametrize(("value", "is_there"), CASES)
async def test_what_is_kept(tmp_path: Path, value: str | None, is_there: bool) -> None:
    async with scene(tmp_path) as it:
        await third_slice(it)
        fields = () if value is None else (("Range", value),)
        found = await it.shelf.find(it.asked("/a"))
        assert isinstance(found, Kept)
        assert has_all(found, it.asked("/a", *fields)) is is_there
        assert not has_all(found, it.asked("/a", *fields, ("If-Range", '"x"')))
        assert has_all(found, it.asked("/a", *fields, method="HEAD"))
        found.release()


@pytest.mark.parametrize(("value", "is_there"), CASES)
async def test_what_arrives(tmp_path: Path, value: str | None, is_there: bool) -> None:
    async with scene(tmp_path) as it:
        await third_slice(it, Gate(10))
        fields = () if value is None else (("Range", value),)
        found = it.shelf.has_arriving(it.asked("/a").key)
        assert isinstance(found, Arriving)
        assert lies_in(found, it.asked("/a", *fields)) is is_there
        assert not lies_in(found, it.asked("/a", *fields, ("If-Range", '"x"')))
