"""`headgate demo --json`: what its one line promises, what it leaves on disk, and how it ends."""

from __future__ import annotations

import http.client
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.system.demo import Demo, ask, running_demo, signed, tampered

pytestmark = [pytest.mark.system, pytest.mark.needs("ffmpeg", "npm"), pytest.mark.timeout(300)]

HLS, MPEG_DASH = "application/vnd.apple.mpegurl", "application/dash+xml"


@pytest.fixture
def own_demo(demo: Demo, tmp_path: Path) -> Iterator[Demo]:
    """A second demo over the same state, for tests that count or end it."""
    with running_demo(tmp_path, demo.state) as running:
        yield running


def requests_counted(demo: Demo) -> Counter[tuple[str, str, str]]:
    """(mount, kind, code) → how many, as a scrape says."""
    families = text_string_to_metric_families(ask(demo.urls["metrics_url"]).body.decode())
    counted: Counter[tuple[str, str, str]] = Counter()
    for sample in (sample for family in families for sample in family.samples):
        if sample.name == "headgate_requests_total":
            counted[sample.labels["mount"], sample.labels["kind"], sample.labels["code"]] += int(sample.value)
    return counted


def files_below(state: Path) -> Mapping[Path, tuple[int, int, int]]:
    """What tells a file that was left alone from one that was written again."""
    facts = {path: path.stat() for path in state.rglob("*") if path.is_file()}
    return {path: (fact.st_ino, fact.st_mtime_ns, fact.st_size) for path, fact in facts.items()}


def test_the_line_names_every_url(demo: Demo) -> None:
    assert set(demo.urls) == {
        *("hls_url", "dash_url", "hls_unsigned_url", "dash_unsigned_url", "player_url", "metrics_url"),
    }
    assert {urlsplit(url).hostname for url in demo.urls.values()} == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("hls_url", HLS),
        ("dash_url", MPEG_DASH),
        ("hls_unsigned_url", HLS),
        ("dash_unsigned_url", MPEG_DASH),
        ("player_url", "text/html; charset=utf-8"),
    ],
)
def test_its_urls_answer(demo: Demo, name: str, content_type: str) -> None:
    answer = ask(demo.urls[name])
    assert (answer.status, answer.headers["Content-Type"]) == (200, content_type)


@pytest.mark.parametrize("name", ["hls_url", "dash_url"])
def test_the_same_stream_is_refused_without_its_token(demo: Demo, name: str) -> None:
    answer = ask(demo.urls[name].partition("?")[0])
    assert (answer.status, answer.reason) == (401, "token_absent")


def test_define_gives_every_viewer_the_same_manifests(demo: Demo) -> None:
    for name in ("index.m3u8", "manifest.mpd"):
        first, second = (
            ask(signed(demo, f"/define/clock/{name}", expires_in=seconds)).body.decode() for seconds in (300, 600)
        )
        assert first == second
        assert "eyJ" not in first


def test_a_scrape_counts_what_was_asked(own_demo: Demo) -> None:
    assert not requests_counted(own_demo)
    for url in (own_demo.urls["hls_url"], own_demo.urls["hls_url"], own_demo.urls["dash_url"]):
        assert ask(url).status == 200
    assert ask(tampered(own_demo.urls["hls_url"])).status == 403
    deadline = time.monotonic() + 10  # an answer is counted when it has been sent, which may be after it was read
    while (counted := requests_counted(own_demo)).total() < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert counted == {
        ("/vod", "multivariant", "200"): 2,
        ("/vod", "mpd", "200"): 1,
        ("/vod", "other", "403"): 1,
    }


def test_it_is_ready(demo: Demo) -> None:
    assert ask(f"{demo.admin}/readyz").status == 200


def test_it_ends_in_good_order(own_demo: Demo) -> None:
    """An idle connection, as every player holds one, is no reason to stay."""
    parts = urlsplit(own_demo.urls["hls_url"])
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        assert connection.getresponse().read().startswith(b"#EXTM3U")
        assert own_demo.stop() == 0
    finally:
        connection.close()


def test_a_second_start_makes_nothing_anew(demo: Demo, tmp_path: Path) -> None:
    before = files_below(demo.state)
    assert any(path.suffix == ".m4s" for path in before)
    with running_demo(tmp_path, demo.state) as second:
        assert second.stop() == 0
    assert files_below(demo.state) == before


def test_no_token_is_written_anywhere(own_demo: Demo) -> None:
    """But for the one line on standard output, which is made of signed URLs."""
    good, bad = signed(own_demo, "/vod/clock/index.m3u8"), tampered(own_demo.urls["dash_url"])
    absent = signed(own_demo, "/vod/clock/absent.m4s")
    assert [ask(url).status for url in (good, bad, absent)] == [200, 403, 404]
    assert own_demo.stop() == 0
    assert own_demo.stdout.read_text().count("\n") == 1
    assert "token=" not in own_demo.stderr.read_text()
    assert "eyJ" not in own_demo.stderr.read_text()
