"""A viewer's token opens the manifest; what plays from there is a session."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urljoin

import msgspec
import pytest

from auth import Algorithm, Claims, Gate, KeyRing, PathScope
from auth.rules.url import ExactUrl
from origin.keystore.file import write_ring
from origin.keystore.generate import new_key
from origin.realms import realm_of
from tests.stories.gateway import SECRET, Answer, Gateway, running

MULTIVARIANT = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhd/i.m3u8\n"
VOD = b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n0.ts\n#EXTINF:4,\n/vod/film/hd/1.ts\n#EXT-X-ENDLIST\n"
LIVE = VOD.removesuffix(b"#EXT-X-ENDLIST\n")
MPD = b"""<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="static"
 mediaPresentationDuration="PT4S" minBufferTime="PT1S"><Period><AdaptationSet mimeType="video/mp4">
 <Representation id="v" bandwidth="1"><SegmentTemplate media="hd/$Number$.ts" duration="4"/></Representation>
 </AdaptationSet></Period></MPD>"""
NAMED = {"origins": ["https://player.example"], "credentials": True}
URL_MODES = ["query", "path", "define"]
MODES = [*URL_MODES, "cookie"]


def mount(mode: str = "query", session: dict[str, object] | None = None, **more: object) -> list[dict[str, object]]:
    cors = NAMED if mode == "cookie" else {}
    exchange = {"exchange": "always", **(session or {})}
    known = {"prefix": "/vod", "storage": "file:media", "access": "signed", "keys": "main", "leeway_seconds": 0}
    return [{**known, "propagate": mode, "cors": cors, "session": exchange, **more}]


def fill(gateway: Gateway, media: bytes = VOD) -> None:
    gateway.put("film/m.m3u8", MULTIVARIANT)
    gateway.put("film/m.mpd", MPD)
    gateway.put("film/hd/i.m3u8", media)
    for name in ("film/hd/0.ts", "film/hd/1.ts", "other/0.ts"):
        gateway.put(name, b"segment")


def external(gateway: Gateway, scope: PathScope, lifetime: float = 60) -> str:
    claims = Claims(expires=time.time() + lifetime, scope=scope, token_id="t-1")
    return Gate(realm_of(gateway.configured.mount[0])).mint(claims, gateway.ring, time.time()).reveal()


class Viewer:
    """A player as far as URLs go: it follows redirects, resolves references, fills in variables and keeps cookies."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._query: dict[str, str] = {}
        self.cookies: dict[str, str] = {}
        self.redirects = 0
        self.tokens: list[str] = []  # of our own, as they are met

    async def get(self, url: str) -> tuple[str, Answer]:
        """The answer, and the URL that gave it."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = await self._gateway.ask(url, *([f"Cookie: {cookie}"] if cookie else []))
        for field in answer.all("set-cookie"):
            name, _, value = field.partition(";")[0].partition("=")
            self.cookies[name] = value
        self.tokens += re.findall(r"HGs1[\w-]+", f"{answer.fields}{answer.body!r}")
        if answer.status != 302:
            return url, answer
        assert answer["cache-control"] == "no-store"
        self.redirects += 1
        return await self.get(urljoin(url, answer["location"]))

    async def references(self, url: str) -> list[str]:
        """What a playlist names, as a player asks for it."""
        where, answer = await self.get(url)
        assert answer.status == 200, answer
        text = answer.body.decode()
        for name in re.findall(r'#EXT-X-DEFINE:QUERYPARAM="(\w+)"', text):
            value = re.search(rf"[?&]{name}=([^&]*)", where)
            assert value is not None
            text = text.replace(f"{{${name}}}", value[1])
        return [urljoin(where, line) for line in text.splitlines() if line and not line.startswith("#")]

    async def status(self, url: str) -> int:
        return (await self.get(url))[1].status


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("media", [VOD, LIVE], ids=["vod", "live"])
async def test_every_mode_plays_from_the_manifest_to_the_segments(mode: str, media: bytes, tmp_path: Path) -> None:
    async with running(tmp_path, mount(mode)) as gateway:
        fill(gateway, media)
        viewer, text = Viewer(gateway), external(gateway, PathScope.exact("/vod/film/m.m3u8"))
        [playlist] = await viewer.references(f"/vod/film/m.m3u8?x=1&token={text}")
        segments = await viewer.references(playlist)
        assert [await viewer.status(segment) for segment in segments] == [200, 200]
        assert text not in f"{playlist}{segments}{viewer.cookies}"
        assert viewer.redirects == (1 if mode == "define" else 0)
        assert viewer.tokens


@pytest.mark.parametrize("mode", MODES)
async def test_a_media_playlist_may_be_where_it_begins(mode: str, tmp_path: Path) -> None:
    async with running(tmp_path, mount(mode)) as gateway:
        fill(gateway)
        viewer, text = Viewer(gateway), external(gateway, PathScope.exact("/vod/film/hd/i.m3u8"))
        segments = await viewer.references(f"/vod/film/hd/i.m3u8?token={text}")
        assert [await viewer.status(segment) for segment in segments] == [200, 200]


@pytest.mark.parametrize("mode", MODES)
async def test_an_mpd(mode: str, tmp_path: Path) -> None:
    async with running(tmp_path, mount(mode)) as gateway:
        fill(gateway)
        viewer = Viewer(gateway)
        where, answer = await viewer.get(f"/vod/film/m.mpd?token={external(gateway, PathScope.prefix('/vod/film'))}")
        media = re.search(r'media="([^"]*)"', answer.body.decode())
        assert media is not None
        segment = urljoin(where, media[1].replace("$Number$", "0").replace("&amp;", "&"))
        if mode == "define":
            assert b"queryTemplate" in answer.body
            segment += "?" + where.partition("?")[2]
        assert await viewer.status(segment) == 200


@pytest.mark.parametrize("way", ["header", "path", "cookie"])
@pytest.mark.parametrize("mode", URL_MODES)
@pytest.mark.parametrize("media", [VOD, LIVE], ids=["vod", "live"])
async def test_the_first_token_may_come_by_any_way(mode: str, way: str, media: bytes, tmp_path: Path) -> None:
    async with running(tmp_path, mount(mode)) as gateway:
        fill(gateway, media)
        viewer, text = Viewer(gateway), external(gateway, PathScope.prefix("/vod/film"))
        prefix = f"/vod/token={text}" if way == "path" else "/vod"
        fields = {"header": [f"Authorization: Bearer {text}"], "cookie": [f"Cookie: token={text}"]}.get(way, [])
        answer = await gateway.ask(f"{prefix}/film/hd/i.m3u8", *fields)
        url = f"{prefix}/film/hd/i.m3u8"
        if answer.status == 302:
            url = answer["location"]
            answer = (await viewer.get(url))[1]
        [first] = re.findall(r"^(?!#).*0\.ts.*$", answer.body.decode(), re.MULTILINE)
        if (value := re.search(r"token=([\w-]+)", url)) is not None:
            first = first.replace("{$token}", value[1])
        assert await viewer.status(urljoin(url, first)) == 200
        assert text not in urljoin(url, first)


@pytest.mark.parametrize("mode", MODES)
async def test_what_the_token_did_not_open_stays_shut(mode: str, tmp_path: Path) -> None:
    async with running(tmp_path, mount(mode)) as gateway:
        fill(gateway)
        viewer = Viewer(gateway)
        scope = PathScope.prefix("/vod/film/m.m3u8", "/vod/film/hd/i.m3u8", "/vod/film/hd/0.ts")
        [playlist] = await viewer.references(f"/vod/film/m.m3u8?token={external(gateway, scope)}")
        segments = await viewer.references(playlist)
        assert [await viewer.status(segment) for segment in segments] == [200, 403]


async def test_a_token_for_one_manifest_opens_its_asset_and_no_other(tmp_path: Path) -> None:
    async with running(tmp_path, mount()) as gateway:
        fill(gateway)
        viewer = Viewer(gateway)
        await viewer.references(f"/vod/film/m.m3u8?token={external(gateway, PathScope.exact('/vod/film/m.m3u8'))}")
        [own] = viewer.tokens
        assert await viewer.status(f"/vod/film/hd/1.ts?token={own}") == 200
        assert await viewer.status(f"/vod/other/0.ts?token={own}") == 403


async def test_only_a_manifest_begins_a_session(tmp_path: Path) -> None:
    async with running(tmp_path, mount()) as gateway:
        fill(gateway)
        text = external(gateway, PathScope.exact("/vod/film/hd/0.ts"))
        answer = await gateway.ask(f"/vod/film/hd/0.ts?token={text}")
        assert (answer.status, "HGs1" in str(answer)) == (200, False)


async def test_a_session_that_was_tampered_with(tmp_path: Path) -> None:
    async with running(tmp_path, mount()) as gateway:
        fill(gateway)
        viewer = Viewer(gateway)
        await viewer.references(f"/vod/film/m.m3u8?token={external(gateway, PathScope.prefix('/vod/film'))}")
        [own] = viewer.tokens
        for at in (8, 30, len(own) - 2):
            forged = own[:at] + ("B" if own[at] == "A" else "A") + own[at + 1 :]
            answer = await gateway.ask(f"/vod/film/hd/0.ts?token={forged}")
            assert (answer.status, answer["cache-control"]) == (403, "no-store")
            assert forged not in str(answer)


@pytest.mark.parametrize("mode", MODES)
async def test_the_first_token_may_expire_and_the_session_ends_at_its_own_time(mode: str, tmp_path: Path) -> None:
    policy: dict[str, object] = {"ttl_seconds": 2, "max_seconds": 4}
    async with running(tmp_path, mount(mode, policy)) as gateway:
        fill(gateway, LIVE)
        viewer, text = Viewer(gateway), external(gateway, PathScope.prefix("/vod/film"), lifetime=1)
        [playlist] = await viewer.references(f"/vod/film/m.m3u8?token={text}")
        begun = time.monotonic()
        await asyncio.sleep(1)
        assert (await gateway.ask(f"/vod/film/m.m3u8?token={text}")).status == 403
        segments: list[str] = []
        while time.monotonic() < begun + 2.5:
            segments = await viewer.references(playlist)
            assert [await viewer.status(segment) for segment in segments] == [200, 200]
            await asyncio.sleep(0.5)
        await asyncio.sleep(max(0.0, begun + 4 - time.monotonic()))
        assert [await viewer.status(url) for url in (playlist, *segments)] == [403] * 3


@pytest.mark.parametrize("mode", ["query", "path"])
async def test_a_live_playlist_hands_out_fresh_tokens_under_one_url(mode: str, tmp_path: Path) -> None:
    """The playlist comes from the cache; what is written into it changes once in a step, and old ones expire."""
    policy: dict[str, object] = {"ttl_seconds": 2, "max_seconds": 600}
    async with running(tmp_path, mount(mode, policy)) as gateway:
        fill(gateway, LIVE)
        viewer, text = Viewer(gateway), external(gateway, PathScope.prefix("/vod/film"))
        where, answer = await viewer.get(f"/vod/film/hd/i.m3u8?token={text}")
        first = re.findall(rb"token=(HGs1[\w-]+)", answer.body)[-1]
        await asyncio.sleep(2.1)
        _, later = await viewer.get(where)
        second = re.findall(rb"token=(HGs1[\w-]+)", later.body)[-1]
        assert viewer.redirects == 1
        if mode == "query":
            assert first != second
            assert await viewer.status(f"/vod/film/hd/0.ts?token={first.decode()}") == 403
        assert await viewer.status(f"/vod/film/hd/0.ts?token={second.decode()}") == 200


async def test_a_cookie_is_renewed_by_segments_too(tmp_path: Path) -> None:
    policy: dict[str, object] = {"ttl_seconds": 2, "max_seconds": 600}
    async with running(tmp_path, mount("cookie", policy)) as gateway:
        fill(gateway)
        viewer, text = Viewer(gateway), external(gateway, PathScope.prefix("/vod/film"))
        await viewer.references(f"/vod/film/hd/i.m3u8?token={text}")
        seen = {viewer.cookies["token"]}
        for _ in range(7):
            assert await viewer.status("/vod/film/hd/0.ts") == 200
            seen.add(viewer.cookies["token"])
            await asyncio.sleep(0.5)
    assert len(seen) >= 3


async def test_an_edge_may_keep_a_manifest_that_a_session_asks_for(tmp_path: Path) -> None:
    """In define mode the redirect is the viewer's own, and the manifest behind it everybody's."""
    edge = {"trust": "asks", "secrets": [SECRET]}
    async with running(tmp_path, mount("define", edge=edge)) as gateway:
        fill(gateway)
        text = external(gateway, PathScope.prefix("/vod/film"))
        field = f"X-Headgate-Edge: {SECRET}"
        first = await gateway.ask(f"/vod/film/m.m3u8?token={text}", field)
        assert (first.status, first["cache-control"], "cdn-cache-control" in first) == (302, "no-store", False)
        bodies = set()
        for _ in range(2):
            sent_to = (await gateway.ask(f"/vod/film/m.m3u8?token={text}", field))["location"]
            answer = await gateway.ask(sent_to, field)
            assert "cdn-cache-control" in answer
            bodies.add(answer.body)
    assert len(bodies) == 1


async def test_behind_an_edge_a_cookie_lasts_as_long_as_the_session(tmp_path: Path) -> None:
    edge = {"trust": "asks", "secrets": [SECRET]}
    async with running(tmp_path, mount("cookie", edge=edge)) as gateway:
        fill(gateway)
        text = external(gateway, PathScope.prefix("/vod/film"))
        answer = await gateway.ask(f"/vod/film/m.m3u8?token={text}", f"X-Headgate-Edge: {SECRET}")
    age = re.search(r"Max-Age=(\d+)", answer["set-cookie"])
    assert age is not None
    assert 14_398 <= int(age[1]) <= 14_400
    assert "cdn-cache-control" not in answer


async def test_the_log_names_the_session_and_not_the_token(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    async with running(tmp_path, mount(), log={"access": True}) as gateway:
        fill(gateway)
        viewer = Viewer(gateway)
        [playlist] = await viewer.references(
            f"/vod/film/m.m3u8?token={external(gateway, PathScope.prefix('/vod/film'))}"
        )
        await viewer.references(playlist)
    lines = [msgspec.json.decode(line) for line in capfdbinary.readouterr().out.splitlines() if line.startswith(b"{")]
    told = [(line["headgate.dialect"], line["headgate.session_id"], line["headgate.token_id"]) for line in lines]
    assert [dialect for dialect, _, _ in told] == ["jwt", "session"]
    assert told[0][1:] == told[1][1:]
    assert told[0][2] == "t-1"
    assert not any(quote(token) in str(lines) for token in viewer.tokens)


async def test_without_an_exchange_the_original_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path, mount(session={"exchange": "external"})) as gateway:
        fill(gateway)
        text = external(gateway, PathScope.prefix("/vod/film"))
        answer = await gateway.ask(f"/vod/film/m.m3u8?token={text}")
    assert text.encode() in answer.body


@pytest.mark.parametrize("mode", MODES)
async def test_the_original_goes_on_under_its_own_name(mode: str, tmp_path: Path) -> None:
    mounts = mount(mode, {"exchange": "never"}, tokens={"jwt": {"token_name": "own"}})
    async with running(tmp_path, mounts) as gateway:
        fill(gateway)
        viewer, text = Viewer(gateway), external(gateway, PathScope.prefix("/vod/film"))
        [playlist] = await viewer.references(f"/vod/film/m.m3u8?own={text}")
        segments = await viewer.references(playlist)
        assert [await viewer.status(segment) for segment in segments] == [200, 200]
        assert viewer.tokens == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("dialect", "algorithm"),
    [("akamai", Algorithm.SHARED), ("cloudfront", Algorithm.RS256), ("bunny", Algorithm.SHARED)],
)
async def test_other_dialects_begin_sessions_unasked(
    dialect: str, algorithm: Algorithm, mode: str, tmp_path: Path
) -> None:
    """Their tokens are several parameters, or open one URL; what goes on from the manifest is one token of ours."""
    cdn = KeyRing([new_key(algorithm, "c1")])
    await asyncio.to_thread(write_ring, tmp_path / "cdn.json", cdn)
    mounts = mount(mode, {"exchange": "external"}, dialects=[dialect], tokens={dialect: {"keys": "cdn"}})
    async with running(tmp_path, mounts, keyrings={"cdn": {"file": "cdn.json"}}) as gateway:
        fill(gateway)
        now = time.time()
        claims = Claims(expires=float(int(now + 60)), scope=PathScope.exact("/vod/film/m.m3u8"), dialect=dialect)
        url = "http://cdn.example/vod/film/m.m3u8"
        if dialect == "cloudfront":
            claims = replace(claims, scope=None, urls=ExactUrl(url))
        gate = Gate(realm_of(gateway.configured.mount[0]))
        signed = gate.sign(url, claims, {"main": gateway.ring, "cdn": cdn}, now)
        viewer = Viewer(gateway)
        [playlist] = await viewer.references(signed.removeprefix("http://cdn.example"))
        segments = await viewer.references(playlist)
        assert [await viewer.status(segment) for segment in segments] == [200, 200]
        # The token itself still opens the manifest alone.
        assert await viewer.status(f"/vod/film/hd/0.ts?{signed.partition('?')[2]}") == 403
    assert viewer.tokens


async def test_without_a_key_that_signs_sessions_the_reason_is_told(tmp_path: Path) -> None:
    elsewhere = {"main": {"file": "keys.json"}, "public": {"file": "public.json"}}
    await asyncio.to_thread(write_ring, tmp_path / "public.json", KeyRing([new_key(Algorithm.ES256, "e1")]))
    async with running(tmp_path, mount(session={"keys": "public"}), keyrings=elsewhere) as gateway:
        fill(gateway)
        answer = await gateway.ask(f"/vod/film/m.m3u8?token={external(gateway, PathScope.prefix('/vod/film'))}")
        assert (answer.status, msgspec.json.decode(answer.body)["reason"]) == (503, "session_unsigned")
