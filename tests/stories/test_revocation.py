"""A token is taken back, and a subject plays as many streams as the mount allows."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec
import pytest

from auth import Claims, Gate, PathScope
from auth.revocation import Revoked, token_hash
from auth.secret import Token
from origin.realms import realm_of
from tests.stories.gateway import Answer, Gateway, running

ORIGIN = "Origin: https://player.example"
RENEWED = 1.8  # seconds after which a lease of five is renewed
SIGNED: dict[str, object] = {"prefix": "/vod", "storage": "file:media", "access": "signed", "keys": "main"}


def token(gateway: Gateway, token_id: str | None = None, subject: str | None = None) -> str:
    """A token for everything, with these names in it."""
    now = time.time()
    scope = PathScope.prefix("/vod")
    claims = Claims(expires=now + 600, scope=scope, issued_at=now - 5, token_id=token_id, subject=subject)
    return Gate(realm_of(gateway.configured.mount[0])).mint(claims, gateway.ring, now).reveal()


def reason(answer: Answer) -> str:
    """Why it was refused; "" when it was not."""
    return "" if answer.status in {200, 206} else str(msgspec.json.decode(answer.body)["reason"])


@pytest.mark.parametrize("path", ["/vod/film/1.ts", "/vod/film/index.m3u8"])
async def test_a_revoked_token_is_refused_at_once_wherever_it_is_shown(tmp_path: Path, path: str) -> None:
    async with running(tmp_path) as gateway:
        gateway.put("film/1.ts", b"abc")
        gateway.put("film/index.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n1.ts\n#EXT-X-ENDLIST\n")
        revoked, other = token(gateway, "t1"), token(gateway, "t2")
        assert reason(await gateway.ask(f"{path}?token={revoked}")) == ""
        entry = await gateway.runtime.ledger.revoke(Revoked.TOKEN, "t1", seconds=600)
        refused = await gateway.ask(f"{path}?token={revoked}", ORIGIN)
        assert (refused.status, reason(refused), refused["cache-control"]) == (403, "token_revoked", "no-store")
        assert refused["access-control-allow-origin"] == "*"
        assert (await gateway.ask(f"{path}?token={revoked}", method="HEAD")).status == 403
        assert reason(await gateway.ask(f"{path}?token={other}")) == ""
        name = 'headgate_token_decisions_total{dialect="jwt",mount="/vod",reason="%s"}'
        assert await gateway.metric(name % "token_revoked") == 2
        assert await gateway.metric(name % "ok") == 2
        assert await gateway.runtime.ledger.lift(entry.id)
        assert reason(await gateway.ask(f"{path}?token={revoked}")) == ""


async def test_what_can_be_revoked(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        gateway.put("film/1.ts", b"abc")
        ledger, shown = gateway.runtime.ledger, token(gateway, subject="ann")
        for entry in (
            await ledger.revoke(Revoked.SUBJECT, "ann", seconds=600),
            await ledger.revoke(Revoked.ASSET, "film", mount="/vod", seconds=600),
            await ledger.revoke(Revoked.TOKEN_HASH, token_hash(Token(shown)), seconds=600),
            await ledger.revoke(Revoked.ISSUED_BEFORE, moment=time.time(), mount="/vod", seconds=600),
        ):
            assert reason(await gateway.ask(f"/vod/film/1.ts?token={shown}")) == "token_revoked"
            assert await ledger.lift(entry.id)
        assert reason(await gateway.ask(f"/vod/film/1.ts?token={shown}")) == ""


@pytest.mark.parametrize(
    ("policy", "met"), [("reject", ["", "too_many_streams", ""]), ("evict", ["", "", "too_many_streams"])]
)
async def test_too_many_streams(tmp_path: Path, policy: str, met: list[str]) -> None:
    limits = {"max_streams": 1, "stream_policy": policy, "lease_seconds": 5}
    async with running(tmp_path, [SIGNED | {"limits": limits}]) as gateway:
        gateway.put("film/1.ts", b"abc")
        first, second = (token(gateway, name, "ann") for name in ("t1", "t2"))
        asked = [reason(await gateway.ask(f"/vod/film/1.ts?token={shown}")) for shown in (first, second)]
        await asyncio.sleep(RENEWED)
        asked.append(reason(await gateway.ask(f"/vod/film/1.ts?token={first}")))
        assert asked == met
