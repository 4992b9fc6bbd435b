"""Bytes, wherever they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from origin.http.reply import Bytes, Empty, FileSlice, Stream
from origin.http.spans import ByteSpan
from origin.shield.bodies import BodyFailed, KeptBody, Shape, chunks_between, let_go, passing
from origin.shield.shelf import Found
from origin.upstream.origin_server import Outgoing, Trouble
from tests.cache.disk.stores import opened, put
from tests.clock import Clock
from tests.origin.shield.scenes import FRESH, scene
from tests.scripted_origin import Answer, Gate, ScriptedOrigin

DATA = bytes(range(256)) * 4000


async def test_a_large_body_comes_in_pieces(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.origin.put("/a", DATA, FRESH)
        await it.get("/a")

        async def locate(_position: int, _stop: int | None) -> Found:
            found = await it.shelf.find(it.asked("/a"))
            assert found is not None
            return found

        for start, stop in ((0, len(DATA)), (5, 6), (100, 700_000)):
            pieces = [piece async for piece in chunks_between(start, stop, locate)]
            assert b"".join(pieces) == DATA[start:stop]
            assert max(map(len, pieces)) <= 256 * 1024
        with pytest.raises(BodyFailed):
            _ = [piece async for piece in chunks_between(0, len(DATA) + 1, locate)]


async def test_a_kept_body_is_content(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path, clock) as store:
        await put(store, "a", b"0123456789")
        held = await store.get("a")
        assert held is not None
        body = KeptBody(held, 10)
        assert (body.size, body.is_unchanged(), body.fileno() is not None) == (10, True, True)
        assert await body.read(ByteSpan(2, 3)) == b"234"
        await let_go(FileSlice(body, ByteSpan(0, 10)))
        body.release()
        with pytest.raises(ValueError, match="released"):
            body.fileno()


async def test_a_shape_has_no_bytes() -> None:
    shape = Shape(9)
    assert (shape.size, shape.fileno(), shape.is_unchanged()) == (9, None, True)  # type: ignore[func-returns-value]
    shape.release()
    with pytest.raises(BodyFailed):
        await shape.read(ByteSpan(0, 1))


async def test_what_is_not_sent_is_given_back() -> None:
    ends: list[str] = []

    async def chunks() -> AsyncIterator[bytes]:
        try:
            yield b"a"
            yield b"b"
        finally:
            ends.append("chunks")

    async def close() -> None:
        ends.append("close")

    begun = chunks()
    await anext(begun)
    await let_go(Stream(begun, 2, close))
    assert ends == ["chunks", "close"]
    for body in (Empty(), Bytes(b"x")):
        await let_go(body)


async def test_a_body_that_is_passed_on_breaks_as_it_broke() -> None:
    origin = ScriptedOrigin()
    origin.answers["/a"] = Answer(200, (), DATA, gate=Gate(10), breaks=Trouble.TRUNCATED)
    incoming = await origin.fetch(Outgoing("GET", "/a"))
    chunks = passing(incoming)
    assert await anext(chunks) == DATA[:10]
    with pytest.raises(BodyFailed, match="truncated"):
        await anext(chunks)
    await incoming.close()
