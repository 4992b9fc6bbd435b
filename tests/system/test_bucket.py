"""A mount over a bucket of a real S3 server that checks signatures: streams, the live edge, changes and outages."""

from __future__ import annotations

import http.client
import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from auth import Algorithm, Claims, Gate, KeyRing, PathScope, Realm
from origin.keystore.file import add_key
from origin.keystore.generate import new_key
from tests.fault_proxy import FaultProxy
from tests.s3_server import S3Server
from tests.system.fleet_site import fleet_configuration
from tests.system.processes import Gateway, serving, wait_until

pytestmark = [pytest.mark.system, pytest.mark.needs("moto")]

SEGMENT = os.urandom(700_000)
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n1.ts\n#EXTINF:4,\n2.ts\n#EXT-X-ENDLIST\n"
LIVE = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n1.ts\n"

MOUNTS = """
[keyrings.main]
file = "keys.json"
[[mount]]
prefix = "/vod"
storage = "s3://media/{name}"
access = "signed"
keys = "main"
{bucket}
[[mount]]
prefix = "/open"
storage = "s3://media/{name}"
access = "open"
[mount.cache]
recheck_seconds = 1.0
{bucket}
"""
BUCKET = """
[mount.bucket]
endpoint = "http://127.0.0.1:{port}"
allow_http = true
retries = 0
timeout_seconds = 2.0
[mount.shield]
slice_bytes = 65536
negative_seconds = 0.5
"""


@dataclass(frozen=True, slots=True)
class Site:
    """A gateway and the folder of the bucket that is its own."""

    server: S3Server
    proxy: FaultProxy
    gateway: Gateway
    ring: KeyRing
    name: str

    def put(self, path: str, body: bytes | str) -> None:
        """Write an object."""
        self.server.store().put(f"{self.name}/{path}", body.encode() if isinstance(body, str) else body)

    def signed(self, path: str) -> str:
        """`path` with a token for its directory."""
        now = time.time()
        claims = Claims(expires=now + 600, scope=PathScope.prefix(path.rpartition("/")[0] + "/"))
        return Gate(Realm("/vod")).sign(path, claims, self.ring, now)

    def pulled(self, mount: str) -> float:
        """How often the mount asked the bucket."""
        return self.gateway.metric("headgate_upstream_requests_total", mount=mount)


@pytest.fixture
def site(tmp_path: Path, s3_server: S3Server) -> Iterator[Site]:
    ring = add_key(tmp_path / "keys.json", new_key(Algorithm.HS256))
    name = f"site{time.monotonic_ns()}"
    with FaultProxy(s3_server.port) as proxy:
        mounts = MOUNTS.format(name=name, bucket=BUCKET.format(port=proxy.port))
        config = fleet_configuration(tmp_path, "one", "", None, mounts=mounts)
        with serving(config) as gateway:  # it has the key from the environment
            yield Site(s3_server, proxy, gateway, ring, name)


def test_a_film_behind_a_token(site: Site) -> None:
    site.put("film/index.m3u8", PLAYLIST)
    for name in ("1.ts", "2.ts"):
        site.put(f"film/{name}", SEGMENT)
    assert site.gateway.get("/vod/film/index.m3u8").status == 401
    answer = site.gateway.get(site.signed("/vod/film/index.m3u8"))
    assert answer.status == 200
    named = re.findall(r"^([12]\.ts\?.+)$", answer.body.decode(), re.MULTILINE)
    assert len(named) == 2  # with the token
    for uri in named:
        segment = site.gateway.get(f"/vod/film/{uri}")
        assert (segment.status, segment.body == SEGMENT) == (200, True)
        assert segment.headers["content-type"] == "video/mp2t"
        assert "private" in segment.headers["cache-control"]
    part = site.gateway.get(f"/vod/film/{named[0]}", {"Range": "bytes=100-299"})
    assert (part.status, part.body) == (206, SEGMENT[100:300])
    pulled = site.pulled("/vod")
    for uri in named:
        assert site.gateway.get(f"/vod/film/{uri}").body == SEGMENT
    assert site.pulled("/vod") == pulled
    assert site.gateway.get(f"/vod/film/{named[0][:-3]}abc").status in {401, 403}


def test_viewers_who_ask_at_once_cost_one_request(site: Site) -> None:
    site.put("film/1.ts", SEGMENT)
    site.proxy.delay(0.1)
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: site.gateway.get("/open/film/1.ts"), range(64)))
    assert {(answer.status, answer.body == SEGMENT) for answer in answers} == {(200, True)}
    assert site.pulled("/open") == 1


def test_a_seek_pulls_what_it_needs(site: Site) -> None:
    site.put("film/1.mp4", SEGMENT)
    part = site.gateway.get("/open/film/1.mp4", {"Range": "bytes=400000-400099"})
    assert (part.status, part.body) == (206, SEGMENT[400_000:400_100])
    assert part.headers["content-range"] == f"bytes 400000-400099/{len(SEGMENT)}"
    assert site.gateway.metric("headgate_upstream_received_bytes_total", mount="/open") <= 65536
    last = site.gateway.get("/open/film/1.mp4", {"Range": "bytes=-100"})
    assert (last.status, last.body) == (206, SEGMENT[-100:])
    assert site.gateway.get("/open/film/1.mp4").body == SEGMENT
    assert site.gateway.get("/open/film/1.mp4", {"Range": "bytes=700000-"}).status == 416


def test_the_live_edge(site: Site) -> None:
    """What was not there a moment ago is there soon after it is."""
    missing = site.gateway.get("/open/live/2.ts")
    assert missing.status == 404
    assert "immutable" not in missing.headers["cache-control"]
    asked = site.pulled("/open")
    assert site.gateway.get("/open/live/2.ts").status == 404
    assert site.pulled("/open") <= asked + 1
    site.put("live/2.ts", SEGMENT)
    wait_until(lambda: site.gateway.get("/open/live/2.ts").status == 200, "it is there", 2.0)
    assert site.gateway.get("/open/live/2.ts").body == SEGMENT
    site.put("live/index.m3u8", LIVE)
    assert site.gateway.get("/open/live/index.m3u8").body.decode() == LIVE
    longer = LIVE + "#EXTINF:1,\n2.ts\n"
    site.put("live/index.m3u8", longer)
    wait_until(lambda: site.gateway.get("/open/live/index.m3u8").body.decode() == longer, "the playlist has grown", 4.0)


def test_an_object_that_is_replaced(site: Site) -> None:
    site.put("film/notes.txt", b"one")
    before = site.gateway.get("/open/film/notes.txt")
    site.put("film/notes.txt", b"another")
    wait_until(lambda: site.gateway.get("/open/film/notes.txt").body == b"another", "the new one is seen", 4.0)
    after = site.gateway.get("/open/film/notes.txt")
    assert after.headers["etag"] != before.headers["etag"]
    assert site.gateway.get("/open/film/notes.txt", {"If-None-Match": after.headers["etag"]}).status == 304


@pytest.mark.parametrize("fault", ["cut", "black_hole"])
def test_a_bucket_that_is_away(site: Site, fault: str) -> None:
    site.put("film/1.ts", SEGMENT)
    site.put("film/notes.txt", b"one")
    site.put("film/never.ts", SEGMENT)
    for name in ("1.ts", "notes.txt"):
        assert site.gateway.get(f"/open/film/{name}").status == 200
    time.sleep(1.1)  # until the notes are stale
    getattr(site.proxy, fault)()
    assert site.gateway.get("/open/film/1.ts").body == SEGMENT
    stale = site.gateway.get("/open/film/notes.txt")
    assert (stale.status, stale.body) == (200, b"one")
    assert "source-failed" in stale.headers["cache-status"]
    assert site.gateway.get("/open/film/never.ts").status in {502, 503, 504}
    site.proxy.heal()
    wait_until(lambda: site.gateway.get("/open/film/never.ts").status == 200, "it is there again")
    assert site.gateway.get("/open/film/never.ts").body == SEGMENT


def test_a_body_that_breaks_is_not_kept(site: Site) -> None:
    site.put("film/1.ts", SEGMENT)
    site.proxy.truncate(100_000)
    with pytest.raises((http.client.HTTPException, OSError)):
        site.gateway.get("/open/film/1.ts")
    site.proxy.heal()
    assert site.gateway.get("/open/film/1.ts").body == SEGMENT


def test_a_key_that_may_not_read(site: Site) -> None:
    site.put("film/1.ts", SEGMENT)
    site.server.deny("s3:GetObject")
    try:
        assert site.gateway.get("/open/film/1.ts").status in {502, 503}
    finally:
        site.server.allow_all()
    wait_until(lambda: site.gateway.get("/open/film/1.ts").status == 200, "it may")
    told = site.gateway.stdout.read_text() + site.gateway.stderr.read_text()
    assert site.server.secret not in told
