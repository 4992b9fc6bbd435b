"""`headgate serve`, as a process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.origin.cli.conftest import CONFIGURATION, Console
from tests.system.processes import HEADGATE, Gateway, environment, headgate, serving, wait_until, write_configuration

DIRECTORY = "/vod/film/"
# Prints what is frozen, whether collections are fewer now, and what a full one goes through, before and after.
COLLECTS = """
import gc
from origin.cli.serve import spare_the_collector
threshold, objects = gc.get_threshold()[0], len(gc.get_objects())
spare_the_collector()
print(gc.get_freeze_count(), int(gc.get_threshold()[0] > threshold), objects, len(gc.get_objects()))
"""
OPAQUE = "exp=1~acl=/*~hmac=0123456789abcdef0123456789abcdef"


@pytest.fixture
def config(site: Path) -> Path:
    """The site's configuration with free ports and a talkative log."""
    return write_configuration(site, CONFIGURATION, extra='[log]\nlevel = "debug"')


@pytest.fixture
def gateway(config: Path) -> Iterator[Gateway]:
    with serving(config) as running:
        yield running


def requests_with(token: str) -> list[tuple[str, dict[str, str]]]:
    """The same token in every place where one may be, spelled in every way."""
    escaped = "".join(f"%{ord(each):02X}" for each in token)
    below = "film/index.m3u8"
    return [
        (f"/vod/{below}?token={token}", {}),
        (f"/vod/{below}?%74oken={token}", {}),
        (f"/vod/{below}?a=1&%74%6f%6B%65n={escaped}&b=2", {}),
        (f"/vod/{below}?token%3D{token}", {}),
        (f"/vod/{below}?x=%2574oken={token}", {}),
        (f"/vod/token={token}/{below}", {}),
        (f"/vod/token%3D{token}/{below}", {}),
        (f"/vod/token={token}/token={token}/{below}", {}),
        (f"/vod/{below}", {"Cookie": f"token={token}; other=1"}),
        (f"/vod/{below}", {"Authorization": f"Bearer {token}"}),
        (f"/vod/{below}", {"Referer": f"https://player.example/?token={token}"}),
        (f"/open/{below}?token={token}", {}),
        (f"/open/missing.ts?access_token={token}", {}),
        (f"/nowhere?hdnea={token}", {}),
        (f"/vod/%2e%2e/{below}?token={token}", {}),
    ]


def test_what_start_up_made_is_not_looked_through_again() -> None:
    said = subprocess.run(
        [sys.executable, "-c", COLLECTS], capture_output=True, text=True, timeout=30, check=True
    ).stdout.split()
    frozen, fewer, at_first, then = map(int, said)
    assert frozen > 0
    assert then < at_first / 10, "objects that a full collection goes through"
    assert fewer == 1


def test_it_says_where_it_listens_and_ends_with_0(gateway: Gateway) -> None:
    said = [str(record["message"]) for record in gateway.log()]
    assert f"serving /vod, /open on 127.0.0.1:{gateway.ports['public']}" in said
    assert f"metrics and health on 127.0.0.1:{gateway.ports['admin']}" in said
    assert gateway.get("/readyz", listener="admin").status == 200
    assert gateway.end(signal.SIGTERM) == 0
    assert gateway.log()[-1]["message"] == "draining"


def test_an_interrupt_ends_it_with_0(gateway: Gateway) -> None:
    assert gateway.get("/open/film/index.m3u8").status == 200
    assert gateway.end(signal.SIGINT) == 0
    assert "Traceback" not in gateway.stderr.read_text()


def test_one_line_for_each_request_and_no_token_in_any(gateway: Gateway, console: Console) -> None:
    signed = console("sign", f"{DIRECTORY}index.m3u8").out.strip().rpartition("=")[2]
    header, payload, signature = signed.split(".")
    asked = [*requests_with(signed), *requests_with(OPAQUE)]
    statuses = [gateway.get(target, headers).status for target, headers in asked]
    assert statuses.count(200) >= 7
    assert {401, 403, 404} <= set(statuses)
    assert gateway.end() == 0
    assert [record["http.response.status_code"] for record in gateway.access_log()] == statuses
    told = gateway.stdout.read_text() + gateway.stderr.read_text()
    assert "[redacted]" in told
    for secret in (header, payload, signature, OPAQUE, "hmac=0123", signature[:12], payload[:12]):
        assert secret not in told
    assert "".join(f"%{ord(each):02X}" for each in signed[:8]) not in told


@pytest.mark.parametrize("listener", ["public", "admin"])
def test_a_port_that_is_taken_is_code_3(config: Path, listener: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = headgate("serve", cwd=config.parent, **{f"HEADGATE_{listener.upper()}__PORT": str(port)})
    assert (said.returncode, said.stdout) == (3, "")
    assert said.stderr == f"headgate: cannot listen on 127.0.0.1:{port} ({listener}): Address already in use\n"


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"HEADGATE_CONFIG": "missing.toml"}, "missing.toml: cannot be read: No such file or directory"),
        ({"HEADGATE_CONFIG": "media"}, "media: cannot be read: Is a directory"),
        ({"HEADGATE_CONFIG": "keys.json"}, "keys.json: is not TOML"),
        ({"HEADGATE_KEYRINGS__MAIN__FILE": "missing.json"}, "missing.json: does not exist"),
        ({"HEADGATE_CACHE__REDIS": "redis://:hidden@h:port/0"}, "cache.redis (from HEADGATE_CACHE__REDIS): should be"),
        ({"HEADGATE_CACHE__REDIS": "redis://:hidden@h/0?nonsense=1"}, "has an option that is not known"),
        (
            {"HEADGATE_EDGE_PURGE__0__NAME": "e", "HEADGATE_EDGE_PURGE__0__KIND": "nginx"},
            "edge_purge[0].url: is required",
        ),
        ({"HEADGATE_PUBLIC__PORT": "70000"}, "public.port (from HEADGATE_PUBLIC__PORT): should be less than"),
    ],
)
def test_what_cannot_work_is_one_line_and_code_2(config: Path, variables: dict[str, str], says: str) -> None:
    said = headgate("serve", cwd=config.parent, **variables)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.count("\n") == 1
    assert says in said.stderr
    assert "hidden" not in said.stderr


def test_certificates_that_cannot_be_served_are_a_line_each_and_code_2(config: Path) -> None:
    at = "HEADGATE_PUBLIC__TLS__CERTIFICATES__MAIN"
    said = headgate("serve", cwd=config.parent, **{f"{at}__CERTIFICATE": "missing.pem", f"{at}__KEY": "keys.json"})
    assert (said.returncode, said.stdout) == (2, "")
    assert [line.split(": ")[1:] for line in said.stderr.splitlines()] == [
        ["public.tls.certificates.main.certificate", "cannot be read (No such file or directory)"],
        ["public.tls.certificates.main.key", "holds no private key in PEM that can be read"],
    ]


def test_a_host_that_is_not_ours(config: Path) -> None:
    said = headgate("serve", cwd=config.parent, HEADGATE_PUBLIC__HOST="no-such-host.invalid")
    assert (said.returncode, said.stdout) == (3, "")
    assert said.stderr.startswith("headgate: cannot listen on no-such-host.invalid:0 (public): ")
    assert said.stderr.count("\n") == 1


def test_nothing_to_serve(config: Path) -> None:
    config.write_text("")
    said = headgate("serve", cwd=config.parent)
    assert said.returncode == 2
    assert said.stderr == "headgate: headgate.toml: mount: is missing: there is nothing to serve (add a [[mount]])\n"


# Large, and for those alone who are configured to need them.
HEAVY = {"jinja2", "origin.demo.page", "redis", "rich"}


def test_what_a_configuration_does_not_need_is_not_imported(config: Path) -> None:
    stderr = config.with_name("imports")
    with stderr.open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-X", "importtime", *HEADGATE[1:], "serve", "--config", str(config)],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=err,
        )
    try:
        wait_until(lambda: "metrics and health on" in stderr.read_text(), "it serves")
    finally:
        process.terminate()
        assert process.wait(30) == 0
    imported = {line.rpartition("|")[2].strip() for line in stderr.read_text().splitlines() if "import time:" in line}
    assert {"origin.runtime", "pydantic", "origin.server.process"} <= imported
    assert HEAVY & imported == set()


def test_viewers_do_not_notice_that_nobody_reads_the_access_log(config: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        with serving(config, to=writer) as gateway:
            os.close(writer)
            writer = -1
            assert gateway.get("/open/film/index.m3u8").status == 200
            wait_until(lambda: gateway.metric("headgate_access_log_dropped_total") > 0, "the line is counted as lost")
            assert gateway.get("/open/film/index.m3u8").status == 200
            assert gateway.end() == 0
            assert all(record["message"] for record in gateway.log())
    finally:
        if writer != -1:
            os.close(writer)
