"""Writes through the gateway, and what viewers get who read at the same time or after them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from tests.contracts.descriptors import eventually
from tests.liar import Liar, Script, response
from tests.stories.gateway import Gateway, running

FRESH = "Cache-Control: max-age=600"


@asynccontextmanager
async def writable(liar: Liar, folder: Path) -> AsyncIterator[Gateway]:
    """A gateway that passes PUT on."""
    upstream = {"private_networks": ["127.0.0.0/8"], "retries": 0, "methods": ["PUT"]}
    async with running(
        folder, [{"prefix": "/", "storage": liar.url, "access": "open", "upstream": upstream}]
    ) as gateway:
        yield gateway


async def test_a_write_does_away_with_all_variants_for_good(tmp_path: Path) -> None:
    version = "old"

    def said(request: bytes, _number: int) -> Script:
        word = b"gzip" if b"gzip" in request else b"plain"
        return (response(version.encode() + b" " + word, FRESH, "Vary: Accept-Encoding"),)

    async with Liar() as liar, writable(liar, tmp_path) as gateway:
        liar.answers(said)
        plain, gzip = "Accept-Encoding: identity", "Accept-Encoding: gzip"
        for fields in (plain, gzip):
            await gateway.ask("/a", fields)
        assert (await gateway.ask("/a", plain)).body == b"old plain"
        assert len(liar.requests) == 2
        version = "new"
        assert (await gateway.ask("/a", method="PUT")).status == 200
        # The first of them to be pulled again does not bring the other one back.
        assert (await gateway.ask("/a", gzip)).body == b"new gzip"
        assert (await gateway.ask("/a", plain)).body == b"new plain"


@pytest.mark.parametrize("vary", [(), ("Vary: Accept",)], ids=["one", "variants"])
async def test_what_was_on_its_way_during_a_write_is_for_those_who_waited_already(
    tmp_path: Path, vary: tuple[str, ...]
) -> None:
    is_written = False
    async with Liar() as liar, writable(liar, tmp_path) as gateway:

        def said(request: bytes, _number: int) -> Script:
            if request.startswith(b"PUT"):
                return (response(),)
            if is_written:
                return (response(b"new", FRESH, *vary),)
            # Its end comes long after the write.
            return (response(b"ol", FRESH, *vary, length=3), *[0.01] * 30, b"d")

        liar.answers(said)
        before = asyncio.create_task(gateway.ask("/a"))
        await eventually(lambda: len(liar.requests) == 1)
        is_written = True
        assert (await gateway.ask("/a", method="PUT")).status == 200
        assert (await gateway.ask("/a")).body == b"new"
        assert (await before).body == b"old"
        await asyncio.sleep(0.05)
        assert (await gateway.ask("/a")).body == b"new"


async def test_a_pull_that_has_no_answer_yet_is_joined_by_nobody_after_a_write(tmp_path: Path) -> None:
    is_written = False
    async with Liar() as liar, writable(liar, tmp_path) as gateway:

        def said(request: bytes, _number: int) -> Script:
            if request.startswith(b"PUT"):
                return (response(),)
            return (response(b"new", FRESH),) if is_written else (*[0.01] * 30, response(b"old", FRESH))

        liar.answers(said)
        before = asyncio.create_task(gateway.ask("/a"))
        await eventually(lambda: len(liar.requests) == 1)
        is_written = True
        await gateway.ask("/a", method="PUT")
        assert (await gateway.ask("/a")).body == b"new"
        assert (await before).body == b"old"
        assert (await gateway.ask("/a")).body == b"new"


async def test_a_group_that_a_write_invalidates_is_asked_for_again(tmp_path: Path) -> None:
    asked: list[str] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        asked.append(f"{request.method} {request.path}")
        if request.method == "POST":
            return web.Response(status=204, headers={"Cache-Group-Invalidation": '"film", " "'})
        return web.Response(text="kept", headers={"Cache-Control": "max-age=60", "Cache-Groups": '"film"'})

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    mount: dict[str, object] = {
        "prefix": "/up",
        "storage": f"http://127.0.0.1:{runner.addresses[0][1]}",
        "access": "open",
        "upstream": {"private_networks": ["127.0.0.0/8"], "methods": ["POST"]},
    }
    try:
        async with running(tmp_path, [mount]) as gateway:
            for _ in range(2):
                assert (await gateway.ask("/up/one")).body == b"kept"
            assert (await gateway.ask("/up/other", "Content-Length: 0", method="POST")).status == 204
            assert (await gateway.ask("/up/one")).body == b"kept"
    finally:
        await runner.cleanup()
    assert asked == ["GET /one", "POST /other", "GET /one"]
