"""Players that keep their connections: threads that ask one after the other, and note whatever goes wrong."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

_PATIENCE = 30.0


@dataclass(slots=True)
class Load:
    """What became of the requests so far."""

    port: int
    target: str
    body: bytes
    pause_seconds: float
    answered: int = 0
    reconnected: int = 0
    failures: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _is_over: threading.Event = field(default_factory=threading.Event)

    def play(self) -> None:
        """Ask again and again, on one connection for as long as it is kept. A refused connection is a failure, too."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE)
        while not self._is_over.wait(self.pause_seconds):
            try:
                connection.request("GET", self.target)
                response = connection.getresponse()
                is_right = response.status == 200 and response.read() == self.body
                self._note(None if is_right else f"status {response.status}, or another body")
                if response.getheader("Connection") == "close":
                    connection.close()
                    self.reconnected += 1
            except (OSError, http.client.HTTPException) as error:
                self._note(repr(error))
                connection.close()
        connection.close()

    def _note(self, failure: str | None) -> None:
        with self._lock:
            self.answered += failure is None
            self.failures += [] if failure is None else [failure]

    def end(self) -> None:
        """No more requests."""
        self._is_over.set()

    def advance(self, requests: int) -> None:
        """Wait until so many more have been answered."""
        goal, deadline = self.answered + requests, time.monotonic() + _PATIENCE
        while self.answered < goal:
            assert time.monotonic() < deadline, f"answers have stopped: {self.failures[:5]}"
            time.sleep(0.005)


@contextlib.contextmanager
def load(port: int, target: str, body: bytes, *, players: int, pause_seconds: float = 0.02) -> Iterator[Load]:
    """So many players, inside."""
    made = Load(port, target, body, pause_seconds)
    threads = [threading.Thread(target=made.play) for _ in range(players)]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        made.end()
        for thread in threads:
            thread.join(_PATIENCE)


def slow_transfer(port: int, target: str) -> socket.socket:
    """A transfer of which only the beginning has been read, over a small window."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(_PATIENCE)
    connection.connect(("127.0.0.1", port))
    connection.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    connection.recv(1, socket.MSG_PEEK)
    return connection


def read_all(connection: socket.socket) -> tuple[bytes, bytes]:
    """A response's header block, and what came of the body whose length it announces."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length:"))
    pieces = [body]
    missing = length - len(body)
    while missing > 0 and (piece := connection.recv(min(missing, 2**18))):
        pieces.append(piece)
        missing -= len(piece)
    return head, b"".join(pieces)
