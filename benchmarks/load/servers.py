"""Start and stop the measured servers, each pinned to one processor."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from auth.keys import Key
from benchmarks.load.fixtures import (
    SECURE_LINK_SECRET,
    Fixtures,
    jwt_targets,
    plain_targets,
    secure_link_targets,
)
from benchmarks.load.rows import Row

_PEERS = Path(__file__).parent / "peers"
Targets = Callable[[Row], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Server:
    """One peer: how to start it on a port, and what to ask it for."""

    name: str
    command: Callable[[int, Path], list[str]]
    targets: Targets


@contextlib.contextmanager
def running(server: Server, *, cpu: int, workdir: Path) -> Iterator[tuple[int, int]]:
    """(port, pid) of the started server; stopped on leaving."""
    workdir.mkdir(parents=True, exist_ok=True)
    port = free_port()
    with (workdir / "output.log").open("wb") as output:
        command = ["taskset", "-c", str(cpu), *server.command(port, workdir)]
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            _wait_for(port, process)
            yield port, process.pid
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def check(server: Server, row: Row, port: int) -> None:
    """One answer by hand: a row that measures error pages measures nothing."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{next(iter(server.targets(row)))}")
    if row.header:
        request.add_header(*row.header)
    with urllib.request.urlopen(request, timeout=10) as answer:
        body = answer.read()
        if answer.status != row.expect_status or (row.body_bytes and len(body) != row.body_bytes):
            raise RuntimeError(f"{server.name}, {row.name}: {answer.status} with {len(body)} bytes")


def peers(fixtures: Fixtures, key: Key) -> list[Server]:
    """Every peer that is installed here."""
    servers = [_headgate(loop, fixtures, key) for loop in ("uvloop+fast", "asyncio+fast", "uvloop", "asyncio")]
    if shutil.which("nginx"):
        servers.insert(0, Server("nginx secure_link", partial(_nginx, fixtures), secure_link_targets))
    servers.extend(
        Server(f"aiohttp FileResponse, {loop}", partial(_file_response, fixtures, loop), plain_targets)
        for loop in ("asyncio", "uvloop")
    )
    servers.append(Server("Starlette + uvicorn", partial(_starlette, fixtures), plain_targets))
    return servers


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _headgate(loop: str, fixtures: Fixtures, key: Key) -> Server:
    def command(port: int, workdir: Path) -> list[str]:
        config = workdir / "headgate.toml"
        config.write_text(
            _fill(
                "headgate.toml", PORT=port, ADMIN=free_port(), LOOP=loop, KEYS=fixtures.keys_file, MEDIA=fixtures.media
            )
        )
        return [sys.executable, "-m", "origin", "serve", "--config", str(config)]

    return Server(f"Headgate, {loop}", command, partial(jwt_targets, key=key))


def _nginx(fixtures: Fixtures, port: int, workdir: Path) -> list[str]:
    config = workdir / "nginx.conf"
    # Started by root, its worker would be another user, who may not read the temporary folder.
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(
        _fill("nginx.conf", USER=user, PORT=port, WORKDIR=workdir, MEDIA=fixtures.media, SECRET=SECURE_LINK_SECRET)
    )
    return ["nginx", "-c", str(config), "-p", str(workdir)]


def _file_response(fixtures: Fixtures, loop: str, port: int, workdir: Path) -> list[str]:
    log = str(workdir / "access.log")
    return [sys.executable, str(_PEERS / "file_response.py"), str(fixtures.media), str(port), loop, log]


def _starlette(fixtures: Fixtures, port: int, workdir: Path) -> list[str]:
    return [sys.executable, str(_PEERS / "starlette_files.py"), str(fixtures.media), str(port)]


def _fill(name: str, **values: object) -> str:
    text = (_PEERS / name).read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    return text


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError("the server did not start in 15 s")
