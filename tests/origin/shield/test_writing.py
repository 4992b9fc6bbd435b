"""Unsafe requests: passed on, and what they may have changed is told to whoever is to forget it."""

from __future__ import annotations

from pathlib import Path

import pytest

from origin.shield.asked import Asked
from origin.shield.places import Place
from origin.shield.writing import Writes
from tests.origin.shield.scenes import scene
from tests.scripted_origin import Answer


@pytest.mark.parametrize(
    ("status", "fields", "forgotten"),
    [
        (204, (), ["/vod/a"]),
        (201, (("Location", "/media/b"),), ["/vod/a", "/vod/b"]),
        (201, (("Location", "https://elsewhere.example/b"),), ["/vod/a"]),
        (500, (("Location", "/media/b"),), []),
    ],
)
async def test_what_is_told(
    tmp_path: Path, status: int, fields: tuple[tuple[str, str], ...], forgotten: list[str]
) -> None:
    told: list[str] = []

    async def forget(key: str, _before: float) -> None:
        told.append(key)

    async with scene(tmp_path) as it:
        it.origin.answers["/a"] = Answer(status, fields, b"")
        place = Place("/vod", "https://origin.example/media")
        writes = Writes(it.pulls, it.shelf, place, 4096, it.tally, forget, None)
        answered = await writes.answer(Asked("PUT", "/vod/a", "/a", body=b"x"))
        assert answered.reply.status == status
        close = getattr(answered.reply.body, "close", None)
        if close is not None:
            await close()
        assert it.origin.asked[0].body == b"x"
        assert told == [Asked("GET", url, "").key for url in forgotten]


@pytest.mark.parametrize(("status", "purged"), [(200, [("film", "page")]), (500, [])])
async def test_groups_that_a_write_invalidates(tmp_path: Path, status: int, purged: list[tuple[str, ...]]) -> None:
    told: list[tuple[str, ...]] = []

    async def purge(tags: tuple[str, ...]) -> None:
        told.append(tags)

    async with scene(tmp_path) as it:
        it.origin.answers["/a"] = Answer(status, (("Cache-Group-Invalidation", '"film", "page"'),), b"")
        place = Place("/vod", "https://origin.example/media")
        answered = await Writes(it.pulls, it.shelf, place, 4096, it.tally, None, purge).answer(
            Asked("POST", "/vod/a", "/a")
        )
        close = getattr(answered.reply.body, "close", None)
        if close is not None:
            await close()
        assert told == purged
