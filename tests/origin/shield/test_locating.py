"""Large objects in slices: a seek pulls what it needs, and all bytes are of one version."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cache import Outcome
from origin.shield.bodies import BodyFailed
from origin.upstream.origin_server import Trouble, UpstreamError
from tests.origin.shield.scenes import FRESH, SLICE, Scene, let_go, read, scene
from tests.scripted_origin import Answer, Gate

DATA = bytes(index * 11 % 253 for index in range(40 * SLICE + 100))
SIZE = len(DATA)


def pulled(it: Scene, target: str = "/a") -> list[str | None]:
    """The ranges that were pulled."""
    return it.origin.ranges(target)


async def test_a_seek_pulls_aligned_slices_and_no_more(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH)
        start = 10 * SLICE + 5
        got = await it.get("/a", ("Range", f"bytes={start}-{start + 9}"))
        assert (got.body, got.outcome) == (DATA[start : start + 10], Outcome.MISS)
        assert pulled(it) == [f"bytes={10 * SLICE}-{11 * SLICE - 1}"]
        got = await it.get("/a", ("Range", f"bytes={10 * SLICE}-{11 * SLICE - 1}"))
        assert (got.outcome, got.body) == (Outcome.HIT, DATA[10 * SLICE : 11 * SLICE])


async def test_reading_on_pulls_the_next_slices(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH)
        answered = await it.answer("/a", ("Range", f"bytes={20 * SLICE}-"))
        assert await read(answered.reply) == DATA[20 * SLICE :]
        assert len(pulled(it)) == 6  # four slices at a time
        await it.settled()


async def test_a_whole_get_pulls_only_what_is_missing(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        etag = it.origin.put("/a", DATA, FRESH)
        await it.get("/a", ("Range", f"bytes={10 * SLICE}-{12 * SLICE - 1}"))
        await it.get("/a", ("Range", f"bytes={30 * SLICE}-{30 * SLICE}"))
        got = await it.get("/a")
        assert (got.status, got.body, got.outcome) == (200, DATA, Outcome.PARTIAL)
        assert got.cache == "fwd=partial; ttl=60; stored"
        kept = {10, 11, 30}
        asked_for: list[int] = []
        for value in pulled(it)[2:]:
            assert value is not None
            first, _, last = value.removeprefix("bytes=").partition("-")
            asked_for += range(int(first) // SLICE, -(-(int(last or SIZE - 1) + 1) // SLICE))
        assert sorted(asked_for) == sorted(set(range(41)) - kept)
        assert all(("If-Range", etag) in one.fields for one in it.origin.asked[2:])
        assert (await it.get("/a")).outcome is Outcome.HIT


async def test_many_seek_to_the_same_place_by_one_pull(tmp_path: Path) -> None:
    gate = Gate(None)
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH)
        await it.get("/a", ("Range", "bytes=0-0"))
        it.origin.put("/a", DATA, FRESH, gate=gate)
        seeks = [
            asyncio.create_task(it.get_now("/a", ("Range", f"bytes={5 * SLICE}-{6 * SLICE - 1}"))) for _ in range(9)
        ]
        await gate.reached.wait()
        gate.opened.set()
        assert {one.body for one in await asyncio.gather(*seeks)} == {DATA[5 * SLICE : 6 * SLICE]}
        assert len(pulled(it)) == 2
        await it.settled()


async def test_another_version_between_slices_breaks_the_transfer(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH)
        await it.get("/a", ("Range", "bytes=0-0"))
        other = DATA[::-1]
        it.origin.put("/a", other, FRESH)
        with pytest.raises(BodyFailed):
            await it.get("/a")
        await it.settled()
        assert (await it.get("/a")).body == other


@pytest.mark.parametrize(
    "answer",
    [
        Answer(
            206,
            (("ETag", '"other"'), ("Content-Range", f"bytes {4 * SLICE}-{SIZE - 1}/{SIZE}"), FRESH),
            DATA[4 * SLICE :],
        ),
        Answer(
            206, (("ETag", '"v"'), ("Content-Range", f"bytes {SLICE}-{2 * SLICE - 1}/{2 * SIZE}"), FRESH), DATA[:SLICE]
        ),
        Answer(416, (("Content-Range", "bytes */1"),)),
        Answer(200, (("Cache-Control", "no-store"),), b"new"),
        Answer(404, (), b"gone"),
    ],
    ids=["another tag", "another length", "416", "not to be kept", "404"],
)
async def test_what_cannot_be_completed_is_not_kept_on_and_on(tmp_path: Path, answer: Answer) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH, ("ETag", '"v"'))
        await it.get("/a", ("Range", "bytes=0-0"))
        it.origin.answers["/a"] = answer
        with pytest.raises(BodyFailed):
            await it.get("/a")
        it.origin.answers.clear()
        it.origin.put("/a", b"new", FRESH)
        it.clock.advance(2)
        assert (await it.get("/a")).body == b"new"


@pytest.mark.parametrize("how", [503, Trouble.UNREACHABLE], ids=str)
async def test_what_is_kept_outlives_a_moment_of_trouble(tmp_path: Path, how: int | Trouble) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH)
        await it.get("/a", ("Range", "bytes=0-0"))
        if isinstance(how, Trouble):
            it.origin.down = how
        else:
            it.origin.answers["/a"] = Answer(how, (), b"later")
        with pytest.raises(BodyFailed):
            await it.get("/a")
        assert (await it.get("/a", ("Range", "bytes=0-9"))).body == DATA[:10]
        it.origin.down = None
        it.origin.answers.clear()
        assert (await it.get("/a")).body == DATA


async def test_a_stale_part_does_not_stand_in_for_what_it_has_not(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, ("Cache-Control", "max-age=60, stale-if-error=60"))
        await it.get("/a", ("Range", "bytes=0-0"))
        it.clock.advance(61)
        it.origin.down = Trouble.UNREACHABLE
        assert (await it.get("/a", ("Range", "bytes=0-9"))).outcome is Outcome.STALE_ERROR
        with pytest.raises(UpstreamError):
            await it.get("/a")


async def test_a_stale_part_is_validated_and_completed(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH)
        await it.get("/a", ("Range", "bytes=0-0"))
        it.clock.advance(61)
        got = await it.get("/a")
        assert (got.status, got.body, got.outcome) == (200, DATA, Outcome.REVALIDATED)


async def test_a_server_without_ranges(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.answers["/a"] = Answer(200, (FRESH, ("ETag", '"v"')), DATA)
        got = await it.get("/a", ("Range", f"bytes={20 * SLICE}-{20 * SLICE + 9}"))
        assert (got.status, got.body) == (206, DATA[20 * SLICE : 20 * SLICE + 10])
        assert (await it.get("/a")).outcome is Outcome.HIT


async def test_who_goes_away_in_the_middle_leaves_nothing_open(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH)
        answered = await it.answer("/a", ("Range", "bytes=0-"))
        body = answered.reply.body
        assert await anext(body.chunks) == DATA[: 4 * SLICE]  # type: ignore[union-attr]
        await let_go(answered.reply)
        await it.settled()
        assert len(pulled(it)) == 1
        assert it.origin.open_now == 0
