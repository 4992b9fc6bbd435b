"""hls.js, dash.js and Shaka Player, in a real browser, play what is signed and say why they may not play the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, sync_playwright

from tests.parts import find_part
from tests.system.demo import Demo, signed, tampered

pytestmark = [pytest.mark.system, pytest.mark.needs("chromium", "ffmpeg", "node", "npm"), pytest.mark.timeout(300)]

PLAYERS = {"hlsjs": "index.m3u8", "dashjs": "manifest.mpd", "shaka-hls": "index.m3u8", "shaka-dash": "manifest.mpd"}
MODES = ("query", "define", "path", "cookie")
MEDIA_SECONDS = 10
_RATE = 8  # so that a test is quick; players fetch and decode as they always do
_WAIT_MILLISECONDS = 30_000

_BROWSER = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"),
)
# The rate is set each time, because players set it back when they attach.
_PLAYED_OR_FAILED = """([seconds, rate]) => {
  document.getElementById("video").playbackRate = rate;
  const player = window.headgatePlayer;
  return player && (player.error || player.currentTime >= seconds);
}"""
_REFUSED = "() => window.headgatePlayer?.error?.reason"


@dataclass(frozen=True, slots=True)
class Fetched:
    """One answer that a player got, and how its request identified itself."""

    url: str
    status: int
    cookies: tuple[str, ...]
    text: str = ""  # of a manifest

    @property
    def is_manifest(self) -> bool:
        return urlsplit(self.url).path.endswith((".m3u8", ".mpd"))

    @property
    def stream(self) -> str:
        """The folder of a segment: 0 to 2 are video, 3 is audio."""
        return urlsplit(self.url).path.split("/")[-2]

    def carries(self, mode: str, token: str) -> bool:
        """Whether the token rode on the request in the mode's own way, and in no other."""
        parts = urlsplit(self.url)
        places = {
            "query": parse_qs(parts.query).get("token") == [token],
            "path": parts.path.startswith(f"/path/token={token}/clock/"),
            "cookie": f"token={token}" in self.cookies,
        }
        return [place for place, is_there in places.items() if is_there] == ["query" if mode == "define" else mode]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with pytest.MonkeyPatch.context() as patch:
        # The node that playwright brings needs a library that a bare machine lacks; ours does not.
        patch.setenv("PLAYWRIGHT_NODEJS_PATH", str(find_part("node")))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_part("chromium"), args=_BROWSER)
            yield browser
            browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A viewer of its own: no cookies, nothing cached."""
    context = browser.new_context()
    yield context
    context.close()


def open_player(page: Page, demo: Demo, **parameters: str) -> None:
    page.goto(f"{demo.urls['player_url']}?{urlencode(parameters)}")


def fetched(demo: Demo, responses: list[Response]) -> list[Fetched]:
    """What came from below a mount. Of equal URLs the first: the browser's cache answers the others."""
    firsts: dict[str, Response] = {}
    for response in responses:
        if response.url.startswith(f"{demo.base}/") and not response.url.startswith(demo.urls["player_url"]):
            firsts.setdefault(response.url, response)
    return [_fetched(response) for response in firsts.values()]


def _fetched(response: Response) -> Fetched:
    cookies = tuple(response.request.all_headers().get("cookie", "").split("; "))
    found = Fetched(response.url, response.status, cookies)
    return replace(found, text=response.text()) if found.is_manifest else found


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("player", PLAYERS)
def test_plays_what_is_signed(demo: Demo, context: BrowserContext, player: str, mode: str) -> None:
    page = context.new_page()
    responses: list[Response] = []
    complaints: list[str] = []
    page.on("response", lambda response: responses.append(response))  # noqa: PLW0108  # a bound method is refused
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    open_player(page, demo, player=player, mode=mode, autoplay="1")
    page.wait_for_function(_PLAYED_OR_FAILED, arg=[MEDIA_SECONDS, _RATE], polling=100, timeout=_WAIT_MILLISECONDS)
    shown = page.evaluate("() => ({ ...window.headgatePlayer })")

    assert (shown["player"], shown["mode"], shown["error"], complaints) == (player, mode, None, [])
    assert shown["currentTime"] >= MEDIA_SECONDS
    assert shown["height"] in {234, 360, 540}
    first, *others = fetched(demo, responses)
    assert_token_travelled(mode, first, others)


def assert_token_travelled(mode: str, first: Fetched, others: list[Fetched]) -> None:
    """From the first manifest's URL to every answer after it."""
    parts = urlsplit(first.url)
    token = parts.path.split("/")[2].removeprefix("token=") if mode == "path" else parse_qs(parts.query)["token"][0]
    assert first.is_manifest
    assert [one.url for one in others if one.status not in {200, 206}] == []
    assert [one.url for one in others if not one.carries(mode, token)] == []
    segments = [one for one in others if one.url.partition("?")[0].endswith(".m4s")]
    for streams in ({"0", "1", "2"}, {"3"}):
        assert sum(one.stream in streams for one in segments) >= MEDIA_SECONDS / 2  # segments last two seconds
    with_token = [one for one in (first, *others) if token in one.text]
    assert bool(with_token) is (mode == "query")


@pytest.mark.parametrize("reason", ["token_expired", "signature_invalid"])
@pytest.mark.parametrize("player", PLAYERS)
def test_says_why_it_may_not_play(demo: Demo, context: BrowserContext, player: str, reason: str) -> None:
    path = f"/vod/clock/{PLAYERS[player]}"
    source = signed(demo, path, expires_in=-60) if reason == "token_expired" else tampered(signed(demo, path))
    page = context.new_page()
    open_player(page, demo, player=player, src=source, autoplay="1")
    page.wait_for_function(_REFUSED, polling=50, timeout=_WAIT_MILLISECONDS)
    shown = page.evaluate("() => ({ ...window.headgatePlayer })")
    assert (shown["state"], shown["currentTime"]) == ("failed", 0)
    assert (shown["error"]["status"], shown["error"]["reason"]) == (403, reason)
    assert reason in page.locator("#alert").inner_text()
    assert page.locator("#status").inner_text().startswith("Playback failed")
