"""Replies from what is kept or arrives: ranges, conditions, HEAD, and what is passed on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cache import Outcome
from origin.http.caching import CacheStatus
from origin.http.reply import Empty
from origin.shield.answering import with_status
from origin.shield.bodies import BodyFailed
from origin.upstream.origin_server import Trouble
from tests.contracts.descriptors import descriptors_below
from tests.origin.shield.scenes import FRESH, SLICE, Scene, let_go, scene
from tests.scripted_origin import Answer, Gate

DATA = bytes(index * 7 % 251 for index in range(5 * SLICE + 100))
SIZE = len(DATA)
DATED = ("Last-Modified", "Fri, 01 Jan 2027 00:00:00 GMT")


def test_the_status_stands_behind_those_of_caches_further_up() -> None:
    fields = (("cache-status", "Far; hit"), ("A", "b"), ("Cache-Status", "Near; fwd=miss"))
    assert with_status(fields, CacheStatus("Headgate")) == (
        ("A", "b"),
        ("Cache-Status", "Far; hit, Near; fwd=miss, Headgate; hit"),
    )


# What is there when the range is asked for.
STATES = ["nothing", "part", "whole", "arriving"]


async def prepared(it: Scene, state: str, *fields: tuple[str, str]) -> None:
    """An object of which so much is kept."""
    gate = Gate(SLICE) if state == "arriving" else None
    it.origin.put("/a", DATA, FRESH, *fields, gate=gate)
    match state:
        case "part":
            await it.get("/a", ("Range", f"bytes={SLICE}-{SLICE + 9}"))
        case "whole":
            await it.get("/a")
        case "arriving":
            assert gate is not None
            answered = await it.answer("/a")
            await gate.reached.wait()
            asyncio.get_running_loop().call_later(0.01, gate.opened.set)
            await let_go(answered.reply)


RANGES = [
    ("bytes=0-0", 0, 1),
    ("bytes=10-19", 10, 20),
    (f"bytes={SLICE - 5}-{SLICE + 4}", SLICE - 5, SLICE + 5),
    (f"bytes={SLICE}-{SLICE + 9}", SLICE, SLICE + 10),
    ("bytes=100-", 100, SIZE),
    ("bytes=0-", 0, SIZE),
    (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
    ("bytes=-1", SIZE - 1, SIZE),
    (f"bytes=-{SLICE + 1}", SIZE - SLICE - 1, SIZE),
    (f"bytes=-{SIZE * 2}", 0, SIZE),
    (f"bytes=10-{SIZE * 3}", 10, SIZE),
]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("value", "start", "stop"), RANGES)
async def test_a_range(tmp_path: Path, state: str, value: str, start: int, stop: int) -> None:
    async with scene(tmp_path) as it:
        await prepared(it, state)
        got = await it.get("/a", ("Range", value))
        assert got.status == 206
        assert got.field("Content-Range") == f"bytes {start}-{stop - 1}/{SIZE}"
        assert got.body == DATA[start:stop]


@pytest.mark.parametrize("state", STATES)
async def test_several_ranges(tmp_path: Path, state: str) -> None:
    async with scene(tmp_path) as it:
        await prepared(it, state)
        got = await it.get("/a", ("Range", f"bytes=0-9,{3 * SLICE}-{3 * SLICE + 9}"))
        assert got.status == 206
        assert (got.field("Content-Type") or "").startswith("multipart/byteranges")
        assert DATA[:10] in got.body
        assert DATA[3 * SLICE : 3 * SLICE + 10] in got.body


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("value", [f"bytes={SIZE}-", f"bytes={10 * SIZE}-{10 * SIZE + 1}", "bytes=-0"])
async def test_a_range_beyond_the_end(tmp_path: Path, state: str, value: str) -> None:
    async with scene(tmp_path) as it:
        await prepared(it, state)
        got = await it.get("/a", ("Range", value))
        assert (got.status, got.field("Content-Range")) == (416, f"bytes */{SIZE}")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("value", ["bytes=9-3", "chunks=1-2", "bytes=a-b"])
async def test_a_range_that_is_none_gets_all(tmp_path: Path, state: str, value: str) -> None:
    async with scene(tmp_path) as it:
        await prepared(it, state)
        got = await it.get("/a", ("Range", value))
        assert (got.status, got.body) == (200, DATA)


@pytest.mark.parametrize("state", STATES)
async def test_if_range(tmp_path: Path, state: str) -> None:
    async with scene(tmp_path) as it:
        await prepared(it, state, ("ETag", '"v"'))
        wanted = ("Range", "bytes=5-9")
        got = await it.get("/a", wanted, ("If-Range", '"v"'))
        assert (got.status, got.body) == (206, DATA[5:10])
        got = await it.get("/a", wanted, ("If-Range", '"other"'))
        assert (got.status, got.body) == (200, DATA)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("validator", [(), (DATED,), (("ETag", 'W/"w"'),)])
async def test_ranges_of_what_has_no_strong_validator_are_never_put_together(
    tmp_path: Path, state: str, validator: tuple[tuple[str, str], ...]
) -> None:
    async with scene(tmp_path) as it:
        await prepared(it, state, ("ETag", ""), *validator)
        for fields, expected in (
            ((("Range", f"bytes={SLICE}-{SLICE + 9}"),), DATA[SLICE : SLICE + 10]),
            ((("Range", "bytes=5-9"), ("If-Range", '"other"')), DATA),
            ((("Range", f"bytes={SLICE - 1}-{4 * SLICE}"),), DATA[SLICE - 1 : 4 * SLICE + 1]),
            ((), DATA),
        ):
            got = await it.get("/a", *fields)
            assert got.body == expected
            it.clock.advance(61)
            assert (await it.get("/a", *fields)).body == expected


@pytest.mark.parametrize("state", STATES)
async def test_conditions_are_judged_here(tmp_path: Path, state: str) -> None:
    async with scene(tmp_path) as it:
        await prepared(it, state, ("ETag", '"v"'), DATED)
        for field, status in (
            (("If-None-Match", '"v"'), 304),
            (("If-None-Match", '"x"'), 200),
            (("If-Match", '"x"'), 412),
            (("If-Match", '"v"'), 200),
            (("If-Modified-Since", DATED[1]), 304),
            (("If-Unmodified-Since", "Thu, 31 Dec 2026 00:00:00 GMT"), 412),
        ):
            got = await it.get("/a", field)
            assert got.status == status
            assert got.body == (DATA if status == 200 else got.body)
        assert not any(name.startswith("If-") for one in it.origin.asked[:1] for name, _ in one.fields)


@pytest.mark.parametrize("state", STATES)
async def test_a_head_has_the_fields_of_a_get(tmp_path: Path, state: str) -> None:
    async with scene(tmp_path) as it:
        await prepared(it, state, ("ETag", '"v"'), ("Content-Type", "video/mp4"))
        answered = await it.answer("/a", ("Range", "bytes=0-1"), method="HEAD")
        fields = dict(answered.reply.headers)
        assert answered.reply.status == 200
        assert answered.reply.body == Empty(SIZE)
        assert (fields["ETag"], fields["Content-Type"]) == ('"v"', "video/mp4")
        is_new = state == "nothing"
        assert answered.outcome is (Outcome.BYPASS if is_new else Outcome.HIT)
        assert [one.method for one in it.origin.asked] == (["HEAD"] if is_new else ["GET"])
        await it.settled()


async def test_a_head_freshens_what_is_kept(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH, ("ETag", '"v"'), ("X-Run", "1"))
        await it.get("/a")
        it.clock.advance(61)
        it.origin.put("/a", DATA, FRESH, ("ETag", '"v"'), ("X-Run", "2"))
        await it.get("/a", method="HEAD")
        got = await it.get("/a")
        assert (got.outcome, got.field("X-Run"), got.body) == (Outcome.HIT, "2", DATA)


async def test_a_head_that_tells_of_something_else_freshens_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH, ("ETag", '"v"'))
        await it.get("/a")
        it.clock.advance(61)
        it.origin.put("/a", b"new", FRESH, ("ETag", '"w"'))
        await it.get("/a", method="HEAD")
        assert (await it.get("/a")).body == b"new"


async def test_the_length_of_an_unknown_body_is_not_made_up(tmp_path: Path) -> None:
    gate = Gate(100)
    async with scene(tmp_path) as it:
        it.origin.answers["/a"] = Answer(200, (FRESH,), DATA, is_chunked=True, gate=gate)
        first = await it.answer("/a", ("Range", "bytes=5-9"))
        assert first.reply.status == 200
        head = await it.answer("/a", method="HEAD")
        assert head.reply.body == Empty(None)
        gate.opened.set()
        assert (await it.get("/a")).body == DATA
        await let_go(first.reply)
        got = await it.get("/a", ("Range", "bytes=5-9"))
        assert (got.status, got.body) == (206, DATA[5:10])


async def test_an_unknown_body_that_breaks_is_not_kept(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.answers["/a"] = Answer(200, (FRESH,), DATA, is_chunked=True, gate=Gate(100), breaks=Trouble.TRUNCATED)
        with pytest.raises(BodyFailed):
            await it.get("/a")
        it.origin.answers.clear()
        it.origin.put("/a", DATA, FRESH)
        assert (await it.get("/a")).body == DATA


@pytest.mark.parametrize("status", [204, 304])
async def test_no_length_where_there_is_none(tmp_path: Path, status: int) -> None:
    async with scene(tmp_path) as it:
        it.origin.answers["/a"] = Answer(status, (FRESH, ("ETag", '"v"')))
        for _ in range(2):
            answered = await it.answer("/a", ("If-None-Match", '"v"'), method="GET")
            assert answered.reply.status == status
            assert answered.reply.body == Empty(None)


async def test_what_is_passed_on_keeps_its_fields(tmp_path: Path) -> None:
    fields = (
        ("Cache-Control", 'private="x-own", no-cache="x-too"'),
        ("X-Own", "1"),
        ("X-Too", "2"),
        ("Keep-Alive", "5"),
    )
    async with scene(tmp_path) as it:
        it.origin.answers["/a"] = Answer(200, fields, DATA)
        for method in ("HEAD", "GET"):
            got = await it.get("/a", method=method)
            assert (got.field("X-Own"), got.field("X-Too"), got.field("Keep-Alive")) == ("1", "2", None)


async def test_fields_for_the_first_viewer_alone_are_not_kept(tmp_path: Path) -> None:
    fields = (("Cache-Control", 'max-age=60, no-cache="set-cookie"'), ("Set-Cookie", "a=b"), ("ETag", '"v"'))
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, *fields)
        assert [(await it.get("/a")).field("Set-Cookie") for _ in range(2)] == ["a=b", None]


async def test_nothing_is_left_open(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await prepared(it, "whole")
        await prepared(it, "part")
        bodies = tmp_path / "cache" / "bodies"
        before = len(descriptors_below(bodies))
        for fields in ((), (("Range", "bytes=0-9"),), (("If-None-Match", '"x"'),), (("Range", "bytes=0-1,90-99"),)):
            for method in ("GET", "HEAD"):
                await let_go((await it.answer("/a", *fields, method=method)).reply)
        assert len(descriptors_below(bodies)) <= max(before, 1)
