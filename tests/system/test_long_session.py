"""hls.js in a real browser plays a live stream long after its first token has expired, and across a key rotation."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Response, sync_playwright

from auth import Algorithm, Claims, Gate, KeyRing, PathScope, Realm, Token, Transport
from auth.carriage import Found
from auth.dialects.session import Session
from origin.demo.players import ensure_players
from origin.keystore.file import write_ring
from origin.keystore.generate import new_key
from tests.parts import find_part
from tests.system.processes import serving, wait_until, write_configuration

pytestmark = [pytest.mark.system, pytest.mark.needs("chromium", "ffmpeg", "node", "npm"), pytest.mark.timeout(300)]

PLAYED_SECONDS = 20
TOKEN_SECONDS = 5  # of the token that the viewer comes with
TTL, RENEW = 6, 3  # of a session's tokens: four and more are needed while it plays
RING = KeyRing([new_key(Algorithm.HS256, "k1")])

_ENCODER = (
    *("-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-re", "-f", "lavfi", "-i", "sine=frequency=440"),
    *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25", "-c:a", "aac", "-t", "120"),
    *("-f", "hls", "-hls_time", "1", "-hls_list_size", "6", "-hls_flags", "delete_segments+temp_file"),
    *("-master_pl_name", "m.m3u8", "-hls_segment_filename", "%d.ts", "i.m3u8"),
)
_BROWSER = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--autoplay-policy=no-user-gesture-required")
_PLAY = """source => {
  const video = document.querySelector("video");
  const hls = new Hls({ debug: false });
  hls.on(Hls.Events.ERROR, (_, data) => { if (data.fatal) window.failed ??= data.details });
  video.addEventListener("playing", () => { window.begun ??= video.currentTime });
  hls.loadSource(source);
  hls.attachMedia(video);
  video.play();
}"""
_DONE = "seconds => window.failed || document.querySelector('video').currentTime - window.begun >= seconds"


@pytest.fixture
def media(tmp_path: Path) -> Iterator[Path]:
    """A folder with a live stream in it."""
    folder = tmp_path / "media" / "film"
    folder.mkdir(parents=True)
    command = [str(find_part("ffmpeg")), "-hide_banner", "-loglevel", "error", *_ENCODER]
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL) as encoder:
        try:
            wait_until(lambda: (folder / "m.m3u8").exists() and (folder / "2.ts").exists(), "the encoder began")
            yield folder.parent
        finally:
            encoder.kill()


def configuration(folder: Path, mode: str) -> Path:
    write_ring(folder / "keys.json", RING)
    mount = (
        '[keyrings.main]\nfile = "keys.json"\n[[mount]]\nprefix = "/live"\nstorage = "file:media"\naccess = "signed"\n'
        f'keys = "main"\npropagate = "{mode}"\nleeway_seconds = 0\ncors.origins = []\n'
        f'session = {{ exchange = "always", ttl_seconds = {TTL}, renew_seconds = {RENEW} }}\n'
    )
    return write_configuration(folder, mount)


def tokens_on(responses: list[Response]) -> set[str]:
    """The session tokens that the requests for segments carried."""
    segments = [one for one in responses if urlsplit(one.url).path.endswith(".ts")]
    return {
        token
        for one in segments
        for token in re.findall(r"HGs1[\w-]+", one.url + json.dumps(one.request.all_headers()))
    }


def rotate(keys: Path) -> None:
    """A new key takes over while the player plays."""
    command = (sys.executable, "-m", "origin", "keys", "rotate", str(keys), "--kid", "k2", "--lead", "3")
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=30)


def key_of(token: str) -> str:
    """The id of the key that a session token names."""
    said = dict(Session().describe(Found(Token(token), Transport.QUERY, "", "")))
    return said["kid"]


@pytest.mark.parametrize("mode", ["query", "path", "define", "cookie"])
def test_playback_outlives_the_tokens(mode: str, media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    players = tmp_path / "players"
    asyncio.run(ensure_players(players))
    monkeypatch.setenv("PLAYWRIGHT_NODEJS_PATH", str(find_part("node")))
    with serving(configuration(media.parent, mode)) as gateway, sync_playwright() as playwright:
        base = f"http://127.0.0.1:{gateway.ports['public']}"
        browser = playwright.chromium.launch(executable_path=find_part("chromium"), args=_BROWSER)
        page = browser.new_page()
        responses: list[Response] = []
        page.route(f"{base}/page", lambda route: route.fulfill(body="<video muted></video>", content_type="text/html"))
        page.goto(f"{base}/page")
        page.unroute(f"{base}/page")  # what is intercepted does not show its cookies
        page.add_script_tag(path=players / "hls.min.js")
        page.on("response", lambda response: responses.append(response))  # noqa: PLW0108  # a bound method is refused
        now = time.time()
        claims = Claims(expires=now + TOKEN_SECONDS, scope=PathScope.exact("/live/film/m.m3u8"))
        page.evaluate(_PLAY, base + Gate(Realm("/live")).sign("/live/film/m.m3u8", claims, RING, now))
        page.wait_for_function(_DONE, arg=PLAYED_SECONDS / 2, polling=100, timeout=90_000)
        rotate(media.parent / "keys.json")
        page.wait_for_function(_DONE, arg=PLAYED_SECONDS, polling=100, timeout=90_000)
        failed, tokens = page.evaluate("() => window.failed ?? null"), tokens_on(responses)
        refused = [one.url for one in responses if one.status >= 400]
        browser.close()
    assert (failed, refused) == (None, [])
    # What is inherited from the playlist's own URL lasts as long as the session.
    is_fresh = mode in {"query", "cookie"}
    assert (len(tokens) >= 4) if is_fresh else (len(tokens) == 1), len(tokens)
    assert {key_of(token) for token in tokens} == ({"k1", "k2"} if is_fresh else {"k1"})
