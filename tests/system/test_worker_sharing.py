"""Two gateways that were told that they are workers of one machine: what one is told the other does, without Redis."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from auth import Algorithm, Claims, Gate, KeyRing, PathScope, Realm
from auth.rules.expressions import UrlRegex
from origin.keystore.file import add_key
from origin.keystore.generate import new_key
from origin.realms import realm_of
from origin.server.worker_environment import DIRECTORY, SLOT
from origin.settings import load
from tests.system.processes import Gateway, headgate, serving, wait_until, write_configuration
from tests.system.upstream import Upstream

pytestmark = pytest.mark.system

PATIENT = 10.0  # what a loaded machine may take for what takes less than a second
KEY = "a-key-of-the-operators"
SITE = f"""
[admin.api_keys.operators]
sha256 = "{sha256(KEY.encode()).hexdigest()}"
permissions = ["purge", "revoke"]
[keyrings.main]
file = "keys.json"
[[mount]]
prefix = "/vod"
storage = "file:media"
access = "signed"
keys = "main"
dialects = ["jwt", "uri-signing"]
public_url = "http://cdn.example"
[mount.limits]
max_streams = 2
lease_seconds = 600
"""


def told(directory: str, slot: str) -> Any:
    """What a supervisor says, as keyword arguments."""
    return {DIRECTORY: directory, SLOT: slot}


@dataclass(frozen=True, slots=True)
class Site:
    """A configuration, its key, and the directory of its workers."""

    config: Path
    ring: KeyRing
    directory: Path

    def worker(self, slot: int, name: str = "") -> contextlib.AbstractContextManager[Gateway]:
        """A worker, which listens on ports of its own."""
        return serving(self.config, name=name or f"worker-{slot}", **told(str(self.directory), str(slot)))

    def target(self, subject: str, name: str) -> str:
        """The film, for a viewer."""
        now = time.time()
        claims = Claims(expires=now + 600, scope=PathScope.prefix("/vod/film/"), subject=subject, token_id=name)
        return Gate(Realm("/vod")).sign("/vod/film/1.ts", claims, self.ring, now)

    def once(self, name: str) -> str:
        """The film, for one request."""
        now = time.time()
        urls = UrlRegex("http://cdn[.]example/vod/film/.*")
        claims = Claims(dialect="uri-signing", expires=int(now + 600), urls=urls, token_id=name, one_time=True)
        gate = Gate(realm_of(load(self.config, {}).mount[0]))
        return f"/vod/film/1.ts?URISigningPackage={gate.mint(claims, self.ring, now).reveal()}"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "media" / "film").mkdir(parents=True)
    (tmp_path / "media" / "film" / "1.ts").write_bytes(b"abc")
    (tmp_path / "workers").mkdir(0o700)
    ring = add_key(tmp_path / "keys.json", new_key(Algorithm.HS256))
    return Site(write_configuration(tmp_path, SITE), ring, tmp_path / "workers")


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


def tell(gateway: Gateway, path: str, said: dict[str, object]) -> None:
    """Something for the control API, which takes it."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.ports["admin"], timeout=20)
    with contextlib.closing(connection):
        fields = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        connection.request("POST", path, json.dumps(said), fields)
        answer = connection.getresponse()
        assert answer.status in {200, 201}, answer.read()


def is_refused(gateway: Gateway, target: str, reason: str) -> bool:
    """Whether the viewer is kept out, and for nothing else."""
    answer = gateway.get(target)
    assert answer.status in {200, 403}, answer.body
    assert (answer.status == 403) is (reason.encode() in answer.body), answer.body
    return answer.status == 403


def test_what_one_revokes_the_other_refuses_and_so_does_whoever_starts_later(site: Site) -> None:
    ann = site.target("ann", "t1")
    with site.worker(0) as one, site.worker(1) as other:
        assert [gateway.get(ann).status for gateway in (one, other)] == [200, 200]
        tell(one, "/api/v1/revocations", {"kind": "subject", "value": "ann", "ttl": 600})
        assert is_refused(one, ann, "token_revoked")
        wait_until(lambda: is_refused(other, ann, "token_revoked"), "the other refuses it", PATIENT)
        assert one.end(signal.SIGKILL) == -signal.SIGKILL
        with site.worker(0, "again") as again:
            assert is_refused(again, ann, "token_revoked")
            assert not is_refused(again, site.target("bob", "t2"), "token_revoked")
            assert again.metric("headgate_revocations") == 1
            assert other.end(signal.SIGKILL) == -signal.SIGKILL
            with site.worker(1, "last") as last:
                assert is_refused(last, ann, "token_revoked")


def test_a_token_for_one_use_is_used_once_and_streams_are_counted_together(site: Site) -> None:
    targets = [site.once(f"once {number}") for number in range(20)]
    with site.worker(0) as one, site.worker(1) as other, ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(gateway.get, target) for target in targets for gateway in (one, other)]
        statuses = [each.result().status for each in asked]
        assert statuses.count(200) == len(targets)
        for first, second in zip(statuses[::2], statuses[1::2], strict=True):
            assert sorted((first, second)) == [200, 403]
        streams = [site.target("ann", f"stream {number}") for number in range(4)]
        assert [gateway.get(streams[number]).status for number, gateway in enumerate((one, other, one, other))] == [
            *(200, 200, 403, 403)
        ]


def test_metrics_of_any_are_of_all_and_outlive_a_killed_one(site: Site) -> None:
    target = site.target("ann", "t1")
    with site.worker(0) as one, site.worker(1) as other:
        counted = partial(Gateway.metric, name="headgate_requests_total", mount="/vod", code="200")
        for _ in range(3):
            assert one.get(target).status == 200
        for _ in range(4):
            assert other.get(target).status == 200
        wait_until(lambda: [counted(one), counted(other)] == [7, 7], "both show the sum")
        assert one.metric("headgate_sent_bytes_total", mount="/vod") == 21
        assert other.metric("headgate_time_to_first_byte_seconds_count", mount="/vod") == 7
        for slot in ("0", "1"):
            assert other.metric("process_resident_memory_bytes", worker=slot) > 0
        assert one.end(signal.SIGKILL) == -signal.SIGKILL
        assert counted(other) == 7
        assert other.metric("process_resident_memory_bytes", worker="0") == 0
        with site.worker(0, "again") as again:
            assert again.get(target).status == 200
            wait_until(lambda: [counted(again), counted(other)] == [8, 8], "both show the sum")
        assert counted(other) == 8
        assert other.metric("headgate_sent_bytes_total", mount="/vod") == 24


def says(gateway: Gateway, path: str) -> bytes:
    """The body there."""
    answer = gateway.get(path)
    assert answer.status == 200
    return answer.body


def test_what_one_purges_the_other_asks_for_again(tmp_path: Path, upstream: Upstream) -> None:
    """No directory is configured: bodies lie in the workers' own, and so do the purges, for whoever starts later."""
    extra = SITE.partition("[keyrings.main]")[0]
    mount = f'[[mount]]\nprefix = "/"\nstorage = "{upstream.url}"\naccess = "open"\n'
    mount += '[mount.upstream]\nprivate_networks = ["127.0.0.0/8"]\n'
    (tmp_path / "workers").mkdir(0o700)
    site = Site(write_configuration(tmp_path, mount, extra=extra), KeyRing([]), tmp_path / "workers")
    for path in ("/a/1.ts", "/b/1.ts"):
        upstream.put(path, b"first", {"Cache-Control": "max-age=600"})
    with site.worker(0) as one, site.worker(1) as other:
        for gateway in (one, other):
            assert says(gateway, "/a/1.ts") == says(gateway, "/b/1.ts") == b"first"
        assert upstream.count("/a/1.ts") == 1, "workers share what is kept"
        for path in ("/a/1.ts", "/b/1.ts"):
            upstream.put(path, b"second", {"Cache-Control": "max-age=600"})
        tell(one, "/api/v1/purge", {"mode": "hard", "urls": ["/a/1.ts"]})
        wait_until(lambda: says(other, "/a/1.ts") == b"second", "the other knows", PATIENT)
        assert says(one, "/a/1.ts") == b"second"
        assert says(other, "/b/1.ts") == says(one, "/b/1.ts") == b"first"
        assert one.end(signal.SIGKILL) == -signal.SIGKILL
        tell(other, "/api/v1/purge", {"mode": "hard", "prefixes": ["/b"]})
        with site.worker(0, "again") as again:
            assert says(again, "/b/1.ts") == b"second"

            def is_heard() -> bool:
                tell(again, "/api/v1/purge", {"mode": "hard", "urls": ["/a/1.ts"]})
                return other.metric("headgate_purges_total", source="bus") >= 1

            wait_until(is_heard, "one of them hears of it on the bus, and not only by the file")


def test_a_place_that_makes_no_sense_ends_the_command(site: Site) -> None:
    ended = headgate("serve", "--config", str(site.config), **told(str(site.directory), "many"))
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert DIRECTORY in ended.stderr
