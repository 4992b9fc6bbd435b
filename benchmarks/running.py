"""Start and stop measured programs on processors of their own, and see what they spend."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_START_SECONDS = 15
# Where `python -m tests.parts install` puts Debian's programs, and where daemons live that are not on everyone's path.
_PROGRAMS = (Path(__file__).parents[1] / ".parts" / "bin", Path("/usr/local/sbin"), Path("/usr/sbin"))


def make_ready() -> None:
    """Have servers found that were unpacked beside this checkout, and thousands of connections allowed."""
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), *map(str, _PROGRAMS)])
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextlib.contextmanager
def running(command: Sequence[str], port: int, *, cpus: Iterable[int], workdir: Path) -> Iterator[int]:
    """The pid of the started program, once it takes connections on `port`; stopped on leaving."""
    workdir.mkdir(parents=True, exist_ok=True)
    with (workdir / "output.log").open("ab") as output:
        with children_on(cpus):
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            _wait_for(port, process, workdir)
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


@contextlib.contextmanager
def children_on(cpus: Iterable[int]) -> Iterator[None]:
    """What is started here, and its own children, stays on these processors."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cpu_seconds(pid: int) -> float:
    """User and system seconds of a process and its live descendants."""
    total = 0.0
    for one in process_tree(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / _TICKS
    return total


def resident_megabytes(pid: int) -> float:
    """Resident memory of a process and its live descendants, pages shared between them counted once each."""
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in process_tree(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def process_tree(pid: int) -> list[int]:
    """A process and its live descendants."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")  # whichever of them has started it
    children = [int(child) for thread in threads for child in thread.read_text().split()]
    return [pid, *(one for child in children for one in process_tree(child))]


def _wait_for(port: int, process: subprocess.Popen[bytes], workdir: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said = (workdir / "output.log").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}\n{said}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} did not start in {_START_SECONDS} s")
