"""TLS with other people's programs: as clients, and in front with HTTP/2, as `deploy/edge` has them."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Mapping
from functools import partial
from ipaddress import ip_network
from pathlib import Path

import pytest

from auth import Claims, Gate, PathScope
from origin.realms import realm_of
from tests.parts import find_part
from tests.redis_server import free_port
from tests.stories.gateway import Gateway, running
from tests.system.processes import ROOT, ran
from tests.tls_parts import Authority, pem_of, tls_connected

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

EDGE = ROOT / "deploy/edge"
VIEWERS, INSIDE = Authority("Viewers' authority"), Authority("Our own authority")
HOST, OURS = "cdn.example", "headgate.internal"
SEGMENT = os.urandom(3_000_000)


async def run(name: str, *arguments: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """A program to its end, with `variables` in its environment."""
    program = find_part(name)
    assert program is not None
    command = [str(program), *arguments]
    return await asyncio.to_thread(
        subprocess.run,
        command,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | variables,
    )


async def fetched(folder: Path, url: str, port: int, *options: str) -> tuple[str, bytes]:
    """Version and status of curl's answer, and its body."""
    body = folder / "body"
    body.unlink(missing_ok=True)
    given = ("-sS", "--cacert", str(folder / "viewers.pem"), "--resolve", f"{HOST}:{port}:127.0.0.1", *options)
    told = ("-o", str(body), "-w", "%{http_version} %{http_code}")
    done = await run("curl", *given, *told, f"https://{HOST}:{port}{url}")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout, body.read_bytes()


def files(folder: Path) -> None:
    """What the configurations in `deploy/edge` name."""
    front, edge = VIEWERS.issue(HOST), INSIDE.issue("edge.internal", is_client=True)
    (folder / "viewers.pem").write_bytes(VIEWERS.pem)
    (folder / "ca.pem").write_bytes(INSIDE.pem)
    front.write(folder, "cdn")
    edge.write(folder, "edge")
    (folder / "both.pem").touch(0o600)
    (folder / "both.pem").write_bytes(front.pem + pem_of(front.key))


def adapted(name: str, changes: Mapping[str, str]) -> str:
    """A committed configuration with other addresses and folders; each of `changes` has to be needed."""
    text = (EDGE / name).read_text()
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True


async def _plays(gateway: Gateway, folder: Path, port: int) -> None:
    """A signed segment over HTTP/2, whole and in part; nothing without a token."""
    gateway.put("a/1.m4s", SEGMENT)
    token = gateway.token()
    assert await fetched(folder, f"/vod/a/1.m4s?token={token}", port, "--http2") == ("2 200", SEGMENT)
    ranged = await fetched(folder, f"/vod/a/1.m4s?token={token}", port, "--http2", "-r", "1000-999999")
    assert ranged == ("2 206", SEGMENT[1000:1_000_000])
    assert (await fetched(folder, "/vod/a/1.m4s", port, "--http2"))[0] == "2 401"


@pytest.mark.needs("nginx", "curl")
async def test_nginx_speaks_http_2_and_shows_a_certificate(tmp_path: Path) -> None:
    files(tmp_path)
    certificates = {"main": INSIDE.issue(OURS).write(tmp_path)}
    tls = {"certificates": certificates, "client_certificates": "required", "client_ca": "ca.pem"}
    program, port = find_part("nginx"), free_port()
    assert program is not None
    async with running(tmp_path, public={"port": 0, "trusted_proxies": ["127.0.0.0/8"], "tls": tls}) as gateway:
        temporary = "".join(
            f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        changes = {
            "http {\n": f"http {{ access_log off; {temporary}\n",
            "127.0.0.1:8080": f"127.0.0.1:{gateway.where.public_port}",
            "listen 443": f"listen 127.0.0.1:{port}",
            "/etc/nginx/": f"{tmp_path}/",
        }
        (tmp_path / "nginx.conf").write_text(adapted("nginx.conf", changes))
        process = f"daemon off; master_process off; pid {tmp_path}/pid; error_log stderr;"
        command = (str(program), "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-e", "stderr", "-g", process)
        with ran(command, tmp_path / "nginx.log", partial(_accepts, port)):
            await _plays(gateway, tmp_path, port)
        with pytest.raises((ssl.SSLError, ConnectionError)):  # whoever has no certificate
            async with tls_connected(gateway.where.public_port, INSIDE.client(), OURS) as wire:
                await wire.ask("/time")


@pytest.mark.needs("haproxy", "curl")
async def test_haproxy_speaks_http_2_and_says_who_the_viewer_is(tmp_path: Path) -> None:
    files(tmp_path)
    tls = {"certificates": {"main": INSIDE.issue(OURS).write(tmp_path)}}
    program, port = find_part("haproxy"), free_port()
    assert program is not None
    public = {"port": 0, "load_balancers": ["127.0.0.0/8"], "tls": tls}
    async with running(tmp_path, public=public) as gateway:
        changes = {
            "127.0.0.1:443": f"127.0.0.1:{port}",
            "127.0.0.1:8080": f"127.0.0.1:{gateway.where.public_port}",
            "/etc/haproxy/cdn.pem": f"{tmp_path}/both.pem",
            "/etc/haproxy/": f"{tmp_path}/",
        }
        (tmp_path / "haproxy.cfg").write_text(adapted("haproxy.cfg", changes))
        command = [str(program), "-db", "-f", str(tmp_path / "haproxy.cfg")]
        with ran(command, tmp_path / "haproxy.log", partial(_accepts, port)):
            await _plays(gateway, tmp_path, port)
            claims = Claims(
                expires=time.time() + 600, scope=PathScope.prefix("/vod"), networks=(ip_network("127.0.0.5"),)
            )
            bound = Gate(realm_of(gateway.configured.mount[0])).mint(claims, gateway.ring, time.time()).reveal()
            url = f"/vod/a/1.m4s?token={bound}"
            assert (await fetched(tmp_path, url, port, "--interface", "127.0.0.5"))[0] == "2 200"
            assert (await fetched(tmp_path, url, port))[0] == "2 403"
        assert await gateway.metric('headgate_tls_handshakes_total{result="proxy_header"}') == 0


@pytest.mark.needs("openssl", "curl")
async def test_openssl_and_curl(tmp_path: Path) -> None:
    files(tmp_path)
    public = {"port": 0, "tls": {"certificates": {"main": VIEWERS.issue(HOST).write(tmp_path)}}}
    async with running(tmp_path, public=public) as gateway:
        gateway.put("a/1.m4s", SEGMENT)
        port = gateway.where.public_port
        assert await fetched(tmp_path, "/open/a/1.m4s", port) == ("1.1 200", SEGMENT)
        for version in ("-tls1_2", "-tls1_3"):
            client = (
                *("s_client", "-connect", f"127.0.0.1:{port}", "-servername", HOST, "-verify_hostname", HOST),
                *("-CAfile", str(tmp_path / "viewers.pem"), "-verify_return_error", "-alpn", "h2,http/1.1"),
                *(version, "-ign_eof"),
            )
            request = f"GET /time HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
            first = await run("openssl", *client, "-sess_out", str(tmp_path / "session"), stdin=request)
            assert "Verify return code: 0 (ok)" in first.stdout
            assert "ALPN protocol: http/1.1" in first.stdout
            assert "HTTP/1.1 200 OK" in first.stdout
            again = await run("openssl", *client, "-sess_in", str(tmp_path / "session"), stdin=request)
            assert re.search(r"^Reused, TLSv1", again.stdout, re.MULTILINE)
            assert "HTTP/1.1 200 OK" in again.stdout


@pytest.mark.needs("ffmpeg")
async def test_ffmpeg_plays_a_signed_stream(tmp_path: Path) -> None:
    files(tmp_path)
    public = {"port": 0, "tls": {"certificates": {"main": VIEWERS.issue("localhost").write(tmp_path)}}}
    async with running(tmp_path, public=public) as gateway:
        (gateway.media / "a").mkdir()
        made = await run(
            "ffmpeg",
            *("-hide_banner", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=128x72:rate=10:duration=3"),
            *("-g", "10", "-f", "hls", "-hls_time", "1", "-hls_list_size", "0", str(gateway.media / "a/index.m3u8")),
        )
        assert (made.returncode, made.stderr) == (0, "")
        played = await run(
            "ffmpeg",
            *("-hide_banner", "-loglevel", "error", "-xerror", "-progress", "pipe:1"),
            *("-tls_verify", "1"),
            *("-i", f"https://localhost:{gateway.where.public_port}/vod/a/index.m3u8?token={gateway.token()}"),
            *("-f", "null", "/dev/null"),
            # Its option names authorities for the first request alone, not for those that a playlist leads to.
            SSL_CERT_FILE=str(tmp_path / "viewers.pem"),
        )
        assert (played.returncode, played.stderr) == (0, "")
        assert re.findall(r"^frame=(\d+)$", played.stdout, re.MULTILINE)[-1] == "30"
