"""Handshakes with real clients, on every loop that production may run on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import socket
import ssl
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import ip_network
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from origin import settings
from origin.runtime import open_runtime
from origin.server.loop import loop_factory
from origin.server.process import listening
from origin.server.tls import Terms, TlsServer, TlsUnusable
from origin.serving.connection import ConnectionServer
from origin.serving.forwarded import TrustedProxies
from origin.serving.inbound import read_request
from origin.tls.certificates import Certificates, Pair
from origin.tls.client_hello import read_client_hello
from origin.tls.contexts import Policy
from origin.tls.handshakes import Handshake
from tests.stories.gateway import PATIENCE, Gateway, Wire, connected, running
from tests.tls_parts import DAY, Authority, Identity, shown, tls_connected, tls_of

HOST = "cdn.example"
REFUSED = (ssl.SSLError, ConnectionError)  # what is told first depends on the version of TLS
LOOPBACK = TrustedProxies([ip_network("127.0.0.0/8")])
NOBODY = TrustedProxies([])
LOOPS = ("uvloop+fast", "uvloop", "asyncio", "asyncio+fast")
REQUEST = b"GET / HTTP/1.1\r\nHost: cdn.example\r\n\r\n"
PROXY_V1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 5000 443\r\n"
PROXY_V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes([192, 0, 2, 7, 198, 51, 100, 1]) + b"\x13\x88\x01\xbb"
AUTHORITY = Authority()
CLIENT = AUTHORITY.client()


@dataclass
class Listener:
    """A TLS listener whose handler tells what it sees of a request."""

    port: int
    server: TlsServer
    counted: Counter[Handshake] = field(default_factory=Counter)

    async def until(self, result: Handshake, times: int = 1) -> None:
        """Wait until so many handshakes have ended so."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while self.counted[result] < times:
                    await asyncio.sleep(0.005)
        assert self.counted[result] >= times, self.counted


@contextlib.asynccontextmanager
async def accepting(
    folder: Path,
    names: tuple[str, ...] = (HOST,),
    policy: Policy | None = None,
    *,
    seconds: float = PATIENCE,
    most: int = 100,
    balancers: TrustedProxies = NOBODY,
    proxies: TrustedProxies = NOBODY,
) -> AsyncIterator[Listener]:
    """A certificate per name, the first the default."""
    for name in names:
        AUTHORITY.issue(name).write(folder, name)
    certificates = Certificates(
        [Pair(name, folder / f"{name}.pem", folder / f"{name}.key") for name in names], policy or Policy()
    )
    await certificates.open(time.time())

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        inbound = read_request(request, frozenset({"GET"}), 0, proxies)
        seen = {
            "scheme": inbound.facts.scheme,
            "client": str(inbound.facts.client),
            "alpn": None if inbound.facts.tls is None else inbound.facts.tls.alpn,
            "certificate": None if inbound.certificate is None else sha256(inbound.certificate).hexdigest(),
        }
        return web.Response(body=msgspec.json.encode(seen))

    public = ConnectionServer(handler, keepalive_seconds=PATIENCE, header_seconds=PATIENCE, max_connections=100)
    opened = socket.create_server(("127.0.0.1", 0))
    counted: Counter[Handshake] = Counter()
    terms = Terms(certificates, seconds, most, balancers, lambda result: counted.update([result]))
    server = TlsServer(public, [opened], terms)
    try:
        yield Listener(opened.getsockname()[1], server, counted)
    finally:
        server.close()
        await public.shutdown(1)
        await server.wait_closed()


async def seen_by(wire: Wire) -> dict[str, str | None]:
    """What the listener's handler sees of a request."""
    await wire.send(REQUEST)
    return msgspec.json.decode((await wire.answer()).body, type=dict[str, str | None])


def on_every_loop(story: Callable[[Path], Awaitable[None]]) -> Callable[[str, Path, pytest.LogCaptureFixture], None]:
    """The story on each loop; nothing in it may be worth a warning."""

    @pytest.mark.parametrize("loop", LOOPS)
    def test(loop: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        async def main() -> None:
            await story(tmp_path)

        with asyncio.Runner(loop_factory=loop_factory(loop)) as runner, caplog.at_level(logging.WARNING):
            runner.run(main())
        assert [record.getMessage() for record in caplog.records] == []

    return test


async def _requests(folder: Path) -> None:
    client = AUTHORITY.client()
    client.set_alpn_protocols(["h2", "http/1.1"])
    async with accepting(folder) as listener:
        async with tls_connected(listener.port, client, HOST) as wire:
            first = await seen_by(wire)
            assert await seen_by(wire) == first
            assert tls_of(wire).version() == "TLSv1.3"
            session = tls_of(wire).session
        assert first == {"scheme": "https", "client": "127.0.0.1", "alpn": "http/1.1", "certificate": None}
        async with tls_connected(listener.port, client, HOST, session) as wire:
            assert await seen_by(wire) == first
            assert tls_of(wire).session_reused
        assert listener.counted == {Handshake.FULL: 1, Handshake.RESUMED: 1}

    async with accepting(folder, proxies=LOOPBACK) as listener, tls_connected(listener.port, client, HOST) as wire:
        assert (await seen_by(wire))["alpn"] is None  # TLS with a proxy says nothing of the viewer's


test_requests_and_resumption = on_every_loop(_requests)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the version that is refused
async def _refusals(folder: Path) -> None:
    async with accepting(folder) as listener:
        async with connected(listener.port) as wire:
            await wire.send(REQUEST)
            assert await wire.ended()
        await listener.until(Handshake.NOT_TLS)
        old = AUTHORITY.client()
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(REFUSED):
            async with tls_connected(listener.port, old, HOST):
                pass
        await listener.until(Handshake.VERSION)
        weak = AUTHORITY.client()
        weak.maximum_version = ssl.TLSVersion.TLSv1_2
        weak.set_ciphers("ECDHE-ECDSA-AES128-SHA")
        with pytest.raises(REFUSED):
            async with tls_connected(listener.port, weak, HOST):
                pass
        await listener.until(Handshake.CIPHER)
        with pytest.raises(ssl.SSLCertVerificationError):
            async with tls_connected(listener.port, Authority().client(), HOST):
                pass
        await listener.until(Handshake.REFUSED)
        async with connected(listener.port) as wire:
            await wire.send(client_hello(HOST)[:50])
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        async with connected(listener.port):
            pass
        await listener.until(Handshake.CLOSED, 2)
        async with tls_connected(listener.port, CLIENT, HOST) as wire:
            assert (await seen_by(wire))["scheme"] == "https"


test_handshakes_that_fail_are_counted_and_nothing_else_happens = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning"
)(on_every_loop(_refusals))


async def _slow(folder: Path) -> None:
    async with accepting(folder, seconds=0.2) as listener:
        async with connected(listener.port) as silent, connected(listener.port) as half:
            await half.send(client_hello(HOST)[:50])
            assert await silent.ended()
            assert await half.ended()
        await listener.until(Handshake.TIMEOUT, 2)


test_a_handshake_that_takes_too_long_is_cut = on_every_loop(_slow)


async def _several(folder: Path) -> None:
    names = ("cdn.example", "*.live.example", "a.live.example")
    async with accepting(folder, names) as listener:
        expected = {
            "cdn.example": "cdn.example",
            "b.live.example": "*.live.example",
            "a.live.example": "a.live.example",
        }
        for host, name in expected.items():
            async with tls_connected(listener.port, CLIENT, host) as wire:
                assert ssl.DER_cert_to_PEM_cert(shown(wire)) == (folder / f"{name}.pem").read_text()
                assert (await seen_by(wire))["scheme"] == "https"
        other = AUTHORITY.client()
        other.check_hostname = False
        async with tls_connected(listener.port, other, "elsewhere.example") as wire:
            assert ssl.DER_cert_to_PEM_cert(shown(wire)) == (folder / "cdn.example.pem").read_text()
        async with connected(listener.port) as wire:
            await wire.send(REQUEST)
            assert await wire.ended()
        await listener.until(Handshake.NOT_TLS)
    async with accepting(folder, names, seconds=0.2) as listener, connected(listener.port) as wire:
        await wire.send(client_hello(HOST)[:50])
        assert await wire.ended()
        await listener.until(Handshake.TIMEOUT)


test_the_certificate_is_the_hosts = on_every_loop(_several)


async def _drip(folder: Path) -> None:
    async with accepting(folder, (HOST, "live.example")) as listener, connected(listener.port) as wire:
        hello = client_hello("live.example")
        for at in range(0, len(hello), 40):
            await wire.send(hello[at : at + 40])
            await asyncio.sleep(0.001)  # so that it comes in several pieces, if it can
        answer = await wire.exactly(5)
        assert answer[0] == 22  # a handshake record: the ServerHello


test_a_client_hello_may_come_in_pieces = on_every_loop(_drip)


async def _proxied(folder: Path) -> None:
    async with accepting(folder, (HOST, "live.example"), balancers=LOOPBACK) as listener:
        for header in (PROXY_V1, PROXY_V2):
            async with connected(listener.port) as wire:
                await wire.send(header[:9])
                await asyncio.sleep(0.01)  # so that it comes in two pieces, if it can
                await wire.send(header[9:])
                wire.socket = await asyncio.to_thread(CLIENT.wrap_socket, wire.socket, server_hostname="live.example")
                assert (await seen_by(wire))["client"] == "192.0.2.7"
                assert (await seen_by(wire))["scheme"] == "https"
                wire.socket.close()
        async with connected(listener.port) as wire:
            await wire.send(client_hello(HOST))
            assert await wire.ended()
        await listener.until(Handshake.PROXY_HEADER)
    async with accepting(folder, balancers=LOOPBACK, seconds=0.2) as listener, connected(listener.port) as wire:
        await wire.send(PROXY_V1[:-1])
        assert await wire.ended()
        await listener.until(Handshake.TIMEOUT)


test_a_proxy_header_stands_before_the_handshake = on_every_loop(_proxied)


@pytest.mark.parametrize("is_required", [False, True], ids=["optional", "required"])
async def test_client_certificates(is_required: bool, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(AUTHORITY.pem)
    good = AUTHORITY.issue("edge.example", is_client=True)
    async with accepting(tmp_path, policy=Policy(ca, is_required)) as listener:

        async def ask(identity: Identity | None, session: ssl.SSLSession | None = None) -> ssl.SSLSession | None:
            async with tls_connected(listener.port, AUTHORITY.client(identity, tmp_path), HOST, session) as wire:
                expected = None if identity is None else sha256(identity.der).hexdigest()
                assert (await seen_by(wire))["certificate"] == expected
                return tls_of(wire).session

        await ask(good)
        bad = [
            Authority().issue("edge.example", is_client=True),
            AUTHORITY.issue("edge.example", begins=time.time() - 2 * DAY, seconds=DAY, is_client=True),
            AUTHORITY.issue("edge.example"),  # a server's
        ]
        for identity in bad:
            with pytest.raises(REFUSED):
                await ask(identity)
        await listener.until(Handshake.CERTIFICATE_REFUSED, len(bad))
        if is_required:
            with pytest.raises(REFUSED):
                await ask(None)
            await listener.until(Handshake.CERTIFICATE_MISSING)
        else:
            await ask(None)


async def test_no_more_handshakes_than_allowed_at_once(tmp_path: Path) -> None:
    async with accepting(tmp_path, most=1) as listener:
        async with connected(listener.port), connected(listener.port) as second:
            assert await second.ended()
            await listener.until(Handshake.CROWDED)
        await listener.until(Handshake.CLOSED)
        async with tls_connected(listener.port, CLIENT, HOST) as wire:
            assert (await seen_by(wire))["scheme"] == "https"


async def test_what_has_begun_when_it_closes_may_end(tmp_path: Path) -> None:
    async with accepting(tmp_path) as listener, connected(listener.port) as begun:
        await begun.send(client_hello(HOST)[:50])
        async with asyncio.timeout(PATIENCE):
            while not listener.server.pending:
                await asyncio.sleep(0.005)
        listener.server.close()
        await begun.send(client_hello(HOST)[50:])
        with pytest.raises(ConnectionError):
            await asyncio.to_thread(Wire, listener.port)
        assert (await begun.exactly(1)) == b"\x16"  # of the ServerHello
        await listener.server.wait_closed()
        assert listener.server.pending == 0
        with contextlib.suppress(ConnectionError):
            await begun.rest()


async def test_out_of_descriptors_it_waits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with accepting(tmp_path) as listener:
        client = socket.create_connection(("127.0.0.1", listener.port))
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (client.fileno() + 1, hard))
            async with asyncio.timeout(PATIENCE):
                while not caplog.records:
                    await asyncio.sleep(0.005)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            client.close()
        assert "cannot accept connections" in caplog.text
        async with tls_connected(listener.port, CLIENT, HOST) as wire:
            assert (await seen_by(wire))["scheme"] == "https"


def client_hello(host: str) -> bytes:
    """What a client sends first."""
    outgoing = ssl.MemoryBIO()
    connection = CLIENT.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=host)
    with pytest.raises(ssl.SSLWantReadError):
        connection.do_handshake()
    hello = outgoing.read()
    assert read_client_hello(hello) is not None
    return hello


# ---- The whole gateway ----------------------------------------------------------------------------------------------


def tables(folder: Path, **tls: object) -> dict[str, object]:
    """[public] with TLS under one certificate."""
    files = AUTHORITY.issue(HOST).write(folder)
    return {"port": 0, "tls": {"certificates": {"main": files}, **tls}}


async def _bodies(folder: Path) -> None:
    data = os.urandom(6 * 1024 * 1024 + 17)
    async with running(folder, public=tables(folder)) as gateway:
        gateway.put("a/1.m4s", data)
        async with tls_connected(gateway.where.public_port, CLIENT, HOST) as wire:
            assert (await wire.ask("/open/a/1.m4s")).body == data
            for first, last in ((0, 0), (100, 300_000), (262_143, 5_242_880), (len(data) - 1, len(data) - 1)):
                answer = await wire.ask("/open/a/1.m4s", f"Range: bytes={first}-{last}")
                assert (answer.status, answer.body == data[first : last + 1]) == (206, True)
            small = gateway.put("a/2.m4s", data[:200_000]).name
            for _ in range(5):  # hot by then
                assert (await wire.ask(f"/open/a/{small}")).body == data[:200_000]
            several = await wire.ask("/open/a/1.m4s", "Range: bytes=0-999999,2000000-2999999")
            assert data[:1_000_000] in several.body
            assert data[2_000_000:3_000_000] in several.body
            await wire.send(b"GET /open/a/1.m4s HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
            for _ in range(3):
                assert (await wire.answer()).body == data
        async with tls_connected(gateway.where.public_port, CLIENT, HOST) as wire:
            await wire.send(b"GET /open/a/1.m4s HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await wire.head()).status == 200
            tls_of(wire).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        async with asyncio.timeout(PATIENCE):  # the one that went away holds nothing
            while await gateway.metric("headgate_requests_in_flight"):
                await asyncio.sleep(0.01)


test_bodies_are_exact = on_every_loop(_bodies)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_body_that_breaks_resets_the_connection(loop: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with running(tmp_path, public=tables(tmp_path)) as gateway:
            file = gateway.put("a/1.m4s", os.urandom(24 * 1024 * 1024))
            async with tls_connected(gateway.where.public_port, CLIENT, HOST) as wire:
                await wire.send(b"GET /open/a/1.m4s HTTP/1.1\r\nHost: a\r\n\r\n")
                length = int((await wire.head())["content-length"])
                file.write_bytes(b"another")
                with pytest.raises(REFUSED):
                    await wire.exactly(length)

    with asyncio.Runner(loop_factory=loop_factory(loop)) as runner, caplog.at_level(logging.WARNING):
        runner.run(story())
    assert [record.name for record in caplog.records] == ["origin.serving.send"]


async def test_a_new_certificate_is_for_new_connections(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "origin.server.tls")
    async with running(tmp_path, public=tables(tmp_path)) as gateway:
        port = gateway.where.public_port
        async with tls_connected(port, CLIENT, HOST) as old:
            expires = await expiry(gateway)
            new = AUTHORITY.issue(HOST, seconds=20 * DAY)
            (tmp_path / "main.pem").write_bytes(new.pem)  # its key comes later
            await said(caplog, "stay as they were: public.tls.certificates.main.key: does not belong")
            async with tls_connected(port, CLIENT, HOST) as meanwhile:
                assert shown(meanwhile) == shown(old)
            new.write(tmp_path)
            await said(caplog, "certificate main was read again")
            async with tls_connected(port, CLIENT, HOST) as fresh:
                assert shown(fresh) == new.der
                assert (await fresh.ask("/time")).status == 200
            assert (await old.ask("/time")).status == 200
            assert await expiry(gateway) == pytest.approx(expires + 10 * DAY, abs=60)
    assert caplog.text.count("stay as they were") == 1


async def expiry(gateway: Gateway) -> float:
    return await gateway.metric('headgate_tls_certificate_expiry_timestamp_seconds{certificate="main"}')


async def said(caplog: pytest.LogCaptureFixture, words: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while words not in caplog.text:
            await asyncio.sleep(0.01)


async def test_a_client_certificate_proves_an_edge(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(AUTHORITY.pem)
    edge = {"trust": "verifies", "proof": "certificate", "names": ["edge.example"]}
    mounts: list[dict[str, object]] = [
        {"prefix": "/vod", "storage": "file:media", "access": "signed", "keys": "main", "edge": edge}
    ]
    public = tables(tmp_path, client_certificates="optional", client_ca="ca.pem")
    async with running(tmp_path, mounts, public=public) as gateway:
        gateway.put("a/1.m4s", b"segment")
        for identity, status in (
            (AUTHORITY.issue("edge.example", is_client=True), 200),
            (AUTHORITY.issue("other.example", is_client=True), 401),
            (None, 401),
        ):
            client = AUTHORITY.client(identity, tmp_path)
            async with tls_connected(gateway.where.public_port, client, HOST) as wire:
                assert (await wire.ask("/vod/a/1.m4s")).status == status
        assert await gateway.metric('headgate_edge_proofs_total{mount="/vod",result="ok"}') == 1
        assert await gateway.metric('headgate_tls_handshakes_total{result="full"}') == 3


async def test_it_does_not_start_with_files_that_do_not_serve(tmp_path: Path) -> None:
    public = tables(tmp_path, client_certificates="required", client_ca="ca.pem")
    (tmp_path / "main.key").chmod(0o644)
    mount = {"prefix": "/open", "storage": "memory:", "access": "open"}
    configured = settings.parse({"public": public, "admin": {"port": 0}, "mount": [mount]}, tmp_path)
    async with open_runtime(configured) as runtime:
        with pytest.raises(TlsUnusable) as unusable:
            async with listening(configured, runtime):
                pass
    keys = [line.partition(": ")[0] for line in unusable.value.lines]
    assert keys == ["public.tls.certificates.main.key", "public.tls.client_ca"]
