"""A purge at one node: what every node says a moment later, after an outage of Redis and after a restart."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.parts import find_part
from tests.redis_server import RedisServer
from tests.system.fleet_site import fleet_configuration, nodes
from tests.system.processes import Gateway, serving, wait_until
from tests.system.upstream import Upstream

pytestmark = [pytest.mark.system, pytest.mark.needs("redis-server")]

KEY = "a-key-of-the-operators"
ADMIN = f"""
[admin.api_keys.operators]
sha256 = "{sha256(KEY.encode()).hexdigest()}"
permissions = ["purge"]
"""
WITHIN = 1.0  # seconds, everywhere


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that may be killed."""
    program = find_part("redis-server")
    assert program is not None
    server = RedisServer(program, tmp_path)
    server.start()
    yield server
    server.stop()


def purge(gateway: Gateway, mode: str = "soft", **items: list[str]) -> dict[str, object]:
    """What the node says to it."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.ports["admin"], timeout=10)
    try:
        fields = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        connection.request("POST", "/api/v1/purge", json.dumps({"mode": mode, **items}), fields)
        answer = connection.getresponse()
        told = json.loads(answer.read())
        assert answer.status == 200, told
        assert isinstance(told, dict)
        return told
    finally:
        connection.close()


def says(gateway: Gateway, path: str) -> bytes:
    answer = gateway.get(path)
    assert answer.status == 200
    return answer.body


def is_connected(*gateways: Gateway) -> bool:
    return all(one.metric("headgate_fleet_events_total", event="bus_connected") > 0 for one in gateways)


def configurations(folder: Path, upstream: Upstream, redis: RedisServer) -> list[Path]:
    return [fleet_configuration(folder, name, upstream.url, redis.url, extra=ADMIN) for name in ("a", "b")]


def fill(upstream: Upstream, gateways: list[Gateway], *paths: str, tags: str = "") -> None:
    """Every node keeps the first version of all of them; the upstream has the second."""
    for path in paths:
        upstream.put(path, b"first", {"Surrogate-Key": tags} if tags else {})
    for gateway in gateways:
        for path in paths:
            assert says(gateway, path) == b"first"
    for path in paths:
        upstream.put(path, b"second", {"Surrogate-Key": tags} if tags else {})
    for gateway in gateways:
        assert all(says(gateway, path) == b"first" for path in paths)


@pytest.mark.parametrize("mode", ["soft", "hard"])
def test_every_node_asks_again_within_a_second(
    tmp_path: Path, upstream: Upstream, redis_server: RedisServer, mode: str
) -> None:
    with nodes(*configurations(tmp_path, upstream, redis_server)) as (here, there):
        wait_until(lambda: is_connected(here, there), "both are on the bus")
        fill(upstream, [here, there], "/a/1.ts", "/a/2.ts", "/b/1.ts")
        assert purge(here, mode, urls=["/a/1.ts"])["fleet"] == "announced"
        assert says(here, "/a/1.ts") == b"second"
        wait_until(lambda: says(there, "/a/1.ts") == b"second", "the other node asks again", WITHIN)
        purge(there, mode, prefixes=["/a"])
        assert says(there, "/a/2.ts") == b"second"
        wait_until(lambda: says(here, "/a/2.ts") == b"second", "the other node asks again", WITHIN)
        assert says(here, "/b/1.ts") == says(there, "/b/1.ts") == b"first"
        fill(upstream, [here, there], "/c/1.ts", "/c/2.ts", tags="film-7 all")
        purge(here, mode, tags=["film-7"])
        assert says(here, "/c/1.ts") == says(here, "/c/2.ts") == b"second"
        wait_until(lambda: says(there, "/c/1.ts") == b"second", "the other node asks again", WITHIN)
        assert says(there, "/c/2.ts") == b"second"
        assert says(there, "/b/1.ts") == b"first"


def test_soft_asks_whether_it_has_changed_and_hard_asks_for_all_of_it(
    tmp_path: Path, upstream: Upstream, redis_server: RedisServer
) -> None:
    config = configurations(tmp_path, upstream, redis_server)[0]
    with serving(config) as gateway:
        upstream.put("/1.ts", b"same")
        says(gateway, "/1.ts")
        purge(gateway, "soft", urls=["/1.ts"])
        assert "fwd-status=304" in gateway.get("/1.ts").headers["cache-status"]
        assert "if-none-match" in upstream.asked[-1].fields
        purge(gateway, "hard", urls=["/1.ts"])
        assert "fwd-status=200" in gateway.get("/1.ts").headers["cache-status"]
        assert "if-none-match" not in upstream.asked[-1].fields
        assert upstream.count("/1.ts") == 3
        says(gateway, "/1.ts")
        assert upstream.count("/1.ts") == 3
        purge(gateway, "soft", urls=["/1.ts"])
        upstream.fails_with = 503
        assert says(gateway, "/1.ts") == b"same"  # stale, rather than nothing
        purge(gateway, "hard", urls=["/1.ts"])
        assert gateway.get("/1.ts").status in {502, 503, 504}


def test_a_purge_while_redis_is_away_reaches_all_when_it_is_back(
    tmp_path: Path, upstream: Upstream, own_redis: RedisServer
) -> None:
    with nodes(*configurations(tmp_path, upstream, own_redis)) as (here, there):
        wait_until(lambda: is_connected(here, there), "both are on the bus")
        fill(upstream, [here, there], "/1.ts")
        own_redis.kill()
        assert purge(here, urls=["/1.ts"])["fleet"] == "pending"
        assert says(here, "/1.ts") == b"second"
        assert says(there, "/1.ts") == b"first"
        own_redis.start()
        wait_until(lambda: says(there, "/1.ts") == b"second", "the other node has been told")


def test_a_purge_outlives_the_node(tmp_path: Path, upstream: Upstream, own_redis: RedisServer) -> None:
    """Its disk keeps both what was purged and that it was, with and without Redis."""
    config = configurations(tmp_path, upstream, own_redis)[0]
    with serving(config) as gateway:
        fill(upstream, [gateway], "/1.ts", "/2.ts")
        own_redis.kill()
        purge(gateway, "hard", urls=["/1.ts"])
    with serving(config) as gateway:
        assert says(gateway, "/2.ts") == b"first"
        assert says(gateway, "/1.ts") == b"second"


def test_a_node_that_was_down_during_the_purge(tmp_path: Path, upstream: Upstream, redis_server: RedisServer) -> None:
    first, second = configurations(tmp_path, upstream, redis_server)
    with serving(first, name="a") as here:
        with serving(second, name="b") as there:
            fill(upstream, [here, there], "/1.ts", "/2.ts")
        purge(here, "hard", urls=["/1.ts"])
        with serving(second, name="b") as there:
            assert says(there, "/1.ts") == b"second"
            assert says(there, "/2.ts") == b"first"


def test_what_is_on_its_way_when_it_is_purged_is_not_kept(
    tmp_path: Path, upstream: Upstream, redis_server: RedisServer
) -> None:
    """The pull began before the purge: nobody can know which version it brings."""
    with nodes(*configurations(tmp_path, upstream, redis_server)) as (here, there):
        wait_until(lambda: is_connected(here, there), "both are on the bus")
        upstream.put("/1.ts", b"first" * 1000, body_seconds=1.0)
        connection = http.client.HTTPConnection("127.0.0.1", here.ports["public"], timeout=10)
        connection.request("GET", "/1.ts")
        answer = connection.getresponse()
        upstream.put("/1.ts", b"second")
        purge(there, "hard", urls=["/1.ts"])
        assert answer.read() == b"first" * 1000
        connection.close()
        wait_until(lambda: says(here, "/1.ts") == b"second", "it is asked for again", WITHIN)
        assert says(there, "/1.ts") == b"second"


def ask_to_purge(gateway: Gateway, target: str, fields: dict[str, str] | None = None) -> int:
    """The status of a PURGE on the public listener."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.ports["public"], timeout=10)
    try:
        connection.request("PURGE", target, headers=fields or {})
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_method(tmp_path: Path, upstream: Upstream, redis_server: RedisServer) -> None:
    """From addresses that are trusted with it, and not when it was handed on."""
    configs = configurations(tmp_path, upstream, redis_server)
    told = configs[0].read_text().replace("[public]", '[public]\npurge_from = ["127.0.0.1/32"]')
    configs[0].write_text(told)
    with nodes(*configs) as (here, there):
        wait_until(lambda: is_connected(here, there), "both are on the bus")
        fill(upstream, [here, there], "/a/1.ts", "/a/2.ts", tags="film-7")
        fill(upstream, [here, there], "/b/1.ts")
        assert ask_to_purge(there, "/a/1.ts") == 405
        assert ask_to_purge(here, "/a/1.ts", {"X-Forwarded-For": "192.0.2.1"}) == 405
        assert says(here, "/a/1.ts") == says(there, "/a/1.ts") == b"first"
        assert ask_to_purge(here, "/a/1.ts") == 200
        assert says(here, "/a/1.ts") == b"second"
        wait_until(lambda: says(there, "/a/1.ts") == b"second", "the other node asks again", WITHIN)
        assert says(there, "/a/2.ts") == b"first"
        assert ask_to_purge(here, "/", {"Surrogate-Key": "film-7", "X-Purge-Mode": "hard"}) == 200
        assert says(here, "/a/2.ts") == b"second"
        wait_until(lambda: says(there, "/a/2.ts") == b"second", "the other node asks again", WITHIN)
        assert ask_to_purge(here, "/b/*") == 200
        assert says(here, "/b/1.ts") == b"second"
        wait_until(lambda: says(there, "/b/1.ts") == b"second", "the other node asks again", WITHIN)
