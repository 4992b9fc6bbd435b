"""Every dialect through the whole gateway: from a signed URL to the segments, and what is refused on the way."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urljoin

import msgspec
import pytest

from auth import Algorithm, Claims, Customs, Gate, Reason, Signed, Transport, Wish, fulfil
from auth.keys import KeyRing
from origin.keystore.file import write_ring
from origin.keystore.generate import new_key
from origin.realms import realm_of
from tests.stories.dialect_table import CASES, NAMES, Setting, key_of, unlisted
from tests.stories.gateway import Answer, Gateway, running

HOST = "https://cdn.example"
MULTIVARIANT = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhd/i.m3u8\n"
VOD = b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n0.ts\n#EXTINF:4,\n/vod/film/hd/1.ts\n#EXT-X-ENDLIST\n"
FLAT = MULTIVARIANT.replace(b"hd/", b"")
FILES = {
    "film/m.m3u8": MULTIVARIANT,
    "film/hd/i.m3u8": VOD,
    "film/hd/0.ts": b"0",
    "film/hd/1.ts": b"1",
    "film/flat.m3u8": FLAT,
    "film/i.m3u8": VOD.replace(b"hd/", b""),
    "film/0.ts": b"0",
    "film/1.ts": b"1",
    "other/m.m3u8": MULTIVARIANT,
    "other/flat.m3u8": FLAT,
}


def test_the_table_has_every_dialect_and_every_way() -> None:
    assert unlisted() == set()


@contextlib.asynccontextmanager
async def guarded(folder: Path, setting: Setting, *, is_logged: bool = False) -> AsyncIterator[Gateway]:
    """A gateway that accepts one dialect below /vod, with a film there."""
    rings = {str(setting): KeyRing([key_of(setting)]), "sessions": KeyRing([new_key(Algorithm.HS256, "s1")])}
    for name, ring in rings.items():
        await asyncio.to_thread(write_ring, folder / f"{name}.json", ring)
    keyrings = {name: {"file": f"{name}.json"} for name in rings}
    async with running(folder, [setting.mount()], keyrings=keyrings, log={"access": is_logged}) as gateway:
        for path, data in FILES.items():
            gateway.put(path, data)
        yield gateway


def signed(gateway: Gateway, setting: Setting, transport: Transport, now: float | None = None) -> Signed:
    """What a client sends, as `headgate sign` makes it; it lives for ten minutes from `now`."""
    now = time.time() if now is None else now
    claims = Claims(expires=float(int(now) + 600), subject=setting.subject, dialect=setting.dialect)
    gate = Gate(realm_of(gateway.configured.mount[0]))
    rings = {str(setting): KeyRing([key_of(setting)])}
    return fulfil(gate, Wish(f"{HOST}/vod/film/{setting.start}", claims, transport), Customs("t-1"), rings, now)


def fields_of(made: Signed) -> list[str]:
    """The header fields that a client sends."""
    cookies = "; ".join(f"{name}={value}" for name, value in made.cookies)
    return [f"{name}: {value}" for name, value in made.headers] + ([f"Cookie: {cookies}"] if cookies else [])


async def ask(gateway: Gateway, made: Signed, url: str | None = None) -> Answer:
    return await gateway.ask((url or made.url).removeprefix(HOST), *fields_of(made))


def references(url: str, answer: Answer) -> list[str]:
    assert answer.status == 200, answer
    lines = answer.body.decode().splitlines()
    return [urljoin(url, line) for line in lines if line and not line.startswith("#")]


def reason(answer: Answer) -> str:
    return str(msgspec.json.decode(answer.body)["reason"])


@pytest.mark.parametrize(("setting", "transport"), CASES, ids=NAMES)
async def test_a_film_plays(setting: Setting, transport: Transport, tmp_path: Path) -> None:
    async with guarded(tmp_path, setting) as gateway:
        made = signed(gateway, setting, transport)
        start = made.url.removeprefix(HOST)
        [playlist] = references(start, await ask(gateway, made))
        assert re.search(r"token=HGs1", playlist)
        segments = references(playlist, await gateway.ask(playlist))
        bodies = [(await gateway.ask(segment)).body for segment in segments]
    assert bodies == [b"0", b"1"]


@pytest.mark.parametrize(("setting", "transport"), CASES, ids=NAMES)
async def test_what_is_refused(setting: Setting, transport: Transport, tmp_path: Path) -> None:
    async with guarded(tmp_path, setting) as gateway:
        absent = await gateway.ask(f"/vod/film/{setting.start}")
        assert (absent.status, reason(absent)) == (401, Reason.ABSENT)
        old = signed(gateway, setting, transport, now=time.time() - 3600)
        expired = await ask(gateway, old)
        assert (expired.status, reason(expired)) == (403, Reason.EXPIRED)
        made = signed(gateway, setting, transport)
        # A token in the place of the film's name opens no other whatever stands behind it.
        elsewhere = made.url.replace("/film", "/other") if "/film" in made.url else f"{HOST}/vod/other/{setting.start}"
        other = await ask(gateway, made, elsewhere)
        assert other.status == 200 if setting.opens_all else other.status in {401, 403}
        assert setting.opens_all or reason(other) in set(Reason)
