"""Gateways that share a Redis, with films of their own, and viewers who ask for them again and again."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from auth import Algorithm, Claims, Gate, KeyRing, PathScope, Realm
from origin.keystore.file import add_key
from origin.keystore.generate import new_key
from tests.redis_server import RedisServer
from tests.system.processes import Gateway, serving, write_configuration

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
[[mount]]
prefix = "/limited"
storage = "file:media"
access = "signed"
keys = "main"
[mount.limits]
max_streams = 5
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

    def signed(self, path: str, viewer: str | None = None) -> str:
        """`path` with a token for its directory."""
        now = time.time()
        scope = PathScope.prefix(path.rpartition("/")[0] + "/")
        token_id = str(next(self.numbers)) if viewer else None
        claims = Claims(expires=now + 600, scope=scope, subject=viewer, token_id=token_id)
        return Gate(Realm("/" + path.split("/")[1])).sign(path, claims, self.ring, now)


def new_site(folder: Path) -> Site:
    """A site without films."""
    (folder / "media").mkdir()
    return Site(folder, add_key(folder / "keys.json", new_key(Algorithm.HS256)))


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


def keys(server: RedisServer) -> set[str]:
    """The names of all that is there."""
    return {line for line in server.ask("KEYS", "*").split("\r\n") if line and line[0] not in "*$"}


def endless(server: RedisServer) -> set[str]:
    """The keys that stay until they are deleted."""
    return {key for key in keys(server) if server.ask("PTTL", key) == ":-1\r\n"}
