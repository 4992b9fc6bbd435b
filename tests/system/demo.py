"""`headgate demo` as a process of its own: what it prints, what it answers, how it ends; and tokens of its key."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from urllib.parse import urlsplit

from auth import Claims, Gate, KeyRing, PathScope, Realm, Transport
from origin.keystore.file import read_ring
from tests.parts import FOLDER

ROOT = Path(__file__).parents[2]
# The command itself tells a current asset from an old one, so its state outlives the session; `make clean` ends it.
STATE = FOLDER / "demo-state"
_READY_SECONDS = 280.0  # a fresh clone encodes the asset and fetches the players first
_DRAIN_SECONDS = 1.0  # its `server.drain_seconds`


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo, and the files that its output goes to."""

    process: subprocess.Popen[bytes]
    urls: Mapping[str, str]
    state: Path
    stdout: Path
    stderr: Path

    @property
    def base(self) -> str:
        """Scheme and authority of the public listener."""
        return self.urls["player_url"].removesuffix("/player/")

    @property
    def admin(self) -> str:
        """Scheme and authority of the admin listener."""
        return self.urls["metrics_url"].removesuffix("/metrics")

    def stop(self) -> int:
        """SIGTERM, and the exit status, which must come soon after the drain time."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_DRAIN_SECONDS + 14)


@contextlib.contextmanager
def running_demo(output: Path, state: Path = STATE) -> Iterator[Demo]:
    """The demo on free ports, serving; ended on the way out unless the test has ended it."""
    stdout, stderr = output / "stdout", output / "stderr"
    command = [sys.executable, "-m", "origin", "demo", "--port", "0", "--state", str(state), "--json"]
    with stdout.open("wb") as out, stderr.open("wb") as err:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
    try:
        yield Demo(process, _announced(process, stdout, stderr), state, stdout, stderr)
    finally:
        process.terminate()
        try:
            process.wait(_DRAIN_SECONDS + 5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _announced(process: subprocess.Popen[bytes], stdout: Path, stderr: Path) -> dict[str, str]:
    deadline = time.monotonic() + _READY_SECONDS
    while not (said := stdout.read_bytes()).endswith(b"\n"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the demo did not start:\n{stderr.read_text()[-2000:]}")
        time.sleep(0.05)
    urls: dict[str, str] = json.loads(said)
    return urls


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: Message
    body: bytes

    @property
    def reason(self) -> str:
        """Of a problem document (RFC 9457)."""
        assert self.headers["Content-Type"] == "application/problem+json"
        reason: str = json.loads(self.body)["reason"]
        return reason


def ask(url: str) -> Answer:
    """GET, following nothing and remembering nothing."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def signed(demo: Demo, path: str, *, expires_in: float = 600, transport: Transport = Transport.QUERY) -> str:
    """The URL of `path` with a token of the demo's own key; `expires_in` seconds, negative for one that has expired."""
    now = time.time()
    prefix = f"/{path.split('/')[1]}"
    expires = float(int(now + expires_in))
    claims = Claims(
        issued_at=expires - 3600, expires=expires, token_id="a-test", scope=PathScope.prefix(f"{prefix}/clock/")
    )
    ring: KeyRing = read_ring(demo.state / "keys.json")[0]
    return demo.base + Gate(Realm(prefix)).sign(path, claims, ring, expires - 1800, transport)


def tampered(url: str) -> str:
    """The URL with another signature under its token."""
    before, dot, signature = url.rpartition(".")
    return before + dot + ("A" if signature[0] != "A" else "B") + signature[1:]
