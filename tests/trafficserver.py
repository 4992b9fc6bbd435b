"""A real Apache Traffic Server of a test's own, on loopback, before an origin that says what it was asked for."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.redis_server import free_port

SIGNING_HOST = "us.test"  # guarded by uri_signing
URL_SIG_HOST = "seven.eight.nine"  # guarded by url_sig

_START = 20.0  # seconds until a fresh server must answer
_STOP = 10.0
_FOLDERS = {
    "bindir": "bin",
    "sbindir": "bin",
    "datadir": "share/trafficserver",
    "includedir": "include",
    "libdir": "lib",
    "libexecdir": "lib/trafficserver/modules",
    "mandir": "share/man",
}


class _Origin(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


class TrafficServer:
    """One server process and its origin. `root` is the tree that the packages were unpacked into."""

    def __init__(self, program: Path, root: Path, folder: Path) -> None:
        self._program = program
        self._root = root
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._origin = ThreadingHTTPServer(("127.0.0.1", 0), _Origin)
        self.port = free_port()

    def start(self, uri_signing: Mapping[str, object], url_sig: Mapping[str, str]) -> None:
        """Run it with the plugins' configurations, and return when it answers."""
        threading.Thread(target=self._origin.serve_forever, daemon=True).start()
        run_root = self._configure(uri_signing, url_sig)
        log = self._folder / "output"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(self._program), f"--run-root={run_root}"], stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        deadline = time.monotonic() + _START
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"traffic_server did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End both; idempotent."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(_STOP)
        self._origin.shutdown()
        self._origin.server_close()

    def get(self, host: str, target: str, headers: Mapping[str, str] | None = None) -> tuple[int, str, str]:
        """Status, the cookie that was set or "", and what the origin was asked for."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_STOP)
        try:
            connection.request("GET", target, headers={"Host": host, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Set-Cookie") or "", answer.read().decode()
        finally:
            connection.close()

    def _answers(self) -> bool:
        try:
            self.get("nobody.test", "/")
        except (OSError, http.client.HTTPException):
            return False
        return True

    def _configure(self, uri_signing: Mapping[str, object], url_sig: Mapping[str, str]) -> Path:
        settings = self._folder / "etc"
        shutil.copytree(self._root / "etc/trafficserver", settings)
        places = {name: self._root / "usr" / below for name, below in _FOLDERS.items()}
        places |= {"prefix": self._root / "usr", "exec_prefix": self._root / "usr", "sysconfdir": settings}
        for name in ("localstatedir", "runtimedir", "logdir", "cachedir"):
            places[name] = self._folder / name
            places[name].mkdir()
        origin = f"http://127.0.0.1:{self._origin.server_port}/"
        records = {
            "proxy.config.http.server_ports STRING": f"{self.port}:ip-in=127.0.0.1",
            "proxy.config.body_factory.template_sets_dir STRING": str(settings / "body_factory"),
            "proxy.config.http.cache.http INT": "0",
            "proxy.config.admin.user_id STRING": "#-1",  # whoever runs the tests
            "proxy.config.exec_thread.autoconfig INT": "0",
            "proxy.config.exec_thread.limit INT": "1",
        }
        files = {
            "storage.config": "",
            "plugin.config": "",
            "records.config": "".join(f"CONFIG {name} {value}\n" for name, value in records.items()),
            "uri_signing.json": json.dumps(uri_signing),
            "url_sig.config": "".join(f"{name} = {value}\n" for name, value in url_sig.items()),
            "remap.config": (
                f"map http://{SIGNING_HOST}/ {origin} @plugin=uri_signing.so @pparam={settings}/uri_signing.json\n"
                f"map http://{URL_SIG_HOST}/ {origin} "
                f"@plugin=url_sig.so @pparam={settings}/url_sig.config @pparam=pristineurl\n"
            ),
        }
        for name, text in files.items():
            (settings / name).write_text(text)
        run_root = self._folder / "runroot.yaml"
        run_root.write_text("".join(f"{name}: {place}\n" for name, place in places.items()))
        return run_root
