"""The load: `loader.c`, compiled for this machine, and what one run of it says."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.running import children_on, process_tree

_SOURCE = Path(__file__).parent / "loader.c"
_PATIENCE = 60.0  # seconds beyond the length of a run: connecting, warming up, draining


class CannotBuild(Exception):  # noqa: N818 -- named by what happened
    """A C program of the benchmarks cannot be compiled here; the text says why."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What one run asks for, and how."""

    requests: Path  # request heads, one after the other
    seconds: float
    warmup: float = 0.0  # seconds at most
    warm: int = 0  # requests that make a server warm; 0 means all of them
    connections: int = 32
    inflight: int = 0  # requests at once; 0 means as many as connections
    rate: float = 0.0  # requests a second; 0 means as fast as they are answered
    status: int = 200
    tls: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of it, between two moments."""

    seconds: float
    requests: int  # answered
    bytes: int  # received, heads included
    failed: int  # answered otherwise than asked for, broken off, or never answered
    server_cpu: float  # processor seconds of the watched processes
    load_cpu: float  # of the load
    busy: tuple[float, ...]  # of each watched processor, whoever it worked for
    percentiles_ms: dict[str, float]


class Loader:
    """The compiled program, pinned to processors."""

    def __init__(self, folder: Path, cpus: Iterable[int]) -> None:
        self._folder = folder
        self._cpus = tuple(cpus)

    @cached_property
    def speaks_tls(self) -> bool:
        """Whether OpenSSL's headers were here to compile with."""
        command, source = [_compiler(), "-E", "-"], b"#include <openssl/ssl.h>"
        return subprocess.run(command, input=source, capture_output=True, check=False).returncode == 0

    @cached_property
    def program(self) -> Path:
        """Compiled at the first use."""
        program = self._folder / "loader"
        if program.exists():
            return program
        tls = ("-DWITH_TLS", "-lssl", "-lcrypto") if self.speaks_tls else ()
        return compile_c(_SOURCE, program, "-lm", *tls)

    def run(self, asking: Asking, port: int, server: int, watched: Sequence[int]) -> Measured:
        """Load what listens on `port`, whose process is `server`; `watched` are processors."""
        command = [
            *self._command(asking, port),
            *(f"--watch={','.join(map(str, process_tree(server)))}", f"--processors={','.join(map(str, watched))}"),
        ]
        patience = asking.seconds + asking.warmup + _PATIENCE
        with children_on(self._cpus):
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=patience)
        if done.returncode:
            raise RuntimeError(f"the load ended with {done.returncode}: {done.stderr.strip()}")
        said = json.loads(done.stdout)
        return Measured(
            **{name: said[name] for name in ("seconds", "requests", "bytes", "server_cpu", "load_cpu")},
            failed=said["unexpected"] + said["broken"] + said["late"],
            busy=tuple(said["busy"]),
            percentiles_ms=said["percentiles_ms"],
        )

    @contextmanager
    def holding(self, asking: Asking, port: int) -> Iterator[int]:
        """How many connections asked once, and are kept open and idle until leaving."""
        command = [*self._command(asking, port), "--hold"]
        with children_on(self._cpus):
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        with process:
            assert process.stdout is not None
            said = process.stdout.readline()
            if not said:
                raise RuntimeError(f"the load ended with {process.wait()}")
            yield json.loads(said)["held"]
            assert process.stdin is not None
            process.stdin.close()

    def _command(self, asking: Asking, port: int) -> list[str]:
        return [
            str(self.program),
            f"--port={port}",
            f"--requests={asking.requests}",
            f"--connections={asking.connections}",
            f"--inflight={asking.inflight}",
            f"--seconds={asking.seconds}",
            f"--warmup={asking.warmup}",
            f"--warm={asking.warm}",
            f"--rate={asking.rate}",
            f"--expect={asking.status}",
            *(["--tls"] if asking.tls else []),
        ]


def compile_c(source: Path, program: Path, *libraries: str) -> Path:
    """Compile one file of C; raises `CannotBuild`."""
    command = [_compiler(), "-O2", "-Wall", "-Wextra", "-o", str(program), str(source), *libraries]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise CannotBuild(f"{source.name} does not compile:\n{done.stderr}")
    return program


def _compiler() -> str:
    found = shutil.which("gcc") or shutil.which("cc")
    if found is None:
        raise CannotBuild("the load is a C program: install gcc")
    return found
