"""What a pull comes to: writes, what cannot be kept, and upstreams that lie or stop."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from cache import Outcome
from cache.disk.limits import DiskLimits
from origin.http.fields import combined
from origin.shield.bodies import BodyFailed
from origin.shield.landing import Landed
from origin.shield.recorder import Event
from origin.shield.wish import Wish
from origin.upstream.http_config import HttpOriginConfig
from origin.upstream.http_origin import HttpOrigin
from origin.upstream.origin_server import Outgoing, Trouble, UpstreamError
from tests.liar import End, Liar, response
from tests.origin.shield.scenes import FRESH, LIMITS, Scene, let_go, scene
from tests.origin.upstream.test_http_origin import LOOPBACK
from tests.scripted_origin import Answer, Gate

DATA = os.urandom(100_000)


async def test_a_write_is_passed_on_with_its_body_and_invalidates(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        for path in ("/a", "/b", "/c", "/d"):
            it.origin.put(path, DATA, FRESH)
            await it.get(path)
        it.clock.advance(1)
        fields = (("Location", "/media/b"), ("Content-Location", "https://origin.example/media/c"))
        it.origin.answers["/a"] = Answer(201, fields, b"made")
        got = await it.get("/a", ("Content-Type", "text/x"), ("If-Match", '"v"'), method="PUT", body=b"new content")
        assert (got.status, got.body, got.outcome) == (201, b"made", Outcome.BYPASS)
        assert got.cache == "fwd=method; fwd-status=201; detail=passed_on"
        assert (got.field("Location"), got.field("Content-Location")) == ("/vod/b", "/vod/c")
        sent = it.origin.asked[-1]
        assert (sent.method, sent.body) == ("PUT", b"new content")
        assert (combined(sent.fields, "Content-Type"), combined(sent.fields, "If-Match")) == ("text/x", '"v"')
        del it.origin.answers["/a"]
        it.clock.advance(1)
        outcomes = [(await it.get(path)).outcome for path in ("/a", "/b", "/c", "/d")]
        assert outcomes == [Outcome.MISS, Outcome.MISS, Outcome.MISS, Outcome.HIT]
        assert it.tally.events[Event.INVALIDATED] == 3


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (404, ()),
        (500, ()),
        (403, (("Location", "/media/a"),)),
    ],
)
async def test_a_write_that_failed_invalidates_nothing(
    tmp_path: Path, status: int, fields: tuple[tuple[str, str], ...]
) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH)
        await it.get("/a")
        it.origin.answers["/a"] = Answer(status, fields)
        assert (await it.get("/a", method="DELETE")).status == status
        assert (await it.get("/a")).outcome is Outcome.HIT


async def test_a_write_reaches_nothing_beyond_the_upstream(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/b", DATA, FRESH)
        await it.get("/b")
        for place in ("https://other.example/media/b", "/other/b", "//other.example/media/b"):
            it.origin.answers["/a"] = Answer(201, (("Location", place),))
            assert (await it.get("/a", method="POST")).field("Location") == place
        assert (await it.get("/b")).outcome is Outcome.HIT


async def test_the_answer_to_a_post_is_kept_where_it_says_that_it_is_that_to_a_get(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        fields = (FRESH, ("Content-Location", "/a"), ("Connection", "x-hop"), ("X-Hop", "1"))
        it.origin.answers["/a"] = Answer(200, fields, DATA)
        posted = await it.get("/a", method="POST", body=b"x")
        assert (posted.body, posted.cache) == (DATA, "fwd=method; fwd-status=200; stored")
        got = await it.get("/a")
        assert (got.body, got.outcome, got.field("X-Hop")) == (DATA, Outcome.HIT, None)
        assert [one.method for one in it.origin.asked] == ["POST"]


async def test_the_answer_to_a_post_is_not_kept_otherwise(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        for fields in ((FRESH,), (FRESH, ("Content-Location", "/b")), (("Content-Location", "/a"),)):
            it.origin.answers["/a"] = Answer(200, fields, DATA)
            assert (await it.get("/a", method="POST")).body == DATA
        await it.get("/a")
        assert [one.method for one in it.origin.asked] == ["POST"] * 3 + ["GET"]


async def test_a_write_fails_as_a_read_does(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH)
        await it.get("/a")
        it.origin.down = Trouble.TIMED_OUT
        with pytest.raises(UpstreamError):
            await it.get("/a", method="POST")
        assert (await it.get("/a")).outcome is Outcome.HIT


NO_ROOM = replace(LIMITS, max_bytes=0, memory_fill_bytes=0)
IN_MEMORY = replace(LIMITS, max_bytes=0)


@pytest.mark.parametrize("limits", [NO_ROOM, IN_MEMORY, replace(LIMITS, max_object_bytes=1000)])
@pytest.mark.parametrize("is_chunked", [False, True])
async def test_what_finds_no_room_is_served_all_the_same(tmp_path: Path, limits: DiskLimits, is_chunked: bool) -> None:
    async with scene(tmp_path, limits=limits) as it:
        it.origin.answers["/a"] = Answer(200, (FRESH, ("ETag", '"v"')), DATA, is_chunked=is_chunked)
        for _ in range(2):
            got = await asyncio.gather(*(it.get_now("/a") for _ in range(3)))
            assert [one.body for one in got] == [DATA] * 3
            await it.settled()


async def test_what_is_too_large_is_passed_through(tmp_path: Path) -> None:
    async with scene(tmp_path, largest=1000) as it:
        it.origin.put("/a", DATA, FRESH)
        got = await asyncio.gather(*(it.get_now("/a") for _ in range(3)))
        assert {(one.body, one.outcome) for one in got} == {(DATA, Outcome.BYPASS)}
        it.origin.put("/b", DATA[:1000], FRESH)
        assert [(await it.get("/b")).outcome for _ in range(2)] == [Outcome.MISS, Outcome.HIT]


@pytest.mark.parametrize("path", ["/kept", "/new"])
async def test_a_cache_that_is_closed_is_an_empty_one(
    tmp_path: Path, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/kept", DATA, FRESH)
        it.origin.put("/new", DATA, FRESH)
        await it.get("/kept")
        await it.store.close()
        with caplog.at_level(logging.CRITICAL):
            got = await it.get(path)
        assert got.body == DATA
        it.origin.answers[path] = Answer(204)
        assert (await it.get(path, method="DELETE")).status == 204
        assert (await it.get(path, method="HEAD")).status in {200, 204}


async def test_a_body_that_is_gone_from_the_disk_is_pulled_again(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH)
        await it.get("/a")
    for path in (tmp_path / "cache" / "bodies").glob("*/*"):
        path.unlink()
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH)
        assert (await it.get("/a")).body == DATA


async def test_a_body_that_was_cut_short_on_the_disk_is_never_taken_for_whole(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH)
        await it.get("/a")
        for path in (tmp_path / "cache" / "bodies").glob("*/*"):
            os.truncate(path, 5000)
        with pytest.raises(BodyFailed):
            await it.get("/a")
        while True:  # until the store has got rid of it
            with suppress(BodyFailed):
                assert (await it.get("/a")).body == DATA
                break


BREAKS = [Trouble.TRUNCATED, Trouble.OVERLONG, Trouble.TIMED_OUT, Trouble.MALFORMED, Trouble.TOO_LARGE]


@pytest.mark.parametrize("trouble", BREAKS)
@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_body_that_breaks_is_seen_broken_by_all_and_kept_by_nobody(
    tmp_path: Path, trouble: Trouble, is_chunked: bool
) -> None:
    gate = Gate(1000)
    async with scene(tmp_path) as it:
        it.origin.answers["/a"] = Answer(200, (FRESH,), DATA, is_chunked, gate, trouble)
        broken = await asyncio.gather(*(it.get_now("/a") for _ in range(5)), return_exceptions=True)
        assert [type(one) for one in broken] == [BodyFailed] * 5
        it.origin.answers.clear()
        it.origin.put("/a", DATA, FRESH)
        assert (await it.get("/a")).body == DATA


async def test_an_unsolicited_304_is_no_answer_to_anybody(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH, ("ETag", '"v"'))
        await it.get("/a")
        it.clock.advance(61)
        other = Answer(304, (("ETag", '"other"'), FRESH))

        def answer(request: Outgoing) -> Answer:
            is_conditional = combined(request.fields, "If-None-Match") is not None
            return other if is_conditional else Answer(200, (FRESH, ("ETag", '"other"')), b"other")

        it.origin.answers["/a"] = answer
        assert (await it.get("/a")).body == b"other"
        assert it.origin.open_now == 0


async def test_a_304_may_forbid_what_its_200_allowed(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH, ("ETag", '"v"'))
        await it.get("/a")
        it.clock.advance(61)
        it.origin.answers["/a"] = Answer(304, (("ETag", '"v"'), ("Cache-Control", "no-store")))
        assert (await it.get("/a")).body == DATA
        it.origin.answers.clear()
        assert (await it.get("/a")).outcome is Outcome.MISS


async def test_a_304_that_makes_a_response_private_is_for_one_viewer(tmp_path: Path) -> None:
    gate = Gate(None)
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH, ("ETag", '"v"'))
        await it.get("/a")
        it.clock.advance(61)
        it.origin.answers["/a"] = Answer(304, (("ETag", '"v"'), ("Cache-Control", "private")), gate=gate)
        first = asyncio.create_task(it.get_now("/a"))
        await gate.reached.wait()
        second = asyncio.create_task(it.get_now("/a"))
        for _ in range(5):
            await asyncio.sleep(0)
        it.origin.answers["/a"] = Answer(200, (("Cache-Control", "private"),), b"another's own")
        gate.opened.set()
        assert ((await first).body, (await second).body) == (DATA, b"another's own")


async def test_a_304_is_no_head_for_a_body_that_came_meanwhile(tmp_path: Path) -> None:
    gate = Gate(None)
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH, ("ETag", '"v1"'))
        await it.get("/a")
        it.clock.advance(61)
        late = Answer(304, (("ETag", '"v1"'), FRESH), gate=gate)
        it.origin.answers["/a"] = lambda request: (
            late if combined(request.fields, "Range") is None else Answer(200, (FRESH, ("ETag", '"v2"')), b"second")
        )
        validating = asyncio.create_task(it.get_now("/a"))
        await gate.reached.wait()
        # Meanwhile another version comes by another way.
        landing, _ = await it.pulls.join(it.asked("/a"), Wish((("Range", "bytes=0-1"),)))
        assert isinstance(landing, Landed)
        await it.settled()
        gate.opened.set()
        await validating
        got = await it.get("/a")
        assert (got.field("ETag"), got.body) == ('"v2"', b"second")


@pytest.mark.parametrize("after", [None, 0, 1000])
async def test_closing_ends_everything(tmp_path: Path, after: int | None) -> None:
    gate = Gate(after)
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH, gate=gate)
        waiting = asyncio.create_task(it.get_now("/a"))
        await gate.reached.wait()
        await it.pulls.close()
        assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], Exception)
        assert it.origin.open_now == 0


async def test_closing_as_a_body_begins(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH, gate=Gate(10))
        landing, _ = await it.pulls.join(it.asked("/a"), Wish())
        assert isinstance(landing, Landed)
        await it.pulls.close()
        assert it.origin.open_now == 0


async def test_an_odd_part_is_passed_on_and_not_kept(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        odd = (FRESH, ("ETag", '"v"'), ("Content-Range", "bytes 0-9/*"))
        it.origin.answers["/a"] = Answer(206, odd, DATA[:10])
        got = await it.get("/a", ("Range", "bytes=0-9"))
        assert (got.status, got.body, got.outcome) == (206, DATA[:10], Outcome.BYPASS)
        it.origin.answers.clear()
        it.origin.put("/a", DATA, FRESH)
        assert (await it.get("/a", ("Range", "bytes=0-9"))).outcome is Outcome.MISS


async def went_away(it: Scene, after: int) -> None:
    """A viewer who is gone after so many pieces."""
    answered = await it.answer("/a")
    chunks = answered.reply.body.chunks  # type: ignore[union-attr]
    for _ in range(after):
        await anext(chunks)
    await let_go(answered.reply)


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("field", [FRESH, ("Cache-Control", "private")])
async def test_a_viewer_who_goes_away(tmp_path: Path, after: int, field: tuple[str, str]) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, field)
        await went_away(it, after)
        await it.settled()
        assert it.origin.open_now == 0
        assert (await it.get("/a")).body == DATA


async def test_a_real_upstream_that_lies(tmp_path: Path) -> None:
    async with Liar() as liar:
        upstream = HttpOrigin(HttpOriginConfig((liar.url,), private_networks=LOOPBACK, retries=0))
        async with scene(tmp_path, upstream=upstream) as it:
            whole = response(DATA, "Cache-Control: max-age=60", 'ETag: "v"')
            short = response(DATA[:5000], "Cache-Control: max-age=60", 'ETag: "v"', length=len(DATA))
            wrong = response(DATA[:10], "Content-Range: bytes 5-14/100000", status="206 Partial Content")
            liar.says((short, End.CLOSE), (short, End.RESET), (wrong,), (whole,))
            for _ in range(2):
                with pytest.raises(BodyFailed):
                    await it.get_now("/a")
            with pytest.raises(UpstreamError):
                await it.get_now("/a", ("Range", "bytes=0-9"))
            answers = await asyncio.gather(*(it.get_now("/a") for _ in range(50)))
            assert {one.body for one in answers} == {DATA}
            assert len(liar.requests) == 4
        await upstream.close()
