"""One cache that is measured, and one kind of request that it is measured by."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import running as process


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of request."""

    name: str
    path: str  # below the mount
    body_bytes: int  # of one answer
    header: tuple[str, str] | None = None
    expect_status: int = 200


@dataclass(frozen=True, slots=True)
class Server:
    """One cache: how to start it on a port, and what to ask it for."""

    name: str
    command: Callable[[int, Path], list[str]]
    targets: Callable[[Row], Iterator[str]]


@contextmanager
def running(server: Server, *, cpu: int, workdir: Path) -> Iterator[tuple[int, int]]:
    """(port, pid) of the started server; stopped on leaving."""
    workdir.mkdir(parents=True, exist_ok=True)
    port = process.free_port()
    with process.running(server.command(port, workdir), port, cpus=[cpu], workdir=workdir) as pid:
        yield port, pid


def check(server: Server, row: Row, port: int) -> None:
    """One answer by hand: a row that measures error pages measures nothing."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{next(iter(server.targets(row)))}")
    if row.header:
        request.add_header(*row.header)
    with urllib.request.urlopen(request, timeout=10) as answer:
        body = answer.read()
        if answer.status != row.expect_status or len(body) != row.body_bytes:
            raise RuntimeError(f"{server.name}, {row.name}: {answer.status} with {len(body)} bytes")
