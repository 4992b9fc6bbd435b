"""An edge proves to be the mount's own, in each of the ways there are; whoever fails to is a viewer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from ipaddress import IPv4Network, ip_address
from pathlib import Path

import msgspec
import pytest
from cryptography import x509

from auth import Algorithm, Claims, Gate, Key, KeyRing, PathScope, Request
from auth.g2o import EdgeClaims, mint
from auth.http_signatures import Component, sign
from auth.request import Pairs
from origin.keystore.file import write_ring
from origin.keystore.generate import new_key
from origin.realms import realm_of
from tests.edge_certificates import certificate, field
from tests.redis_server import RedisServer, free_port
from tests.stories.gateway import Answer, Gateway, running

EDGE = new_key(Algorithm.ED25519, "edge-1")
STRANGER = new_key(Algorithm.ED25519, "edge-9")
SHARED, OTHER = new_key(Algorithm.SHARED, "g2o-1"), new_key(Algorithm.SHARED, "g2o-9")
COVERED = tuple(map(Component, ("@method", "@authority", "@path", "@query")))
PATH, BODY = "/vod/film/1.ts", b"abc"


def mount(**edge: object) -> list[dict[str, object]]:
    signed = {"prefix": "/vod", "storage": "file:media", "access": "signed", "keys": "main"}
    return [signed | {"edge": {"trust": "verifies"} | edge}]


def rings(folder: Path) -> dict[str, object]:
    write_ring(folder / "edges.json", KeyRing([EDGE, SHARED]))
    return {"edges": {"file": "edges.json"}}


def lines(fields: Pairs) -> list[str]:
    return [f"{name}: {value}" for name, value in fields]


def signature(nonce: str, key: Key = EDGE, later: float = 0, path: str = PATH) -> list[str]:
    asked = Request("GET", "http", "cdn.example", path)
    return lines(sign(asked, key, int(time.time() + later), COVERED, nonce=nonce))


def g2o(unique: str, key: Key = SHARED, later: float = 0, path: str = PATH) -> list[str]:
    viewer, edge = ip_address("203.0.113.9"), ip_address("198.51.100.1")
    return lines(mint(EdgeClaims(edge, viewer, int(time.time() + later), unique, key.id), path, key))


def is_for_an_edge(answer: Answer) -> bool:
    """An edge is answered without a token, and told what it may keep; a viewer is asked for one."""
    assert answer.status in {200, 401}
    assert ("cdn-cache-control" in answer) is (answer.status == 200)
    return answer.status == 200


async def count(gateway: Gateway, result: str) -> float:
    return await gateway.metric(f'headgate_edge_proofs_total{{mount="/vod",result="{result}"}}')


async def check_all(gateway: Gateway, make: Callable[..., list[str]], stranger: Key) -> None:
    """Every kind of good and bad proof that signs a request."""
    good = make("n1")
    assert is_for_an_edge(await gateway.ask(PATH, *good))
    assert not is_for_an_edge(await gateway.ask(PATH, *good))
    assert is_for_an_edge(await gateway.ask(PATH, *make("n2")))
    assert not is_for_an_edge(await gateway.ask(PATH, *make("n3", later=-90)))
    assert not is_for_an_edge(await gateway.ask(PATH, *make("n4", later=90)))
    assert not is_for_an_edge(await gateway.ask(PATH, *make("n5", path="/vod/film/2.ts")))
    assert not is_for_an_edge(await gateway.ask(f"{PATH}?x=1", *make("n6")))
    assert not is_for_an_edge(await gateway.ask(PATH, *make("n7", key=stranger)))
    assert not is_for_an_edge(await gateway.ask(PATH))
    results = ("ok", "replayed", "expired", "invalid", "unknown_key", "absent")
    assert [await count(gateway, result) for result in results] == [2, 1, 2, 2, 1, 1]
    # The token decides for whoever is not an edge.
    viewer = await gateway.ask(f"{PATH}?token={gateway.token()}", *good)
    assert (viewer.status, viewer.body, "cdn-cache-control" in viewer) == (200, BODY, False)


async def test_a_signature(tmp_path: Path) -> None:
    keyrings = await asyncio.to_thread(rings, tmp_path)
    async with running(tmp_path, mount(proof="signature", keys="edges"), keyrings=keyrings) as gateway:
        gateway.put("film/1.ts", BODY)
        await check_all(gateway, signature, STRANGER)
        refused = await gateway.ask(PATH)
        assert refused["accept-signature"] == 'sig1=("@method" "@authority" "@path" "@query");created;nonce'
        assert refused["www-authenticate"] == "Bearer"
        assert "accept-signature" not in await gateway.ask(f"{PATH}?token=x.y.z")


async def test_akamais_signature(tmp_path: Path) -> None:
    keyrings = await asyncio.to_thread(rings, tmp_path)
    async with running(tmp_path, mount(proof="g2o", keys="edges"), keyrings=keyrings) as gateway:
        gateway.put("film/1.ts", BODY)
        await check_all(gateway, g2o, OTHER)


async def test_a_token_is_judged_by_the_address_that_akamais_signature_covers(tmp_path: Path) -> None:
    keyrings = await asyncio.to_thread(rings, tmp_path)
    edge = mount(trust="asks", proof="g2o", keys="edges")
    async with running(tmp_path, edge, keyrings=keyrings) as gateway:
        gateway.put("film/1.ts", BODY)
        bound = (IPv4Network("203.0.113.9/32"),)
        claims = Claims(expires=time.time() + 600, scope=PathScope.prefix("/vod"), networks=bound)
        realm = realm_of(gateway.configured.mount[0])
        text = Gate(realm).mint(claims, gateway.ring, time.time()).reveal()
        target = f"{PATH}?token={text}"
        assert (await gateway.ask(target, *g2o("u1", path=target))).status == 200
        assert (await gateway.ask(target, *g2o("u2", path=PATH))).status == 403
        assert (await gateway.ask(target)).status == 403


async def test_the_log_names_the_edge_and_the_viewer(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    keyrings = await asyncio.to_thread(rings, tmp_path)
    edge = mount(proof="g2o", keys="edges")
    async with running(tmp_path, edge, keyrings=keyrings, log={"access": True}) as gateway:
        gateway.put("film/1.ts", BODY)
        await gateway.ask(PATH, *g2o("u1"))
        await gateway.ask(PATH, *g2o("u2", key=OTHER))
    written = [msgspec.json.decode(one) for one in capsysbinary.readouterr().out.splitlines()]
    told = [(one["client.ip"], one.get("headgate.edge")) for one in written if one.get("headgate.mount") == "/vod"]
    assert told == [("203.0.113.9", "g2o-1"), ("127.0.0.1", None)]


async def test_nobody_is_an_edge_while_redis_is_away(tmp_path: Path) -> None:
    keyrings = await asyncio.to_thread(rings, tmp_path)
    edge, redis = mount(proof="signature", keys="edges"), f"redis://127.0.0.1:{free_port()}/0"
    async with running(tmp_path, edge, keyrings=keyrings, cache={"redis": redis}) as gateway:
        gateway.put("film/1.ts", BODY)
        assert not is_for_an_edge(await gateway.ask(PATH, *signature("n1")))
        assert await count(gateway, "unavailable") == 1
        assert await gateway.metric('headgate_ledger_failures_total{operation="first_use"}') == 1
        assert (await gateway.ask(f"{PATH}?token={gateway.token()}")).status == 200


@pytest.mark.needs("redis-server")
async def test_what_one_process_has_seen_no_other_takes(tmp_path: Path, redis_server: RedisServer) -> None:
    keyrings = await asyncio.to_thread(rings, tmp_path)
    edge, shared = mount(proof="signature", keys="edges"), {"redis": redis_server.url}
    async with (
        running(tmp_path, edge, keyrings=keyrings, cache=shared) as first,
        running(tmp_path, edge, keyrings=keyrings, cache=shared) as second,
    ):
        first.put("film/1.ts", BODY)
        good = signature("n1")
        assert is_for_an_edge(await first.ask(PATH, *good))
        assert not is_for_an_edge(await second.ask(PATH, *good))
        assert await count(second, "replayed") == 1


async def test_a_certificate_that_a_trusted_proxy_passes_on(tmp_path: Path) -> None:
    now = time.time()
    name = x509.DNSName("edge.cdn.example")
    shown = {
        "ok": certificate(name, begins=now - 60),
        "expired": certificate(name, begins=now - 60, seconds=30),
        "unknown_key": certificate(x509.DNSName("edge.other.example"), begins=now - 60),
    }
    edge = mount(proof="certificate", names=["edge.cdn.example"])
    async with running(tmp_path, edge, public={"trusted_proxies": ["127.0.0.1/32"]}) as gateway:
        gateway.put("film/1.ts", BODY)
        for result, one in shown.items():
            assert is_for_an_edge(await gateway.ask(PATH, f"Client-Cert: {field(one)}")) is (result == "ok")
            assert await count(gateway, result) == 1
        assert not is_for_an_edge(await gateway.ask(PATH, "Client-Cert: :AAAA:"))
        assert not is_for_an_edge(await gateway.ask(PATH))
    async with running(tmp_path, edge, public={"trusted_proxies": ["192.0.2.1/32"]}) as gateway:
        assert not is_for_an_edge(await gateway.ask(PATH, f"Client-Cert: {field(shown['ok'])}"))
        assert await count(gateway, "invalid") == 1
