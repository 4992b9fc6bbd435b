"""A real Redis server of a test's own, on loopback, which can be killed, restarted and frozen."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

_START = 10.0  # seconds until a fresh server must answer
_STOP = 5.0


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class RedisServer:
    """One server process, in memory only, always on the same port."""

    def __init__(self, program: Path, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        """`settings` come on top of those that every server here has; the port is always there without TLS."""
        self._program = program
        self._settings = dict(settings or {})
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        """Where clients connect that need no password."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Run the server, if it does not run, and return when it answers."""
        if self._process is not None and self._process.poll() is None:
            self.resume()
            return
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self._folder),
            "save": "",
            "appendonly": "no",
            **self._settings,
        }
        options = [word for name, value in settings.items() for word in (f"--{name}", value)]
        log = self._folder / "redis.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(self._program), *self._file(), *options], stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        deadline = time.monotonic() + _START
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"redis-server did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.02)

    def ask(self, *words: str) -> str:
        """What it answers, as it stands on the wire."""
        said = "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
        return self._ask(f"*{len(words)}\r\n{said}".encode()).decode()

    def flush(self) -> None:
        """Forget every key."""
        self._ask(b"FLUSHALL\r\n")

    def kill(self) -> None:
        """End the process at once, as a crash would; idempotent."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Crash and come back empty on the same port."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """Freeze the process: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Undo `pause`."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End the process in good order; idempotent."""
        self.resume()
        self._end(signal.SIGTERM)

    def _file(self) -> tuple[str, ...]:
        """What comes before the settings."""
        return ()

    def _answers(self) -> bool:
        try:
            return self._ask(b"PING\r\n").startswith(b"+PONG")
        except OSError:
            return False

    def _ask(self, command: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=_STOP) as connection:
            if password := self._settings.get("requirepass"):
                connection.sendall(f"AUTH {password}\r\n".encode())
                connection.recv(64)
            connection.sendall(command)
            return connection.recv(65536)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        self._signal(number)
        if self._process is None:
            return
        try:
            self._process.wait(_STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
