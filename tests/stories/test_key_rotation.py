"""Keys change under a gateway that serves: nobody who has a valid token is turned away."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from auth import Algorithm, Claims, Gate, KeyRing, PathScope, public_jwks
from origin.cli import run
from origin.keystore.file import read_ring
from origin.keystore.generate import new_key
from origin.realms import realm_of
from tests.stories.gateway import Gateway, running

SEGMENT = b"segment" * 1000


def minted(gateway: Gateway, ring: KeyRing) -> str:
    claims = Claims(expires=time.time() + 600, scope=PathScope.prefix("/vod"))
    return Gate(realm_of(gateway.configured.mount[0])).mint(claims, ring, time.time()).reveal()


def key_of(token: str) -> str:
    from jwt import get_unverified_header

    return str(get_unverified_header(token)["kid"])


@contextlib.asynccontextmanager
async def viewers(gateway: Gateway, tokens: list[str], seen: Counter[int], count: int = 4) -> AsyncIterator[None]:
    """Viewers who ask again and again, with every token there is."""
    over = asyncio.Event()

    async def watch() -> None:
        async with gateway.wire() as wire:
            while not over.is_set():
                for token in list(tokens):
                    answer = await wire.ask(f"/vod/a/1.ts?token={token}")
                    seen[answer.status] += 1
                    assert answer.status != 200 or answer.body == SEGMENT

    watching = [asyncio.create_task(watch()) for _ in range(count)]
    try:
        yield
    finally:
        over.set()
        await asyncio.gather(*watching)


async def told(*arguments: str) -> None:
    assert await asyncio.to_thread(run, arguments) == 0


async def test_a_rotation_under_load_turns_nobody_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "keys.json"
    async with running(tmp_path) as gateway:
        gateway.put("a/1.ts", SEGMENT)
        tokens, seen = [gateway.token("/vod")], Counter[int]()
        async with viewers(gateway, tokens, seen):
            # The lead is longer than a gateway needs to notice that the file has changed.
            await told("keys", "rotate", str(file), "--kid", "k2", "--lead", "3", "--overlap", "600")
            for _ in range(22):
                ring = (await asyncio.to_thread(read_ring, file))[0]
                tokens.append(minted(gateway, ring))
                await asyncio.sleep(0.2)
            keys = [key_of(token) for token in tokens]
            assert set(keys) == {"k1", "k2"}
            assert keys == sorted(keys)  # each key had its time, one after the other
            admitted = seen[200]
            await told("keys", "rotate", str(file), "--kid", "k3", "--algorithm", "ES256", "--lead", "0")
            await asyncio.sleep(2.5)
            tokens.append(minted(gateway, (await asyncio.to_thread(read_ring, file))[0]))
            assert key_of(tokens[-1]) == "k3"
            await asyncio.sleep(0.5)
            assert seen[200] > admitted
        assert list(seen) == [200]
        await told("keys", "retire", str(file), "k1")
        await asyncio.sleep(2.5)
        # Out of force now, but for the leeway that a mount gives to clocks.
        async with asyncio.timeout(8):
            while (await gateway.ask(f"/vod/a/1.ts?token={tokens[0]}")).status == 200:
                await asyncio.sleep(0.2)
        assert (await gateway.ask(f"/vod/a/1.ts?token={tokens[-1]}")).status == 200
    assert "internal" not in capsys.readouterr().err


async def test_a_transfer_in_flight_outlives_its_key(tmp_path: Path) -> None:
    file, large = tmp_path / "keys.json", b"0123456789abcdef" * 2**19
    async with running(tmp_path, server={"drain_seconds": 5.0}) as gateway:
        gateway.put("a/2.ts", large)
        async with gateway.wire() as wire:
            await wire.send(f"GET /vod/a/2.ts?token={gateway.token('/vod')} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            begun = await wire.head()
            assert begun.status == 200
            await told("keys", "rotate", str(file), "--kid", "k2", "--lead", "0", "--overlap", "600")
            await told("keys", "retire", str(file), "k1")
            await asyncio.sleep(2.5)
            assert await wire.exactly(int(begun["content-length"])) == large
            ring = (await asyncio.to_thread(read_ring, file))[0]
            assert (await wire.ask(f"/vod/a/2.ts?token={minted(gateway, ring)}", "Range: bytes=0-3")).status == 206


class Issuer:
    """Publishes a key set, and counts who asks."""

    def __init__(self) -> None:
        self.ring = KeyRing([new_key(Algorithm.ES256, "i1")])
        self.is_up = True
        self.asked = 0
        self.url = ""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked += 1
        if not self.is_up:
            return web.Response(status=503)
        return web.Response(text=json.dumps(public_jwks(self.ring)))


@contextlib.asynccontextmanager
async def issuer() -> AsyncIterator[Issuer]:
    served = Issuer()
    runner = web.ServerRunner(web.Server(served), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}/jwks.json"
    try:
        yield served
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def behind(served: Issuer, folder: Path, refresh: float, least: float) -> AsyncIterator[Gateway]:
    ring = {"jwks": served.url, "refresh_seconds": refresh, "min_refresh_seconds": least}
    mount: dict[str, object] = {"prefix": "/vod", "storage": "file:media", "access": "signed", "keys": "issuer"}
    async with running(folder, [mount], keyrings={"issuer": ring}) as gateway:
        gateway.put("a/1.ts", SEGMENT)
        yield gateway


async def status(gateway: Gateway, ring: KeyRing) -> int:
    return (await gateway.ask(f"/vod/a/1.ts?token={minted(gateway, ring)}")).status


async def test_an_issuer_rotates_and_the_first_token_is_let_in(tmp_path: Path) -> None:
    async with issuer() as served, behind(served, tmp_path, 600.0, 0.01) as gateway:
        assert await status(gateway, served.ring) == 200
        assert served.asked == 1
        old, served.ring = served.ring, KeyRing([*served.ring.keys, new_key(Algorithm.EDDSA, "i2", not_before=1.0)])
        assert await status(gateway, served.ring) == 200
        assert served.asked == 2
        assert await status(gateway, old) == 200
        assert (await gateway.ask("/.well-known/jwks.json")).body.count(b'"i1"') == 0  # theirs, not ours


async def test_unknown_keys_do_not_make_a_flood(tmp_path: Path) -> None:
    async with issuer() as served, behind(served, tmp_path, 600.0, 30.0) as gateway:
        strangers = [KeyRing([new_key(Algorithm.ES256, f"s{number}")]) for number in range(20)]
        assert {*await asyncio.gather(*(status(gateway, ring) for ring in strangers))} == {403}
        assert served.asked == 1  # the one at the start, less than half a minute ago


async def test_an_outage_of_the_issuer_is_not_noticed_by_viewers(tmp_path: Path) -> None:
    async with issuer() as served, behind(served, tmp_path, 0.1, 0.1) as gateway:
        served.is_up = False
        before = served.asked
        async with asyncio.timeout(5):
            while served.asked < before + 3:
                assert await status(gateway, served.ring) == 200
        served.is_up, served.ring = True, KeyRing([new_key(Algorithm.ES256, "i9")])
        async with asyncio.timeout(5):
            while await status(gateway, served.ring) != 200:
                await asyncio.sleep(0.05)


async def test_an_issuer_that_comes_late(tmp_path: Path) -> None:
    async with issuer() as served:
        served.is_up = False
        async with behind(served, tmp_path, 0.1, 0.1) as gateway:
            assert await status(gateway, served.ring) == 403
            served.is_up = True
            async with asyncio.timeout(5):
                while await status(gateway, served.ring) != 200:
                    await asyncio.sleep(0.05)
