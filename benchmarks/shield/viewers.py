"""Many viewers who ask for one object at the same moment, and how long each waits for its first byte.

A process of its own, so that it can be kept off the measured server's processor: `python -m benchmarks.shield.viewers
PORT PATH CLIENTS BYTES` prints seconds, one viewer a line, then how many got less than all of the body.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from dataclasses import dataclass, field

_READ_AT_ONCE = 64 * 1024  # nobody is read to the end while others wait for their beginning
_DEADLINE_SECONDS = 60.0
_END_OF_HEAD = b"\r\n\r\n"


@dataclass(slots=True)
class _Viewer:
    connection: socket.socket
    asked_at: float = 0.0
    first_byte_at: float = 0.0
    head: bytes = b""
    has_head: bool = field(default=False)
    received: int = 0

    def take(self, data: memoryview, now: float) -> None:
        """Bytes of the answer, which arrived at `now`."""
        if not self.has_head:
            self.head += data
            _, end, body = self.head.partition(_END_OF_HEAD)
            if not end:
                return
            self.has_head = self.head.startswith(b"HTTP/1.1 200 ")
            data = memoryview(body)
        if data and not self.received:
            self.first_byte_at = now
        self.received += len(data)


def ask(port: int, path: str, clients: int, body_bytes: int) -> tuple[list[float], int]:
    """Seconds to the first byte of the body, sorted, and how many viewers did not get all of it."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    viewers = [_Viewer(socket.create_connection(("127.0.0.1", port), 10)) for _ in range(clients)]
    buffer = memoryview(bytearray(_READ_AT_ONCE))
    with selectors.DefaultSelector() as selector:
        for viewer in viewers:
            viewer.connection.setblocking(False)
            selector.register(viewer.connection, selectors.EVENT_READ, viewer)
        for viewer in viewers:
            viewer.asked_at = time.perf_counter()
            viewer.connection.send(request)
        deadline = time.perf_counter() + _DEADLINE_SECONDS
        while selector.get_map() and time.perf_counter() < deadline:
            for key, _ in selector.select(1.0):
                if not _read(key.data, buffer, body_bytes):
                    selector.unregister(key.fileobj)
    for viewer in viewers:
        viewer.connection.close()
    waited = [viewer.first_byte_at - viewer.asked_at for viewer in viewers if viewer.first_byte_at]
    return sorted(waited), sum(viewer.received != body_bytes for viewer in viewers)


def _read(viewer: _Viewer, buffer: memoryview, body_bytes: int) -> bool:
    """Whether there is more to come."""
    try:
        count = viewer.connection.recv_into(buffer)
    except BlockingIOError:
        return True
    except OSError:
        return False
    viewer.take(buffer[:count], time.perf_counter())
    return count > 0 and viewer.received < body_bytes


def main() -> None:
    """See above."""
    port, path, clients, body_bytes = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    waited, failed = ask(port, path, clients, body_bytes)
    sys.stdout.write(json.dumps({"waited": waited, "failed": failed}))


if __name__ == "__main__":
    main()
