"""PURGE over the wire: obeyed from trusted addresses alone, and in force on return."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from tests.stories.gateway import Gateway, running

TRUSTING = {"purge_from": ["127.0.0.0/8"]}


@asynccontextmanager
async def pulling(folder: Path, **public: object) -> AsyncIterator[tuple[Gateway, list[str]]]:
    """A gateway before an upstream that counts what it is asked; every answer is good for an hour."""
    asked: list[str] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        asked.append(request.path)
        fields = {"Cache-Control": "max-age=3600", "Surrogate-Key": "film", "ETag": f'"{len(asked)}"'}
        return web.Response(body=f"version {len(asked)}".encode(), headers=fields)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    mount: dict[str, object] = {
        "prefix": "/up",
        "storage": f"http://127.0.0.1:{runner.addresses[0][1]}",
        "access": "open",
        "upstream": {"private_networks": ["127.0.0.0/8"]},
    }
    try:
        async with running(folder, [mount], public=public) as gateway:
            yield gateway, asked
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("target", "fields"),
    [
        ("/up/film/1.ts", ()),
        ("/up/film/*", ()),
        ("/up/elsewhere", ("Surrogate-Key: film",)),
        ("/up/film/1.ts", ("X-Purge-Mode: hard",)),
    ],
)
async def test_what_is_purged_is_asked_for_again(tmp_path: Path, target: str, fields: tuple[str, ...]) -> None:
    async with pulling(tmp_path, **TRUSTING) as (gateway, asked):
        assert (await gateway.ask("/up/film/1.ts")).body == b"version 1"
        assert (await gateway.ask("/up/film/1.ts")).body == b"version 1"
        answer = await gateway.ask(target, *fields, method="PURGE")
        assert answer.status == 200
        told = json.loads(answer.body)
        assert (told["applied"], told["fleet"]) == (1, "single")
        assert (await gateway.ask("/up/film/1.ts")).body == b"version 2"
        assert (await gateway.ask("/up/film/1.ts")).body == b"version 2"
        assert asked == ["/film/1.ts"] * 2


async def test_what_else_is_kept_stays(tmp_path: Path) -> None:
    async with pulling(tmp_path, **TRUSTING) as (gateway, asked):
        await gateway.ask("/up/film/1.ts")
        await gateway.ask("/up/film/2.ts", method="PURGE")
        assert (await gateway.ask("/up/film/1.ts")).body == b"version 1"
        assert asked == ["/film/1.ts"]


@pytest.mark.parametrize("public", [{}, {"purge_from": ["192.0.2.0/24"]}])
async def test_strangers_know_no_such_method(tmp_path: Path, public: dict[str, object]) -> None:
    async with pulling(tmp_path, **public) as (gateway, asked):
        await gateway.ask("/up/film/1.ts")
        answer = await gateway.ask("/up/film/1.ts", method="PURGE")
        assert answer.status == 405
        assert (await gateway.ask("/up/film/1.ts")).body == b"version 1"
        assert len(asked) == 1


async def test_nonsense_purges_nothing(tmp_path: Path) -> None:
    async with pulling(tmp_path, **TRUSTING) as (gateway, _):
        answer = await gateway.ask("/up/film/1.ts", "X-Purge-Mode: all", method="PURGE")
        assert (answer.status, json.loads(answer.body)["reason"]) == (400, "purge_malformed")
