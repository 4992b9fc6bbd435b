"""Purges in a real Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count

import pytest
from redis.asyncio import Redis

from cache.fleet.purge_store import PurgesUnavailable, RedisPurges
from cache.purges import Purge, Scope
from cache.redis_link import RedisLink
from tests.redis_server import RedisServer, free_port

pytestmark = pytest.mark.needs("redis-server")

NOW = 1_800_000_000.0
_names = count()


def url(value: str, at: float = NOW, name: str = "p") -> Purge:
    return Purge(Scope.URL, value, True, at, name)


def store_on(link: RedisLink, namespace: str, lifetime: float = 600.0) -> RedisPurges:
    return RedisPurges(link, namespace=namespace, longest_lifetime=lifetime, new_id=lambda: f"v{next(_names)}")


@pytest.fixture
async def link(redis_server: RedisServer) -> AsyncIterator[RedisLink]:
    opened = RedisLink(redis_server.url, budget_seconds=10)
    yield opened
    await opened.close()


@pytest.fixture
def name() -> str:
    return f"purges{next(_names)}"


@pytest.fixture
def store(link: RedisLink, name: str) -> RedisPurges:
    return store_on(link, name)


async def test_what_is_written_is_read(store: RedisPurges, link: RedisLink, name: str) -> None:
    assert await store.read() == []
    purges = [url(f"/a/{number}", NOW + number) for number in range(1700)]
    await store.write(purges)
    found = await store_on(link, name).read()
    assert sorted(found, key=lambda one: one.at) == purges
    await store.write([], purges[:1699])
    assert await store.read() == purges[1699:]


async def test_only_what_is_later_takes_a_place(store: RedisPurges) -> None:
    await store.write([url("/a", NOW + 10.5, "late")])
    await store.write([url("/a", NOW + 9, "early")])
    assert [one.id for one in await store.read()] == ["late"]
    await store.write([url("/a", NOW + 11, "later")])
    assert [one.id for one in await store.read()] == ["later"]


async def test_what_has_taken_a_place_stays(store: RedisPurges) -> None:
    await store.write([url("/a", NOW, "old")])
    await store.write([url("/a", NOW + 1, "new")])
    await store.write([url("/b")], [url("/a", NOW, "old")])
    assert {one.id for one in await store.read()} == {"new", "p"}


async def test_it_says_when_there_is_news(store: RedisPurges, link: RedisLink, name: str) -> None:
    other = store_on(link, name)
    assert await store.has_changed(), "nothing has been read yet"
    await store.read()
    assert not await store.has_changed()
    await other.write([url("/a")])
    assert await store.has_changed()
    assert await other.has_changed()
    await store.read()
    assert not await store.has_changed()
    await other.write([], [url("/a")])
    assert await store.has_changed()


async def test_it_says_when_redis_has_forgotten(redis_server: RedisServer, store: RedisPurges) -> None:
    await store.write([url("/a")])
    await store.read()
    redis_server.flush()
    assert await store.has_changed()
    assert await store.read() == []


async def test_it_does_not_stay_for_ever(redis_server: RedisServer, link: RedisLink, name: str) -> None:
    await store_on(link, name, lifetime=99.5).write([url("/a")])
    async with Redis.from_url(redis_server.url) as client:
        keys = await client.keys(f"{name}:*")
        assert len(keys) == 2
        assert all([0 < await client.ttl(key) <= 100 for key in keys])


async def test_without_redis_that_is_said() -> None:
    link = RedisLink(f"redis://127.0.0.1:{free_port()}/0", budget_seconds=1)
    store = store_on(link, "headgate")
    for work in (store.read(), store.has_changed(), store.write([url("/a")])):
        with pytest.raises(PurgesUnavailable, match=r"^failed$"):
            await work
    await link.close()


async def test_a_key_that_is_somebody_elses_is_an_error(
    redis_server: RedisServer, store: RedisPurges, name: str
) -> None:
    async with Redis.from_url(redis_server.url) as client:
        await client.set(f"{name}:v1:{{purges}}", "mine")
    with pytest.raises(PurgesUnavailable, match=r"^refused$"):
        await store.read()
    with pytest.raises(PurgesUnavailable, match=r"^refused$"):
        await store.write([url("/a")])
