"""`headgate warm`, against real servers."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from origin.cli import run
from origin.shield.walk import MAX_MANIFEST_BYTES
from tests.redis_server import free_port
from tests.stories.gateway import running

PLAYLIST = b"#EXTM3U\n#EXT-X-BYTERANGE:3@0\n#EXTINF:6,\n1.ts\n#EXTINF:6,\n2.ts\n#EXT-X-ENDLIST\n"
SECRET = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ2aWV3ZXIifQ.c2lnbmF0dXJl"


class Origin(ThreadingHTTPServer):
    """Answers with what `objects` has, and notes who asks for what."""

    def __init__(self, objects: Mapping[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects = objects
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Origin

    def do_GET(self) -> None:  # the library's name
        self.server.asked.append((self.path, self.headers["Range"]))
        path = self.path.partition("?")[0]
        body = self.server.objects.get(path)
        if path == "/moved.m3u8":
            self._answer(302, b"", Location="/x.m3u8")
        elif body is None:
            self._answer(404, b"")
        elif path == "/cut.ts":
            self._answer(200, body, Content_Length=str(len(body) + 1))
        else:
            self._answer(206 if self.headers["Range"] else 200, body, Cache_Status="Edge; hit")

    def _answer(self, status: int, body: bytes, **fields: str) -> None:
        self.send_response(status)
        for name, value in ({"Content_Length": str(len(body))} | fields).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        del format, args


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin({"/x.m3u8": PLAYLIST, "/1.ts": b"one", "/2.ts": b"second"}) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_title(origin: Origin, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["warm", f"{origin.url}/x.m3u8?token={SECRET}#t"]) == 0
    assert sorted(origin.asked, key=str) == [
        (f"/1.ts?token={SECRET}", "bytes=0-2"),
        (f"/2.ts?token={SECRET}", None),
        (f"/x.m3u8?token={SECRET}", None),
    ]
    told = capsys.readouterr()
    *lines, last = told.out.splitlines()
    assert {line.rpartition("/")[2] for line in lines} == {"x.m3u8", "1.ts", "2.ts"}
    assert last == f"3 objects, {len(PLAYLIST) + 9} bytes: 3 hits, 0 misses"
    assert "token" not in told.out + told.err


def test_for_programs(origin: Origin, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["warm", f"{origin.url}/x.m3u8", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {
        "ok": True,
        "objects": 3,
        "bytes": len(PLAYLIST) + 9,
        "hits": 3,
        "misses": 0,
        "cut": False,
        "failures": [],
    }


@pytest.mark.parametrize(
    ("name", "options", "fault"),
    [
        ("2.ts", (), "status 404"),
        ("cut.ts", (), "broken off"),
        ("moved.m3u8", (), "status 302"),
    ],
)
def test_what_fails(
    origin: Origin, name: str, options: tuple[str, ...], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    origin.objects = {"/x.m3u8": f"#EXTM3U\n#EXTINF:6,\n{name}?token={SECRET}\n".encode(), "/cut.ts": b"cut"}
    assert run(["warm", f"{origin.url}/x.m3u8", "--json", *options]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["failures"] == [{"url": f"{origin.url}/{name}", "fault": fault}]
    assert (said["ok"], said["objects"]) == (False, 1)
    assert run(["warm", f"{origin.url}/x.m3u8", *options]) == 1
    assert "1 failed" in capsys.readouterr().out


def test_redirections_are_followed_with_the_hosts(origin: Origin) -> None:
    assert run(["warm", f"{origin.url}/moved.m3u8"]) == 1
    assert run(["warm", f"{origin.url}/moved.m3u8", "--follow-hosts"]) == 0
    assert ("/1.ts", "bytes=0-2") in origin.asked


def test_an_endless_manifest(origin: Origin, capsys: pytest.CaptureFixture[str]) -> None:
    origin.objects = {"/x.m3u8": PLAYLIST + b"#" * MAX_MANIFEST_BYTES}
    assert run(["warm", f"{origin.url}/x.m3u8", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["failures"][0]["fault"] == "too large for a manifest"


@pytest.mark.parametrize("bound", [("--limit", "2"), ("--max-bytes", str(len(PLAYLIST) + 4))])
def test_bounds(origin: Origin, bound: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["warm", f"{origin.url}/x.m3u8", "--concurrency", "1", *bound]) == 1
    assert capsys.readouterr().out.endswith("not all of it: a limit was reached\n")


def test_a_server_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{free_port()}/x.m3u8"
    assert run(["warm", f"{url}?token={SECRET}", "--json"]) == 3
    said = capsys.readouterr()
    assert json.loads(said.out)["failures"] == [{"url": url, "fault": "no connection"}]
    assert SECRET not in said.out + said.err


@pytest.mark.parametrize(
    "url",
    [
        "/x.m3u8",
        "ftp://cdn.example/x",
        "http://",
        "http:///x",
        "http://cdn.example:x/",
        "http://a/ b",
        "http://[/",
        "http://ä/",
    ],
)
def test_what_is_no_url(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["warm", url]) == 2
    assert capsys.readouterr().err.startswith("headgate: the URL is http://")


FILM = {
    "film/x.m3u8": b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv/hd.m3u8\n",
    "film/v/hd.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n1.m4s\n#EXTINF:6,\n2.m4s\n#EXT-X-ENDLIST\n",
    "film/x.mpd": b"""<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" mediaPresentationDuration="PT12S">
<Period><AdaptationSet>
<SegmentTemplate duration="6" media="$RepresentationID$/$Number$.m4s"/><Representation id="v"/>
</AdaptationSet></Period></MPD>""",
    "film/v/1.m4s": b"one",
    "film/v/2.m4s": b"two",
}


@pytest.mark.parametrize("propagate", ["query", "define", "path", "cookie"])
async def test_signed_titles_through_the_gateway(
    tmp_path: Path, propagate: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mount = {"prefix": "/vod", "storage": "file:media", "access": "signed", "keys": "main", "propagate": propagate}
    cors = {"origins": [], "credentials": True}  # what a cookie needs
    async with running(tmp_path, [{**mount, "cors": cors}]) as gateway:
        for path, data in FILM.items():
            gateway.put(path, data)
        token = gateway.token()
        for name, count in (("x.m3u8", 4), ("x.mpd", 3)):
            url = f"http://127.0.0.1:{gateway.where.public_port}/vod/film/{name}"
            assert await asyncio.to_thread(run, ["warm", f"{url}?token={token}"]) == 0
            told = capsys.readouterr()
            assert f"{count} objects, " in told.out
            assert token not in told.out + told.err
            assert await asyncio.to_thread(run, ["warm", url, "--json"]) == 1  # without a token
            assert json.loads(capsys.readouterr().out)["objects"] == 0
