"""A signed mount in front of an HTTP upstream: viewers need tokens, and the upstream sees none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from tests.stories.gateway import Gateway, running

LIVE = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=3\n{}"
OWN = ("x-device: tv", "X-Original-URL: /admin", "CMCD-Request: bl=1", "X-Other: 1")
SEGMENT = bytes(range(256)) * 40


@asynccontextmanager
async def live(folder: Path, **upstream: object) -> AsyncIterator[tuple[Gateway, list[web.BaseRequest]]]:
    """A gateway whose mount /vod is signed and pulls from an upstream; and what that was asked."""
    seen: list[web.BaseRequest] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        seen.append(request)
        if request.path.endswith(".m3u8"):
            number = request.query.get("_HLS_msn", "1")
            text = LIVE.format(f"#EXT-X-MEDIA-SEQUENCE:{number}\n#EXTINF:4,\n{number}.ts\n")
            return web.Response(text=text, headers={"Cache-Control": "max-age=1", "Set-Cookie": "a=b"})
        fields = {"Cache-Control": "max-age=3600", "ETag": '"one"', "Access-Control-Allow-Origin": "https://x.example"}
        return web.Response(body=SEGMENT, headers=fields)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    mount: dict[str, object] = {
        "prefix": "/vod",
        "storage": f"http://127.0.0.1:{runner.addresses[0][1]}/media",
        "access": "signed",
        "keys": "main",
        "upstream": {"private_networks": ["127.0.0.0/8"]} | upstream,
    }
    try:
        async with running(folder, [mount]) as gateway:
            yield gateway, seen
    finally:
        await runner.cleanup()


async def test_the_whole_way_from_playlist_to_segment(tmp_path: Path) -> None:
    async with live(tmp_path) as (gateway, seen):
        assert (await gateway.ask("/vod/film/index.m3u8")).status == 401
        assert seen == []
        playlist = await gateway.ask(
            f"/vod/film/index.m3u8?token={gateway.token()}", "Cookie: a=b", "Referer: https://x/?token=t"
        )
        assert playlist.status == 200
        assert "set-cookie" not in playlist
        child = playlist.body.decode().splitlines()[-1]
        assert child.startswith("1.ts?token=")
        for status in ("fwd=uri-miss", "hit"):
            segment = await gateway.ask(f"/vod/film/{child}", "Authorization: Basic c2VjcmV0")
            assert (segment.status, segment.body) == (200, SEGMENT)
            assert status in segment["cache-status"]
            assert segment["cache-control"].startswith("private")
            assert "cdn-cache-control" not in segment
        part = await gateway.ask(f"/vod/film/{child}", "Range: bytes=10-19")
        assert (part.status, part.body) == (206, SEGMENT[10:20])
        assert (await gateway.ask("/vod/film/1.ts")).status == 401
    assert [request.path_qs for request in seen] == ["/media/film/index.m3u8", "/media/film/1.ts"]
    for request in seen:
        names = {name.lower() for name in request.headers}
        assert names.isdisjoint({"authorization", "cookie", "referer", "x-forwarded-for", "forwarded"})
        assert request.headers["CDN-Loop"].startswith("headgate")
        assert "headgate" in request.headers["Via"]


async def test_a_player_that_waits_for_a_segment_waits_for_it_there(tmp_path: Path) -> None:
    async with live(tmp_path) as (gateway, seen):
        signed = f"/vod/film/index.m3u8?token={gateway.token()}"
        for number in (7, 8):
            answer = await gateway.ask(f"{signed}&_HLS_msn={number}&_HLS_part=0&other=1")
            assert f"#EXT-X-MEDIA-SEQUENCE:{number}".encode() in answer.body
    assert [request.query_string for request in seen] == ["_HLS_msn=7&_HLS_part=0", "_HLS_msn=8&_HLS_part=0"]


@pytest.mark.parametrize("query", ["keep", "drop"])
async def test_a_viewer_is_known_to_an_upstream_that_is_told(tmp_path: Path, query: str) -> None:
    told = {"forwarded": True, "query": query, "host": "origin.example", "drop_fields": ["X-Device"]}
    async with live(tmp_path, **told) as (gateway, seen):
        answer = await gateway.ask(f"{'/vod/film/1.ts?token=' + gateway.token()}&v=2&CMCD=nor%3D%222.ts%22", *OWN)
        assert answer.status == 200
    (request,) = seen
    assert request.query_string == ("v=2" if query == "keep" else "")
    assert request.headers["Forwarded"].startswith("for=")
    assert request.headers["Host"] == "origin.example"
    assert request.headers["X-Other"] == "1"
    assert {"X-Device", "X-Original-URL", "CMCD-Request"}.isdisjoint(request.headers)
