"""What every `OriginServer` owes whoever pulls from it, as a test class.

A module of tests inherits `OriginServerContract` and gives it a `stage` fixture: an origin server of its own for each
test, closed after it, and the hands to move what stands behind it. That is

- `put`: an object that is answered whole, in ranges (206, 416) and conditionally (304), with a strong ETag;
- `cut` and `hold`: one whose every answer has a right header block for all of it and stops after some bytes of its
  body, by the end of the connection or by silence (longer than the test lasts, so idle time-outs are to be long).
  A scripted server (`tests/liar.py`) in the place of the real one, or a relay in front of it, does that;
- `held`: on how many connections such a silence lasts, as the far side sees it;
- `vanish`: from now on nothing listens there.

Time-outs for connecting may be short; nothing here waits for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest

from origin.http.fields import Fields, combined
from origin.upstream.origin_server import Incoming, OriginServer, Outgoing, Trouble, UpstreamError
from tests.contracts.descriptors import eventually

DATA = bytes(range(256)) * 2_000  # half a megabyte: more than any buffer on the way gives out as one piece


@dataclass(frozen=True, slots=True)
class Stage:
    """An origin server, and what stands behind it. Targets are those of `Outgoing`."""

    server: OriginServer
    put: Callable[[str, bytes], Awaitable[None]]  # (target, content)
    cut: Callable[[str, bytes, int], Awaitable[None]]  # (target, content, bytes that are sent)
    hold: Callable[[str, bytes, int], Awaitable[None]]
    held: Callable[[], int]
    vanish: Callable[[], Awaitable[None]]

    async def get(self, target: str, fields: Fields = (), method: str = "GET") -> tuple[Incoming, bytes]:
        """An answer and its whole body; its connection is given back."""
        incoming = await self.server.fetch(Outgoing(method, target, fields))
        try:
            return incoming, await whole(incoming)
        finally:
            await incoming.close()


async def whole(incoming: Incoming) -> bytes:
    """All of the body; no piece may be empty."""
    got = bytearray()
    await _gather(incoming, got)
    return bytes(got)


async def _gather(incoming: Incoming, got: bytearray) -> None:
    async for piece in incoming.chunks():
        assert piece
        got += piece


# What is no place below an upstream, whatever the upstream is.
NO_TARGETS = [
    "",
    "a",
    "*",
    "//other.example/a",
    "///a",
    "http://other.example/a",
    "other.example:80",
    "/..",
    "/../a",
    "/a/../b",
    "/a/..",
    "/a/../../../etc/passwd",
    "/a/%2e%2e/b",
    "/a/.%2E/b",
    "/a%2f..%2fb",
    "/a%2F%2e%2e",
    "/a/..%5cb",
    "/./a",
    "/a/%2e",
    "/a\\b",
    "/\\other.example/a",
    "/a b",
    "/a\tb",
    "/a\r\nx: y",
    "/a\n",
    "/a\0",
    "/a%00b",
    "/a%0d%0ab",
    "/a#b",
    "/ü",
    "/\ud800",
    "/a%",
    "/a%2",
    "/a%zz",
    "/a?b c",
    "/a?b\r\nx: y",
    "/a?b#c",
]


class OriginServerContract:
    """Inherit it as `Test…` and define `stage`."""

    @pytest.fixture
    async def stage(self) -> Stage:
        raise NotImplementedError

    @pytest.mark.parametrize("size", [0, 1, 65_536, len(DATA)])
    async def test_a_body_comes_whole(self, stage: Stage, size: int) -> None:
        await stage.put("/film/1.m4s", DATA[:size])
        incoming, body = await stage.get("/film/1.m4s")
        assert (incoming.status, incoming.length, len(body)) == (200, size, size)
        assert body == DATA[:size]
        assert combined(incoming.fields, "content-length") == str(size)

    @pytest.mark.parametrize("target", ["/a%20b", "/%C3%BC/%E6%97%A5.m4s", "/a+b", "/a%2Bb", "/x;y=1,2/~z'(!)*"])
    async def test_names_are_those_of_the_target(self, stage: Stage, target: str) -> None:
        await stage.put(target, target.encode())
        incoming, body = await stage.get(target)
        assert (incoming.status, body) == (200, target.encode())

    async def test_what_is_not_there_is_an_answer(self, stage: Stage) -> None:
        incoming, _ = await stage.get("/nothing.m4s")
        assert incoming.status == 404

    async def test_head_has_the_length_and_no_body(self, stage: Stage) -> None:
        await stage.put("/a", DATA)
        incoming, body = await stage.get("/a", method="HEAD")
        assert (incoming.status, body) == (200, b"")
        assert combined(incoming.fields, "content-length") == str(len(DATA))

    @pytest.mark.parametrize(
        ("asked", "first", "last"),
        [("bytes=0-0", 0, 0), ("bytes=3-6", 3, 6), ("bytes=70000-", 70_000, len(DATA) - 1)],
    )
    async def test_a_range_comes_as_asked(self, stage: Stage, asked: str, first: int, last: int) -> None:
        await stage.put("/a", DATA)
        incoming, body = await stage.get("/a", (("Range", asked),))
        assert (incoming.status, incoming.length) == (206, last - first + 1)
        assert combined(incoming.fields, "content-range") == f"bytes {first}-{last}/{len(DATA)}"
        assert body == DATA[first : last + 1]

    async def test_a_range_beyond_the_end_is_an_answer(self, stage: Stage) -> None:
        await stage.put("/a", b"0123456789")
        incoming, _ = await stage.get("/a", (("Range", "bytes=10-11"),))
        assert incoming.status == 416

    async def test_a_version_that_is_known_is_not_sent_again(self, stage: Stage) -> None:
        await stage.put("/a", b"first")
        etag = combined((await stage.get("/a"))[0].fields, "etag")
        assert etag is not None
        assert not etag.startswith("W/")
        incoming, body = await stage.get("/a", (("If-None-Match", etag),))
        assert (incoming.status, body) == (304, b"")
        await stage.put("/a", b"other!")
        incoming, body = await stage.get("/a", (("If-None-Match", etag),))
        assert (incoming.status, body) == (200, b"other!")

    async def test_fetches_do_not_disturb_each_other(self, stage: Stage) -> None:
        names = [f"/{number}" for number in range(8)]
        for number, name in enumerate(names):
            await stage.put(name, bytes([number]) * 100_000)
        answers = await asyncio.gather(*(stage.get(name) for name in names * 3))
        assert [body for _, body in answers] == [bytes([number]) * 100_000 for number in range(8)] * 3

    async def test_a_body_that_is_cut_off_is_an_error(self, stage: Stage) -> None:
        await stage.cut("/a", DATA, 100_000)
        incoming = await stage.server.fetch(Outgoing("GET", "/a"))
        got = bytearray()
        with pytest.raises(UpstreamError) as caught:
            await _gather(incoming, got)
        await incoming.close()
        assert caught.value.trouble is Trouble.TRUNCATED
        assert len(got) <= 100_000
        assert DATA.startswith(got)

    async def test_an_answer_may_be_let_go_at_any_time(self, stage: Stage) -> None:
        await stage.put("/a", DATA)
        for pieces in (0, 1):
            incoming = await stage.server.fetch(Outgoing("GET", "/a"))
            chunks = incoming.chunks()
            for _ in range(pieces):
                assert DATA.startswith(await anext(chunks))
            for _ in range(3):
                await incoming.close()
        incoming, body = await stage.get("/a")
        await incoming.close()
        assert body == DATA

    async def test_letting_go_lets_the_far_side_go(self, stage: Stage) -> None:
        await stage.hold("/a", DATA, 10)
        incoming = await stage.server.fetch(Outgoing("GET", "/a"))
        await eventually(lambda: stage.held() == 1)
        await incoming.close()
        await eventually(lambda: stage.held() == 0)

    async def test_who_is_cancelled_lets_the_far_side_go(self, stage: Stage) -> None:
        await stage.hold("/a", DATA, 10)
        reading = asyncio.create_task(stage.get("/a"))
        await eventually(lambda: stage.held() == 1)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await eventually(lambda: stage.held() == 0)

    async def test_closing_ends_what_is_under_way(self, stage: Stage) -> None:
        await stage.hold("/a", DATA, 10)
        reading = asyncio.create_task(stage.get("/a"))
        await eventually(lambda: stage.held() == 1)
        for _ in range(3):
            await stage.server.close()
        with suppress(UpstreamError):
            await asyncio.wait_for(reading, 30)
            pytest.fail("half a body was given out as a whole one")
        await eventually(lambda: stage.held() == 0)

    async def test_after_closing_nothing_is_fetched(self, stage: Stage) -> None:
        await stage.put("/a", b"x")
        await stage.server.close()
        for work in (stage.server.fetch(Outgoing("GET", "/a")), stage.server.probe()):
            with pytest.raises(UpstreamError) as caught:
                await work
            assert caught.value.trouble is Trouble.UNREACHABLE

    async def test_a_server_that_is_gone(self, stage: Stage) -> None:
        await stage.server.probe()
        await stage.vanish()
        for work in (stage.server.fetch(Outgoing("GET", "/a")), stage.server.probe()):
            with pytest.raises(UpstreamError) as caught:
                await work
            assert caught.value.trouble is Trouble.UNREACHABLE

    @pytest.mark.parametrize("target", NO_TARGETS, ids=ascii)
    async def test_what_is_no_target_goes_nowhere(self, stage: Stage, target: str) -> None:
        with pytest.raises(UpstreamError) as caught:
            await stage.server.fetch(Outgoing("GET", target))
        assert caught.value.trouble is Trouble.BAD_TARGET
        assert target not in str(caught.value) or len(target) < 3
