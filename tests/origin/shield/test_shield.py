"""What viewers get from the shield: reuse, validation, staleness, sharing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cache import Outcome
from origin.http.reply import Stream
from origin.httpcache.policy import Policy
from origin.httpcache.reuse import Purged
from origin.shield.alone import Answered
from origin.upstream.origin_server import Trouble, UpstreamError
from tests.origin.shield.scenes import FRESH, Scene, read, scene
from tests.scripted_origin import Answer, Gate

DATA = bytes(range(256)) * 100


async def rest_of(answered: Answered) -> bytes:
    """What of a body has not been read yet."""
    assert isinstance(answered.reply.body, Stream)
    return b"".join([chunk async for chunk in answered.reply.body.chunks])


async def test_a_response_is_pulled_once_and_then_kept(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        etag = it.origin.put("/a", DATA, FRESH, ("Content-Type", "video/mp4"))
        first = await it.get("/a")
        it.clock.advance(9)
        second = await it.get("/a")
        assert (first.status, first.body, first.outcome) == (200, DATA, Outcome.MISS)
        assert first.cache == "fwd=uri-miss; fwd-status=200; ttl=60; stored"
        assert (second.status, second.body, second.outcome) == (200, DATA, Outcome.HIT)
        assert (second.cache, second.field("Age"), second.field("ETag")) == ("hit; ttl=51", "9", etag)
        assert second.field("Content-Type") == "video/mp4"
        assert len(it.origin.asked) == 1


async def test_what_is_kept_outlives_the_process(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH)
        await it.get("/a")
    async with scene(tmp_path) as it:
        assert (await it.get("/a")).body == DATA
        assert it.origin.asked == []


async def test_a_stale_response_is_validated(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        etag = it.origin.put("/a", DATA, FRESH)
        await it.get("/a")
        it.clock.advance(61)
        got = await it.get("/a")
        assert (got.body, got.outcome, got.field("Age")) == (DATA, Outcome.REVALIDATED, "0")
        assert got.cache == "fwd=stale; fwd-status=304; ttl=60; stored"
        assert ("If-None-Match", etag) in it.origin.asked[-1].fields
        it.clock.advance(59)
        assert (await it.get("/a")).outcome is Outcome.HIT


async def test_a_changed_response_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH)
        await it.get("/a")
        it.origin.put("/a", b"new", FRESH)
        it.clock.advance(61)
        assert ((await it.get("/a")).body, (await it.get("/a")).body) == (b"new", b"new")
        assert len(it.origin.asked) == 2


async def test_200_at_once_are_one_pull_and_the_first_bytes_come_early(tmp_path: Path) -> None:
    gate = Gate(1000)
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH, gate=gate)
        answers = await asyncio.gather(*(it.answer("/a") for _ in range(200)))
        assert sorted({one.outcome for one in answers}) == [Outcome.COLLAPSED, Outcome.MISS]
        firsts = [await anext(one.reply.body.chunks) for one in answers]  # type: ignore[union-attr]
        assert firsts == [DATA[:1000]] * 200
        late = await it.answer("/a")
        gate.opened.set()
        rests = await asyncio.gather(*(rest_of(one) for one in answers))
        assert rests == [DATA[1000:]] * 200
        assert await read(late.reply) == DATA
        await it.settled()
        assert len(it.origin.asked) == 1
        assert (await it.get("/a")).outcome is Outcome.HIT


@pytest.mark.parametrize("after", [None, 100])
async def test_who_began_a_pull_may_leave(tmp_path: Path, after: int | None) -> None:
    gate = Gate(after)
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH, gate=gate)
        first = asyncio.create_task(it.get_now("/a"))
        second = asyncio.create_task(it.get_now("/a"))
        await gate.reached.wait()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        gate.opened.set()
        assert (await second).body == DATA
        assert len(it.origin.asked) == 1
        await it.settled()


async def test_what_is_for_one_viewer_alone_is_pulled_for_each_and_nobody_waits(tmp_path: Path) -> None:
    gate = Gate(None)
    async with scene(tmp_path) as it:
        it.origin.put("/a", b"yours", ("Cache-Control", "private"))
        together = await asyncio.gather(*(it.get_now("/a") for _ in range(20)))
        assert [one.body for one in together] == [b"yours"] * 20
        assert {one.outcome for one in together} == {Outcome.BYPASS}
        assert len(it.origin.asked) == 20
        # For ten seconds nobody waits to learn it again.
        it.origin.put("/a", b"yours", ("Cache-Control", "private"), gate=gate)
        waiting = [asyncio.create_task(it.get_now("/a")) for _ in range(3)]
        await gate.reached.wait()
        while len(it.origin.asked) < 23:
            await asyncio.sleep(0)
        gate.opened.set()
        assert [one.body for one in await asyncio.gather(*waiting)] == [b"yours"] * 3
        it.origin.put("/a", b"all", FRESH)
        assert (await it.get("/a")).outcome is Outcome.BYPASS
        it.clock.advance(10)
        assert [(await it.get("/a")).outcome for _ in range(2)] == [Outcome.MISS, Outcome.HIT]


@pytest.mark.parametrize(
    ("fields", "is_kept"),
    [
        ((FRESH,), True),
        ((("Cache-Control", "no-store"),), False),
        ((("Cache-Control", "private, max-age=60"),), False),
        ((FRESH, ("Set-Cookie", "a=b")), True),
        ((("Set-Cookie", "a=b"), ("ETag", '"v"')), False),
        ((FRESH, ("Vary", "*")), False),
    ],
)
async def test_what_may_be_kept_is_kept(tmp_path: Path, fields: tuple[tuple[str, str], ...], is_kept: bool) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, *fields)
        assert [(await it.get("/a")).body for _ in range(2)] == [DATA, DATA]
        assert len(it.origin.asked) == (1 if is_kept else 2)


async def test_nobody_may_turn_the_sharing_off_for_others(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH)
        assert (await it.get("/a", ("Cache-Control", "no-store"))).outcome is Outcome.BYPASS
        assert (await it.get("/a", ("Authorization", "Basic x"))).outcome is Outcome.BYPASS
        assert [(await it.get("/a")).outcome for _ in range(2)] == [Outcome.MISS, Outcome.HIT]


async def test_an_authorized_request_does_not_share_what_is_not_marked_for_it(tmp_path: Path) -> None:
    gate = Gate(None)
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH, gate=gate)
        first = asyncio.create_task(it.get_now("/a"))
        await gate.reached.wait()
        second = asyncio.create_task(it.get_now("/a", ("Authorization", "Basic x")))
        await it.looked(2)
        gate.opened.set()
        assert ((await first).outcome, (await second).outcome) == (Outcome.MISS, Outcome.BYPASS)
        assert len(it.origin.asked) == 2
        await it.settled()


@pytest.mark.parametrize("value", ["public, max-age=60", "s-maxage=60", "must-revalidate, max-age=60"])
async def test_a_response_to_authorization_is_kept_where_it_says_so(tmp_path: Path, value: str) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, ("Cache-Control", value))
        outcomes = [(await it.get("/a", ("Authorization", "Basic x"))).outcome for _ in range(2)]
        assert outcomes == [Outcome.MISS, Outcome.HIT]


async def test_a_404_is_kept_for_a_second(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        got = [await it.get("/nothing") for _ in range(2)]
        assert [(one.status, one.body, one.outcome) for one in got] == [
            (404, b"nothing here", Outcome.MISS),
            (404, b"nothing here", Outcome.HIT),
        ]
        it.clock.advance(1)
        it.origin.put("/nothing", DATA, FRESH)
        assert (await it.get("/nothing")).body == DATA


@pytest.mark.parametrize(
    ("status", "body"), [(200, b""), (204, b""), (301, b"moved"), (300, b"choose"), (410, b"gone"), (203, b"near")]
)
async def test_other_answers_are_kept_too(tmp_path: Path, status: int, body: bytes) -> None:
    async with scene(tmp_path) as it:
        it.origin.answers["/a"] = Answer(status, (FRESH, ("Location", "/media/b")), body)
        got = [await it.get("/a") for _ in range(2)]
        assert [(one.status, one.body, one.outcome) for one in got] == [
            (status, body, Outcome.MISS),
            (status, body, Outcome.HIT),
        ]
        assert got[1].field("Location") == "/vod/b"


async def test_a_5xx_is_for_all_who_waited_and_not_kept(tmp_path: Path) -> None:
    gate = Gate(None)
    async with scene(tmp_path) as it:
        it.origin.answers["/a"] = Answer(503, (("Retry-After", "3"),), b"later", gate=gate)
        waiting = [asyncio.create_task(it.get_now("/a")) for _ in range(20)]
        await it.looked(20)
        gate.opened.set()
        got = await asyncio.gather(*waiting)
        assert {(one.status, one.body, one.field("Retry-After")) for one in got} == {(503, b"later", "3")}
        assert sorted({one.outcome for one in got}) == [Outcome.COLLAPSED, Outcome.MISS]
        assert len(it.origin.asked) == 1
        it.origin.answers.clear()
        it.origin.put("/a", DATA, FRESH)
        assert (await it.get("/a")).body == DATA


@pytest.mark.parametrize("first", [("Authorization", "Basic x"), ("Accept", "*/*")])
async def test_a_5xx_gives_nobody_what_is_anothers(tmp_path: Path, first: tuple[str, str]) -> None:
    gate = Gate(None)
    async with scene(tmp_path) as it:
        it.origin.answers["/a"] = Answer(500, (("Set-Cookie", "a=b"),), b"broken", gate=gate)
        mine = asyncio.create_task(it.get_now("/a", first))
        await gate.reached.wait()
        it.origin.answers["/a"] = Answer(500, (), b"broken for another")
        other = asyncio.create_task(it.get_now("/a"))
        await it.looked(2)
        gate.opened.set()
        assert ((await mine).body, (await mine).field("Set-Cookie")) == (b"broken", "a=b")
        is_secret = first[0] == "Authorization"
        assert (await other).body == (b"broken for another" if is_secret else b"broken")
        assert (await other).field("Set-Cookie") is None


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_5xx_is_whole_or_none(tmp_path: Path, is_chunked: bool) -> None:
    long = b"x" * 100_000
    async with scene(tmp_path) as it:
        it.origin.answers["/a"] = Answer(500, (), long, is_chunked=is_chunked)
        with pytest.raises(UpstreamError) as caught:
            await it.get("/a")
        assert caught.value.trouble is Trouble.TOO_LARGE
        it.origin.answers["/a"] = Answer(500, (), long[:60_000], is_chunked=is_chunked)
        assert (await it.get("/a")).body == long[:60_000]


async def test_an_upstream_that_is_away(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.down = Trouble.UNREACHABLE
        with pytest.raises(UpstreamError):
            await it.get("/a")
        it.origin.down = None
        it.origin.put("/a", DATA, FRESH)
        assert (await it.get("/a")).body == DATA


async def stale(it: Scene, *fields: tuple[str, str]) -> None:
    """Something kept that is not fresh any more."""
    it.origin.put("/a", DATA, *fields)
    await it.get("/a")
    it.clock.advance(61)


FAILURES = [500, 502, 503, 504, Trouble.UNREACHABLE, Trouble.TIMED_OUT]


def fail(it: Scene, how: int | Trouble) -> None:
    """From now on the upstream fails."""
    if isinstance(how, Trouble):
        it.origin.down = how
    else:
        it.origin.answers["/a"] = Answer(how, (), b"broken")


@pytest.mark.parametrize("how", FAILURES, ids=str)
async def test_a_stale_response_stands_in_for_an_upstream_that_fails(tmp_path: Path, how: int | Trouble) -> None:
    async with scene(tmp_path) as it:
        await stale(it, ("Cache-Control", "max-age=60, stale-if-error=60"))
        fail(it, how)
        got = [await it.get("/a") for _ in range(3)]
        assert {(one.status, one.body, one.outcome) for one in got} == {(200, DATA, Outcome.STALE_ERROR)}
        assert got[0].cache == "fwd=stale; ttl=-1; detail=source-failed"
        if not isinstance(how, Trouble):
            assert len(it.origin.asked) == 2  # and not once more for each viewer
        it.clock.advance(1)
        it.origin.down = None
        it.origin.answers.clear()
        assert (await it.get("/a")).outcome is Outcome.REVALIDATED


@pytest.mark.parametrize("how", FAILURES, ids=str)
async def test_nothing_stale_where_it_is_forbidden(tmp_path: Path, how: int | Trouble) -> None:
    async with scene(tmp_path) as it:
        await stale(it, ("Cache-Control", "max-age=60, stale-if-error=60, must-revalidate"))
        fail(it, how)
        if isinstance(how, Trouble):
            with pytest.raises(UpstreamError):
                await it.get("/a")
        else:
            assert ((await it.get("/a")).status, (await it.get("/a")).body) == (how, b"broken")


async def test_a_5xx_that_may_be_kept_does_not_push_out_what_may_stand_in_for_it(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await stale(it, ("Cache-Control", "max-age=60, stale-if-error=600"))
        it.origin.answers["/a"] = Answer(503, (FRESH,), b"broken")
        assert (await it.get("/a")).outcome is Outcome.STALE_ERROR
        it.clock.advance(10)
        assert (await it.get("/a")).body == DATA


async def test_a_head_falls_back_to_what_is_stale_too(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await stale(it, ("Cache-Control", "max-age=60, stale-if-error=60"))
        it.origin.down = Trouble.UNREACHABLE
        got = await it.get("/a", method="HEAD")
        assert (got.status, got.outcome) == (200, Outcome.STALE_ERROR)


async def test_a_stale_response_is_served_while_one_validation_goes_on(tmp_path: Path) -> None:
    gate = Gate(None)
    async with scene(tmp_path) as it:
        await stale(it, ("Cache-Control", "max-age=60, stale-while-revalidate=60"))
        it.origin.put("/a", b"new", FRESH, gate=gate)
        got = [await it.get_now("/a") for _ in range(5)]
        assert {(one.body, one.outcome) for one in got} == {(DATA, Outcome.STALE)}
        assert got[0].cache == "hit; ttl=-1; detail=revalidating"
        await gate.reached.wait()
        gate.opened.set()
        while len(it.origin.asked) == 2 and (await it.get_now("/a")).body != b"new":
            await it.settled()
        assert len(it.origin.asked) == 2
        await it.settled()


async def test_an_upstream_that_fails_behind_a_stale_response_is_asked_once_a_second(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await stale(it, ("Cache-Control", "max-age=60, stale-while-revalidate=60"))
        it.origin.answers["/a"] = Answer(503, body=b"later")
        for asked in (2, 3):
            for _ in range(5):
                assert (await it.get("/a")).outcome is Outcome.STALE
                await it.settled()
            assert len(it.origin.asked) == asked
            it.clock.now += 1


async def test_a_purged_response_is_not_used(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH)
        await it.get("/a")
        it.purges["/vod/a"] = Purged.SOFT
        assert (await it.get("/a")).outcome is Outcome.REVALIDATED
        it.purges["/vod/a"] = Purged.HARD
        it.origin.put("/a", b"new", FRESH)
        got = await it.get("/a")
        assert (got.body, got.cache) == (b"new", "fwd=miss; fwd-status=200; ttl=60; stored")


@pytest.mark.parametrize("status", [503, Trouble.UNREACHABLE], ids=str)
async def test_a_softly_purged_response_may_stand_in_and_a_hard_purged_one_may_not(
    tmp_path: Path, status: int | Trouble
) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, ("Cache-Control", "max-age=60, stale-if-error=60"))
        await it.get("/a")
        fail(it, status)
        it.purges["/vod/a"] = Purged.SOFT
        assert (await it.get("/a")).outcome is Outcome.STALE_ERROR
        it.purges["/vod/a"] = Purged.HARD
        if isinstance(status, Trouble):
            with pytest.raises(UpstreamError):
                await it.get("/a")
        else:
            assert (await it.get("/a")).body == b"broken"


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        ("no-cache", Outcome.REVALIDATED),
        ("max-age=0", Outcome.REVALIDATED),
        ("max-age=5", Outcome.REVALIDATED),
        ("max-age=50", Outcome.HIT),
        ("min-fresh=59", Outcome.REVALIDATED),
        ("only-if-cached", Outcome.HIT),
    ],
)
async def test_what_a_request_may_ask(tmp_path: Path, value: str, outcome: Outcome) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH)
        await it.get("/a")
        it.clock.advance(10)
        assert (await it.get("/a", ("Cache-Control", value))).outcome is outcome


async def test_only_if_cached_and_max_stale(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        assert (await it.get("/a", ("Cache-Control", "only-if-cached"))).status == 504
        await stale(it, FRESH)
        assert (await it.get("/a", ("Cache-Control", "only-if-cached"))).status == 504
        got = await it.get("/a", ("Cache-Control", "max-stale=5"))
        assert (got.outcome, got.cache) == (Outcome.STALE, "hit; ttl=-1")
        assert len(it.origin.asked) == 1


async def test_a_policy_may_not_listen_to_requests(tmp_path: Path) -> None:
    async with scene(tmp_path, policy=Policy(honour_request=False)) as it:
        it.origin.put("/a", DATA, FRESH)
        await it.get("/a")
        assert (await it.get("/a", ("Cache-Control", "no-cache"))).outcome is Outcome.HIT


async def test_warming_keeps_and_gives_to_nobody(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH)
        it.origin.put("/b", DATA, ("Cache-Control", "no-store"))
        for path in ("/a", "/a", "/b"):
            await it.shield.warm(it.asked(path), it.clock())
        await it.settled()
        assert (await it.get("/a")).outcome is Outcome.HIT
        assert it.origin.open_now == 0
