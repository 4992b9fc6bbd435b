"""Redis comes, goes, hangs and turns us away, and no viewer notices."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from auth import Algorithm, Claims, Gate, KeyRing, PathScope, Realm
from origin.keystore.file import add_key
from origin.keystore.generate import new_key
from tests.parts import find_part
from tests.redis_server import RedisServer, free_port
from tests.system.processes import Gateway, headgate, serving, wait_until, write_configuration

pytestmark = [pytest.mark.system, pytest.mark.needs("redis-server")]

SEGMENT = bytes(range(256)) * 64
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n1.ts\n#EXT-X-ENDLIST\n"

MOUNTS = """
[keyrings.main]
file = "keys.json"
[[mount]]
prefix = "/vod"
storage = "file:media"
access = "signed"
keys = "main"
[mount.cache]
recheck_seconds = 3600.0
[[mount]]
prefix = "/brief"
storage = "file:media"
access = "signed"
keys = "main"
[mount.cache]
recheck_seconds = 0.02
"""


@dataclass(frozen=True, slots=True)
class Site:
    """A folder with a key and as many films as are asked for."""

    folder: Path
    ring: KeyRing
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def config(self, redis_url: str) -> Path:
        """The configuration with this Redis behind the cache."""
        cache = f'[cache]\nredis = "{redis_url}"\nredis_timeout_seconds = 0.1\n'
        return write_configuration(self.folder, MOUNTS, extra=cache)

    def film(self) -> str:
        """A film that nobody has asked for yet."""
        name = f"film{next(self.numbers)}"
        film = self.folder / "media" / name
        film.mkdir(parents=True)
        (film / "index.m3u8").write_text(PLAYLIST)
        (film / "1.ts").write_bytes(SEGMENT)
        return name

    def signed(self, path: str) -> str:
        """`path` with a token for its directory."""
        now = time.time()
        claims = Claims(expires=now + 600, scope=PathScope.prefix(path.rpartition("/")[0] + "/"))
        return Gate(Realm("/" + path.split("/")[1])).sign(path, claims, self.ring, now)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site without films."""
    (tmp_path / "media").mkdir()
    return Site(tmp_path, add_key(tmp_path / "keys.json", new_key(Algorithm.HS256)))


@contextmanager
def pair(site: Site, redis_url: str) -> Iterator[tuple[Gateway, Gateway]]:
    """Two gateways that share a Redis."""
    config = site.config(redis_url)
    with serving(config, name="one") as one, serving(config, name="other") as other:
        yield one, other


def share(site: Site, one: Gateway, other: Gateway) -> bool:
    """Whether a new manifest that `one` has loaded is a shared hit for `other`."""
    target = site.signed(f"/vod/{site.film()}/index.m3u8")
    written = stored(one)
    answer = one.get(target)
    assert answer.status == 200
    assert "fwd=uri-miss" in answer.headers["cache-status"]
    with_deadline = time.monotonic() + 0.5  # with Redis away the write never comes
    while stored(one) == written and time.monotonic() < with_deadline:
        time.sleep(0.02)
    hits = other.metric("headgate_cache_outcomes_total", outcome="hit_shared")
    answer = other.get(target)
    assert answer.status == 200
    is_shared = "detail=shared" in answer.headers["cache-status"].replace('"', "")
    counted = other.metric("headgate_cache_outcomes_total", outcome="hit_shared") - hits
    assert counted == is_shared
    return is_shared


def stored(gateway: Gateway) -> float:
    """How many manifests the gateway has put into Redis."""
    return gateway.metric("headgate_l2_operations_total", operation="set", result="done")


def is_left_alone(gateway: Gateway) -> bool:
    """Whether the breaker is not closed."""
    return gateway.metric("headgate_l2_breaker_state", state="closed") == 0


@dataclass(slots=True)
class Load:
    """What a bounded load has met: how many answers of each kind, and every failure."""

    answers: dict[int, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    is_over: bool = False


@asynccontextmanager
async def load(site: Site, gateways: tuple[Gateway, ...], viewers: int = 8) -> AsyncIterator[Load]:
    """Viewers who ask for signed playlists and segments again and again, until the block is left."""
    met = Load()
    films = [site.film() for _ in range(viewers)]
    targets = [
        f"http://127.0.0.1:{gateway.ports['public']}{site.signed(f'/brief/{film}/{name}')}"
        for gateway, film in zip(itertools.cycle(gateways), films, strict=False)
        for name in ("index.m3u8", "1.ts")
    ]

    async def watch(session: aiohttp.ClientSession, first: int) -> None:
        for number in itertools.count(first):
            if met.is_over:
                return
            try:
                async with session.get(targets[number % len(targets)]) as answer:
                    body = await answer.read()
                    met.answers[answer.status] = met.answers.get(answer.status, 0) + 1
                    is_whole = body == SEGMENT or body.startswith(b"#EXTM3U")
                    if not is_whole:
                        met.failures.append(f"{answer.status}: {body[:80]!r}")
            except (aiohttp.ClientError, TimeoutError) as error:
                met.failures.append(repr(error))
            await asyncio.sleep(0.005)

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20)) as session:
        watching = [asyncio.create_task(watch(session, first)) for first in range(viewers)]
        try:
            yield met
        finally:
            met.is_over = True
            await asyncio.gather(*watching)


def test_what_one_has_loaded_is_a_shared_hit_for_the_other(site: Site, redis_server: RedisServer) -> None:
    with pair(site, redis_server.url) as (one, other):
        assert share(site, one, other)
        assert share(site, other, one)


async def test_viewers_do_not_notice_that_redis_is_killed_and_comes_back(site: Site, redis_server: RedisServer) -> None:
    def converged() -> bool:
        return share(site, *gateways) and share(site, *reversed(gateways))

    with pair(site, redis_server.url) as gateways:
        assert await asyncio.to_thread(converged)
        async with load(site, gateways) as met:
            await asyncio.to_thread(wait_until, lambda: sum(met.answers.values()) >= 100, "the load runs")
            await asyncio.to_thread(redis_server.kill)
            await asyncio.to_thread(wait_until, lambda: all(map(is_left_alone, gateways)), "the breakers open")
            during = sum(met.answers.values())
            await asyncio.to_thread(wait_until, lambda: sum(met.answers.values()) >= during + 100, "it runs on")
            await asyncio.to_thread(redis_server.start)
            await asyncio.to_thread(wait_until, converged, "manifests are shared again")
        for gateway in gateways:
            assert not is_left_alone(gateway)
            assert gateway.metric("headgate_cache_events_total", event="shared_skipped") > 0
            assert gateway.metric("headgate_l2_operations_total", result="failed") > 0
        assert met.failures == []
        assert set(met.answers) == {200}
        assert gateways[0].end() == gateways[1].end() == 0


def test_a_redis_that_hangs_is_soon_no_longer_asked(site: Site, redis_server: RedisServer) -> None:
    with serving(site.config(redis_server.url)) as gateway:

        def operations() -> float:
            counted = gateway.metric("headgate_l2_operations_total")
            return counted - gateway.metric("headgate_l2_operations_total", operation="probe")

        def ask() -> int:
            return gateway.get(site.signed(f"/vod/{site.film()}/index.m3u8")).status

        redis_server.pause()
        try:
            asked = [ask() for _ in range(5)]
            wait_until(lambda: is_left_alone(gateway), "the breaker opens")
            assert gateway.metric("headgate_l2_operations_total", result="timed_out") >= 5
            before = operations()
            asked += [ask() for _ in range(30)]
            assert operations() == before
            assert gateway.metric("headgate_cache_events_total", event="shared_skipped") >= 30
            assert set(asked) == {200}
        finally:
            redis_server.resume()
        wait_until(lambda: ask() == 200 and not is_left_alone(gateway), "the breaker closes")
        assert ask() == 200
        assert operations() > before


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that asks for the password "right"."""
    program = find_part("redis-server")
    assert program is not None
    server = RedisServer(program, tmp_path)
    server.start()
    try:
        server._ask(b"CONFIG SET requirepass right\r\n")
        yield server
    finally:
        server.stop()


def test_the_wrong_password_costs_the_shared_tier_and_nothing_else(site: Site, guarded: RedisServer) -> None:
    wrong = f"redis://:wrong-secret@127.0.0.1:{guarded.port}/0"
    with serving(site.config(wrong)) as gateway:
        for _ in range(6):
            assert gateway.get(site.signed(f"/vod/{site.film()}/index.m3u8")).status == 200
        wait_until(lambda: is_left_alone(gateway), "the breaker opens")
        assert gateway.metric("headgate_l2_operations_total", result="denied") >= 5
        assert gateway.get("/readyz", listener="admin").status == 200
    told = gateway.stdout.read_text() + gateway.stderr.read_text()
    assert "wrong-secret" not in told
    said = headgate("doctor", "--config", str(site.config(wrong)))
    assert said.returncode == 1
    assert f"Redis: 127.0.0.1:{guarded.port}: it does not accept the user and password" in said.stdout
    assert "wrong-secret" not in said.stdout + said.stderr
    right = site.config(f"redis://:right@127.0.0.1:{guarded.port}/0")
    assert headgate("doctor", "--config", str(right)).returncode == 0


def test_a_redis_that_is_not_there_at_the_start(site: Site) -> None:
    config = site.config(f"redis://127.0.0.1:{free_port()}/0")
    with serving(config) as gateway:
        assert gateway.get(site.signed(f"/vod/{site.film()}/index.m3u8")).status == 200
        assert gateway.get("/readyz", listener="admin").status == 200
    said = headgate("doctor", "--config", str(config))
    assert said.returncode == 1
    assert ": cannot connect" in said.stdout
