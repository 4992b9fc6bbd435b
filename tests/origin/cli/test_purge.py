"""`headgate purge` against a control API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from cache.purges import PurgeVerdict
from tests.origin.cli.conftest import Console, Said
from tests.origin.control.test_purges import OTHER, WORD, Site
from tests.redis_server import free_port

Command = Callable[..., Coroutine[None, None, Said]]


@pytest.fixture
def running() -> Site:
    return Site()


@pytest.fixture
async def purge(running: Site, console: Console, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Command]:
    monkeypatch.setenv("CONTROL_API_KEY", WORD)
    async with TestServer(running.application()) as server:
        api = str(server.make_url("/"))

        async def call(*arguments: str) -> Said:
            return await asyncio.to_thread(console, "purge", "--api", api, *arguments)

        yield call


async def test_urls_prefixes_and_tags(purge: Command, running: Site) -> None:
    said = await purge(
        "/vod/a.ts", "https://cdn.example/vod/b.ts?x=1", "--prefix", "/vod/c", "--tag", "t", "--tag", "u"
    )
    assert (said.code, said.out, said.err) == (0, "purged on the one node there is (items: 5, id: p0)\n", "")
    for url in ("/vod/a.ts", "/vod/b.ts?x=1", "/vod/c/d"):
        assert running.verdict(url) is PurgeVerdict.SOFT
    assert running.verdict("/vod/x", "u") is PurgeVerdict.SOFT


async def test_hard_and_in_json(purge: Command, running: Site) -> None:
    said = await purge("--hard", "--json", "/vod/a.ts")
    assert json.loads(said.out) == {"id": "p0", "applied": 1, "fleet": "single"}
    assert running.verdict("/vod/a.ts") is PurgeVerdict.HARD


async def test_refusals_are_told(
    purge: Command, running: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = await purge("vod/a.ts")
    assert (said.code, said.out) == (2, "")
    assert "purge_meaningless" in said.err
    monkeypatch.setenv("ANOTHER", OTHER)
    said = await purge("/a", "--key-env", "ANOTHER")
    assert said.code == 2
    assert "api_key_not_permitted" in said.err
    assert OTHER not in said.err
    (tmp_path / "key").write_text(OTHER[::-1])
    assert "api_key_required" in (await purge("/a", "--key-file", str(tmp_path / "key"))).err
    assert len(running.table) == 0


def test_nothing_to_purge_and_nobody_to_tell(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    assert console("purge").code == 2
    assert console("purge", "/a").code == 2
    monkeypatch.setenv("CONTROL_API_KEY", WORD)
    assert console("purge", "/a", "--api", f"http://127.0.0.1:{free_port()}").code == 3
