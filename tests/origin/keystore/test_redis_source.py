"""A ring in Redis, with a real one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from auth.algorithms import Algorithm
from auth.jwk import private_jwk
from auth.keys import KeyRing
from origin.keystore.fault import Fault, KeystoreError
from origin.keystore.generate import new_key
from origin.keystore.redis_source import MAX_BYTES, RedisSource
from tests.redis_server import RedisServer, free_port

pytestmark = pytest.mark.needs("redis-server")

A, B = new_key(Algorithm.HS256, "a"), new_key(Algorithm.EDDSA, "b")


def text(*names: str) -> bytes:
    return json.dumps({"keys": [private_jwk(key) for key in (A, B) if key.id in names]}).encode()


@asynccontextmanager
async def at(server: RedisServer, time_limit: float = 10) -> AsyncIterator[tuple[RedisSource, Redis]]:
    source, client = (
        RedisSource(server.url, "keys", time_limit=time_limit),
        Redis.from_url(server.url, driver_info=None),
    )
    try:
        yield source, client
    finally:
        await source.close()
        await client.aclose()


def ids(ring: KeyRing | None) -> list[str] | None:
    return None if ring is None else [key.id for key in ring.keys]


async def test_the_value_is_followed(redis_server: RedisServer) -> None:
    async with at(redis_server) as (source, client):
        await client.set("keys", text("a"))
        ring = await source.read()
        assert ids(ring) == ["a"]
        assert ring is not None
        assert ring.signer(0) == A
        assert await source.read() is None
        await client.set("keys", text("a", "b"))
        assert ids(await source.read()) == ["a", "b"]
        assert repr(source) == "RedisSource(keys)"


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (None, Fault.MISSING),
        (b"", Fault.MISSING),
        (b"{", Fault.INVALID),
        (text("a").replace(b"HS256", b"HS512"), Fault.INVALID),
        (text("a").ljust(MAX_BYTES + 1), Fault.TOO_LARGE),
    ],
)
async def test_refused(redis_server: RedisServer, value: bytes | None, fault: Fault) -> None:
    async with at(redis_server) as (source, client):
        if value is not None:
            await client.set("keys", value)
        for _ in range(2):
            with pytest.raises(KeystoreError, match="keys: ") as error:
                await source.read()
            assert error.value.fault is fault
            assert str(private_jwk(A)["k"]) not in str(error.value)


async def test_a_value_of_another_type_is_a_fault(redis_server: RedisServer) -> None:
    async with at(redis_server) as (source, client):
        await client.sadd("keys", "a")
        with pytest.raises(KeystoreError) as error:
            await source.read()
        assert error.value.fault is Fault.AWAY


async def test_a_redis_that_is_not_there_is_away() -> None:
    source = RedisSource(f"redis://:hush@127.0.0.1:{free_port()}/0", "keys", time_limit=1)
    with pytest.raises(KeystoreError, match="Redis cannot be asked") as error:
        await source.read()
    assert error.value.fault is Fault.AWAY
    assert "hush" not in f"{error.value} {source!r}"
    await source.close()


def test_a_url_that_makes_no_sense() -> None:
    with pytest.raises(KeystoreError) as error:
        RedisSource("redis://h/0?max_connections=many", "keys")
    assert error.value.fault is Fault.INVALID
