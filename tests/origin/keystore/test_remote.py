"""Key sets of an issuer that rotates, redirects, floods, dawdles and goes away."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from auth.algorithms import Algorithm
from auth.jwk import private_jwk, public_jwk
from auth.keys import KeyRing
from auth.strict_json import JsonObject
from origin.keystore.fault import Fault, KeystoreError
from origin.keystore.generate import new_key
from origin.keystore.remote import MAX_BYTES, RemoteSource
from origin.keystore.rings import KeyRings

A, B = new_key(Algorithm.ES256, "a"), new_key(Algorithm.EDDSA, "b")


def published(*keys: JsonObject | None) -> bytes:
    return json.dumps({"keys": list(keys)}).encode()


class Issuer:
    """An HTTP server that answers what a test tells it to."""

    def __init__(self) -> None:
        self.status = 200
        self.body = published(public_jwk(A))
        self.headers: dict[str, str] = {}
        self.delay = 0.0
        self.asked: list[web.BaseRequest] = []
        self.port = 0

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request)
        await asyncio.sleep(self.delay)
        tag = self.headers.get("ETag")
        if tag is not None and request.headers.get("If-None-Match") == tag:
            return web.Response(status=304)
        return web.Response(status=self.status, body=self.body, headers=self.headers)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/jwks.json?secret=hush"


@asynccontextmanager
async def issuer() -> AsyncIterator[Issuer]:
    served = Issuer()
    runner = web.ServerRunner(web.Server(served), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    served.port = runner.addresses[0][1]
    try:
        yield served
    finally:
        await runner.cleanup()


@asynccontextmanager
async def source_at(served: Issuer, time_limit: float = 5.0) -> AsyncIterator[RemoteSource]:
    source = RemoteSource(served.url, time_limit=time_limit)
    try:
        yield source
    finally:
        await source.close()


def ids(ring: KeyRing | None) -> list[str] | None:
    return None if ring is None else [key.id for key in ring.keys]


async def test_keys_are_fetched_and_only_verify() -> None:
    async with issuer() as served, source_at(served) as source:
        served.body = published(private_jwk(A), public_jwk(B))
        ring = await source.read()
        assert ids(ring) == ["a", "b"]
        assert ring is not None
        assert [key.signing for key in ring.keys] == [None, None]
        assert ring.signer(0) is None
        assert served.asked[0].headers["Accept-Encoding"] == "identity"


async def test_the_same_set_is_no_change_and_another_is() -> None:
    async with issuer() as served, source_at(served) as source:
        assert ids(await source.read()) == ["a"]
        assert await source.read() is None
        served.body = published(public_jwk(A), public_jwk(B))
        assert ids(await source.read()) == ["a", "b"]


async def test_an_entity_tag_saves_the_body() -> None:
    async with issuer() as served, source_at(served) as source:
        served.headers["ETag"] = '"1"'
        assert ids(await source.read()) == ["a"]
        assert await source.read() is None
        assert "If-None-Match" in served.asked[1].headers
        served.headers["ETag"], served.body = '"2"', published(public_jwk(B))
        assert ids(await source.read()) == ["b"]


async def test_what_cannot_be_used_is_passed_over() -> None:
    rsa = public_jwk(new_key(Algorithm.RS256, "rsa"))
    assert rsa is not None
    unnamed = {name: value for name, value in rsa.items() if name != "alg"}
    oct_key = private_jwk(new_key(Algorithm.HS256, "oct"))
    strange: list[JsonObject | None] = [
        {"kty": "AKP", "alg": "ML-DSA-44", "kid": "pq", "pub": "AAAA"},
        {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"},
        unnamed | {"kid": "for-encryption", "use": "enc"},
        unnamed | {"kid": "oaep", "alg": "RSA-OAEP"},
        oct_key,
        {},
        None,
        (public_jwk(B) or {}) | {"kid": "a"},
    ]
    async with issuer() as served, source_at(served) as source:
        served.body = published(public_jwk(A), *strange, unnamed)
        ring = await source.read()
        assert ids(ring) == ["a", "rsa"]
        assert ring is not None
        assert [key.algorithm for key in ring.keys] == [Algorithm.ES256, Algorithm.RS256]


@pytest.mark.parametrize(
    ("status", "headers", "body", "fault"),
    [
        (301, {"Location": "/jwks.json"}, b"", Fault.REFUSED),
        (302, {"Location": "http://127.0.0.1:1/"}, b"", Fault.REFUSED),
        (307, {"Location": "/jwks.json"}, published(public_jwk(A)), Fault.REFUSED),
        (304, {}, b"", Fault.REFUSED),
        (404, {}, published(public_jwk(A)), Fault.REFUSED),
        (500, {}, b"", Fault.REFUSED),
        (204, {}, b"", Fault.REFUSED),
        (200, {"Content-Encoding": "gzip"}, gzip.compress(published(public_jwk(A))), Fault.REFUSED),
        (200, {}, b" " * (MAX_BYTES + 1), Fault.TOO_LARGE),
        (200, {}, b"", Fault.INVALID),
        (200, {}, b"<html>", Fault.INVALID),
        (200, {}, b"[]", Fault.INVALID),
        (200, {}, b'{"keys":{}}', Fault.INVALID),
        (200, {}, b'{"keys":[]}', Fault.INVALID),
        (200, {}, published(private_jwk(new_key(Algorithm.HS256))), Fault.INVALID),
    ],
)
async def test_refused(status: int, headers: dict[str, str], body: bytes, fault: Fault) -> None:
    async with issuer() as served, source_at(served) as source:
        served.status, served.headers, served.body = status, headers, body
        for _ in range(2):
            with pytest.raises(KeystoreError) as error:
                await source.read()
            assert error.value.fault is fault
            assert "hush" not in f"{error.value} {source!r}"
        assert {request.path for request in served.asked} == {"/jwks.json"}
        served.status, served.headers, served.body = 200, {}, published(public_jwk(B))
        assert ids(await source.read()) == ["b"]


async def test_the_largest_set_is_read() -> None:
    async with issuer() as served, source_at(served) as source:
        served.body = published(public_jwk(A)).ljust(MAX_BYTES)
        assert ids(await source.read()) == ["a"]


async def test_a_slow_issuer_is_left() -> None:
    async with issuer() as served, source_at(served, time_limit=0.1) as source:
        served.delay = 1
        with pytest.raises(KeystoreError, match=r"no whole answer in 0\.1 s") as error:
            await source.read()
        assert error.value.fault is Fault.AWAY


async def test_an_outage_leaves_the_last_good_ring() -> None:
    async with issuer() as served, source_at(served) as source:
        rings = KeyRings({"main": source})
        await rings.open(100)
        assert ids(rings.ring("main")) == ["a"]
        held = rings.ring("main")
        served.status = 503
        assert (await rings.refresh(200)).faults["main"].fault is Fault.REFUSED
        assert rings.ring("main") is held
        assert rings.confirmed_at("main") == 100
        served.status = 200
        assert (await rings.refresh(300)).changed == ()
        assert rings.ring("main") is held
        assert rings.confirmed_at("main") == 300
    async with source_at(served) as source:
        with pytest.raises(KeystoreError) as error:
            await source.read()
        assert error.value.fault is Fault.AWAY
