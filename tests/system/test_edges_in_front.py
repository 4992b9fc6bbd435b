"""nginx and Varnish in front of a gateway that pulls: each object crosses each line once, whoever asks for it."""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from auth import Algorithm, Claims, Gate, KeyRing, PathScope, Realm
from origin.keystore.file import add_key
from origin.keystore.generate import new_key
from tests.redis_server import free_port
from tests.system.edges import nginx_in_front, varnish_in_front
from tests.system.fleet_site import fleet_configuration
from tests.system.processes import Answer, Gateway, serving, wait_until
from tests.system.upstream import Upstream

pytestmark = pytest.mark.system

SECRET = "the-secret-of-the-edge-in-front"
SLICE = 256 * 1024
BODY = os.urandom(3 * SLICE + 1000)
VIEWERS = 24

MOUNT = """
[keyrings.main]
file = "keys.json"
[[mount]]
prefix = "/vod"
storage = "{storage}"
access = "signed"
keys = "main"
[mount.upstream]
private_networks = ["127.0.0.0/8"]
[mount.shield]
slice_bytes = 262144
[mount.edge]
trust = "{trust}"
secrets = ["{secret}"]
"""

KEY = "a-key-of-the-operators"
ADMIN = f"""
[admin.api_keys.operators]
sha256 = "{sha256(KEY.encode()).hexdigest()}"
permissions = ["purge"]
[[edge_purge]]
name = "front"
kind = "varnish"
url = "http://127.0.0.1:{{port}}"
xkey = false
"""


@dataclass(frozen=True, slots=True)
class Site:
    """A gateway, what it pulls from, and the edge that viewers ask."""

    upstream: Upstream
    gateway: Gateway
    ring: KeyRing
    edge_port: int

    def signed(self, path: str, viewer: int) -> str:
        """`path` with a token of this viewer's own."""
        now = time.time()
        claims = Claims(expires=now + 600, scope=PathScope.prefix("/vod/"), subject=f"viewer-{viewer}")
        return Gate(Realm("/vod")).sign(path, claims, self.ring, now)

    def ask(self, target: str, fields: Mapping[str, str] | None = None) -> Answer:
        """The edge's answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.edge_port, timeout=30)
        try:
            connection.request("GET", target, headers={"Host": "cdn.example", **(fields or {})})
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, named, answer.read())
        finally:
            connection.close()

    def crowd(self, path: str, fields: Mapping[str, str] | None = None) -> list[Answer]:
        """What so many viewers get who ask at once, each with another token."""
        targets = [self.signed(path, viewer) for viewer in range(VIEWERS)]
        assert len(set(targets)) == VIEWERS
        with ThreadPoolExecutor(VIEWERS) as pool:
            return list(pool.map(lambda target: self.ask(target, fields), targets))

    def purge(self, **items: list[str]) -> None:
        """Tell the gateway, which tells the edge."""
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.ports["admin"], timeout=10)
        try:
            fields = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
            connection.request("POST", "/api/v1/purge", json.dumps(items), fields)
            assert connection.getresponse().status == 200
        finally:
            connection.close()

    def asked(self, path: str) -> int:
        """How often the gateway was asked for it by GET."""
        last = f"/vod/last-{time.monotonic()}"
        self.gateway.get(last)
        wait_until(lambda: any(one["url.path"] == last for one in self.gateway.access_log()), "the log is written")
        log = self.gateway.access_log()
        gets = [str(one["url.path"]).partition("?")[0] for one in log if one["http.request.method"] == "GET"]
        return gets.count(path)


@contextmanager
def pulling(folder: Path, trust: str, extra: str = "") -> Iterator[tuple[Upstream, Gateway, KeyRing]]:
    ring = add_key(folder / "keys.json", new_key(Algorithm.HS256))
    with Upstream() as upstream:
        mount = MOUNT.format(storage=upstream.url, trust=trust, secret=SECRET)
        config = fleet_configuration(folder, "one", upstream.url, None, mounts=mount, extra=extra)
        with serving(config) as gateway:
            yield upstream, gateway, ring


@contextmanager
def behind_nginx(folder: Path, trust: str) -> Iterator[Site]:
    directives = (
        f"proxy_set_header X-Headgate-Edge {SECRET}; proxy_ignore_headers Cache-Control Expires Set-Cookie; "
        "proxy_ignore_client_abort on;"
    )
    with pulling(folder, trust) as (upstream, gateway, ring):
        port = gateway.ports["public"]
        with nginx_in_front(folder, port, directives, SLICE, asks=trust == "asks") as edge_port:
            yield Site(upstream, gateway, ring, edge_port)


@contextmanager
def behind_varnish(folder: Path) -> Iterator[Site]:
    fetch = f'set bereq.http.X-Headgate-Edge = "{SECRET}";'
    port = free_port()
    with pulling(folder, "verifies", ADMIN.format(port=port)) as (upstream, gateway, ring):
        # It checks tokens itself; here it takes whoever has any.
        recv = 'if (req.url !~ "token=.") { return (synth(403)); }'
        with varnish_in_front(folder, gateway.ports["public"], recv, fetch, port) as edge_port:
            yield Site(upstream, gateway, ring, edge_port)


def joined(ranges: list[str]) -> list[tuple[int, int]]:
    """The runs of bytes that ranges come to; AssertionError where two of them overlap."""
    runs: list[tuple[int, int]] = []
    for first, last in sorted((int(one[6:].split("-")[0]), one.split("-")[1]) for one in ranges):
        stop = int(last) + 1 if last else len(BODY)
        if runs and runs[-1][1] == first:
            runs[-1] = (runs[-1][0], stop)
        else:
            assert not runs or runs[-1][1] < first, ranges
            runs.append((first, stop))
    return runs


@pytest.mark.needs("nginx")
@pytest.mark.parametrize("trust", ["asks", "verifies"])
def test_nginx_in_slices(tmp_path: Path, trust: str) -> None:
    """Slices are pulled once from the gateway, and once by it, for ranges as for all of it."""
    with behind_nginx(tmp_path, trust) as site:
        site.upstream.put("/film/1.ts", BODY, think_seconds=0.3)
        answers = site.crowd("/vod/film/1.ts", {"Range": f"bytes={SLICE - 100}-{SLICE + 99}"})
        for answer in answers:
            assert (answer.status, answer.body) == (206, BODY[SLICE - 100 : SLICE + 100])
            assert answer.headers["content-range"] == f"bytes {SLICE - 100}-{SLICE + 99}/{len(BODY)}"
        assert site.asked("/vod/film/1.ts") == 2
        answers = site.crowd("/vod/film/1.ts")
        assert {(answer.status, answer.body == BODY) for answer in answers} == {(200, True)}
        assert site.asked("/vod/film/1.ts") == 4
        assert joined(site.upstream.pulled("/film/1.ts")) == [(0, len(BODY))]
        again = site.ask(site.signed("/vod/film/1.ts", 1))
        assert (again.headers["x-edge"], again.body == BODY) == ("HIT", True)
        assert "headgate" in again.headers["cache-status"].lower()
        assert all("token" not in one.path for one in site.upstream.asked)


@pytest.mark.needs("nginx")
def test_nginx_serves_nobody_whom_the_gateway_refuses(tmp_path: Path) -> None:
    with behind_nginx(tmp_path, "asks") as site:
        site.upstream.put("/film/1.ts", BODY)
        signed = site.signed("/vod/film/1.ts", 1)
        assert site.ask(signed).status == 200
        assert site.ask("/vod/film/1.ts").status in {401, 403}
        assert site.ask(signed[:-3] + "abc").status in {401, 403}
        assert site.ask(signed).headers["x-edge"] == "HIT"


@pytest.mark.needs("varnishd")
def test_varnish(tmp_path: Path) -> None:
    with behind_varnish(tmp_path) as site:
        site.upstream.put("/film/1.ts", BODY, think_seconds=0.3)
        answers = site.crowd("/vod/film/1.ts")
        assert {(answer.status, answer.body == BODY) for answer in answers} == {(200, True)}
        assert site.asked("/vod/film/1.ts") == 1
        assert site.upstream.pulled("/film/1.ts") == [""]
        for answer in site.crowd("/vod/film/1.ts", {"Range": "bytes=1000-1999"}):
            assert (answer.status, answer.body) == (206, BODY[1000:2000])
            assert answer.headers["x-edge"] == "HIT"
            assert int(answer.headers["age"]) < 60
        assert site.asked("/vod/film/1.ts") == 1
        assert site.ask("/vod/film/1.ts").status == 403


@pytest.mark.needs("varnishd")
def test_what_varnish_may_keep_and_what_viewers_may(tmp_path: Path) -> None:
    """A proven edge is told in its own field; a player's cache takes the answer for its viewer's alone."""
    with behind_varnish(tmp_path) as site:
        site.upstream.put("/film/1.ts", BODY)
        edge = site.gateway.get("/vod/film/1.ts", {"X-Headgate-Edge": SECRET})
        assert "max-age" in edge.headers["cdn-cache-control"]
        assert "private" in edge.headers["cache-control"]
        viewer = site.gateway.get(site.signed("/vod/film/1.ts", 1))
        assert "cdn-cache-control" not in viewer.headers
        assert "private" in viewer.headers["cache-control"]
        assert site.upstream.pulled("/film/1.ts") == [""]
        site.upstream.put("/film/2.ts", b"", {"Cache-Control": "no-store"})
        for viewer_number in range(3):
            answer = site.ask(site.signed("/vod/film/2.ts", viewer_number))
            assert (answer.status, answer.headers["x-edge"]) == (200, "MISS")
        assert site.upstream.pulled("/film/2.ts") == ["", "", ""]


@pytest.mark.needs("varnishd")
@pytest.mark.parametrize("scope", ["urls", "prefixes", "tags"])
def test_a_purge_reaches_varnish(tmp_path: Path, scope: str) -> None:
    """It is in force at the gateway first, so that the edge cannot be given the old one again."""
    item = {"urls": "/vod/film/1.ts", "prefixes": "/vod/film", "tags": "film-7"}[scope]
    with behind_varnish(tmp_path) as site:
        signed = [site.signed(path, 1) for path in ("/vod/film/1.ts", "/vod/other/1.ts")]
        site.upstream.put("/film/1.ts", b"first", {"Surrogate-Key": "all film-7"})
        site.upstream.put("/other/1.ts", b"first", {"Surrogate-Key": "all film-77"})
        assert [site.ask(target).body for target in signed] == [b"first", b"first"]
        site.upstream.put("/film/1.ts", b"second", {"Surrogate-Key": "all film-7"})
        site.upstream.put("/other/1.ts", b"second", {"Surrogate-Key": "all film-77"})
        assert [site.ask(target).headers["x-edge"] for target in signed] == ["HIT", "HIT"]
        site.purge(**{scope: [item]})
        wait_until(lambda: site.ask(signed[0]).body == b"second", "the edge has been told", 2.0)
        assert site.ask(signed[1]).body == b"first"
