"""The access log says what came of a URI Signing token in the codes of RFC 9246."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest

from auth import Claims, Gate
from auth.rules.expressions import UrlRegex
from origin.realms import realm_of
from tests.stories.gateway import Gateway, running

MOUNTS: list[dict[str, object]] = [
    {
        "prefix": "/vod",
        "storage": "file:media",
        "access": "signed",
        "keys": "main",
        "dialects": ["uri-signing", "jwt"],
        "leeway_seconds": 0,
        "public_url": "http://cdn.example",
    }
]


def token(gateway: Gateway, expires: float, token_id: str | None = None) -> str:
    """A token for one folder; with an id it is good for one request."""
    urls = UrlRegex("http://cdn[.]example/vod/film/.*")
    claims = Claims(
        dialect="uri-signing", expires=int(expires), urls=urls, token_id=token_id, one_time=token_id is not None
    )
    return Gate(realm_of(gateway.configured.mount[0])).mint(claims, gateway.ring, expires - 60).reveal()


async def test_what_came_of_a_token(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    now = time.time()
    async with running(tmp_path, MOUNTS, log={"access": True}) as gateway:
        gateway.put("film/1.ts", b"abc")
        gateway.put("other/1.ts", b"abc")
        good, old, once = token(gateway, now + 60), token(gateway, now - 60), token(gateway, now + 60, "once")
        for folder, shown in (
            ("film", f"URISigningPackage={good}"),
            ("other", f"URISigningPackage={good}"),
            ("film", f"URISigningPackage={old}"),
            ("film", f"URISigningPackage={good[:-8]}AAAAAAAA"),
            ("film", f"URISigningPackage={once}"),
            ("film", f"URISigningPackage={once}"),
            ("film", "token=x"),
            ("film", ""),
        ):
            await gateway.ask(f"/vod/{folder}/1.ts?{shown}")
    lines = [msgspec.json.decode(one) for one in capsysbinary.readouterr().out.splitlines() if b"event.duration" in one]
    assert [line.get("s-uri-signing") for line in lines] == ["200", "411", "404", "400", "200", "407", None, None]
    assert [line.get("headgate.dialect") for line in lines] == [*["uri-signing"] * 6, "jwt", None]
