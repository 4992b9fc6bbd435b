"""The gateway as its operators meet it: `headgate` in processes of its own, on loopback, which all end again."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[2]
HEADGATE = (sys.executable, "-m", "origin")

_PATIENCE = 30.0  # seconds until what is waited for counts as never coming
_LISTENERS = {"serving": "public", "metrics": "admin"}  # first word of the line that names the port


def wait_until(is_done: Callable[[], bool], what: str, seconds: float = _PATIENCE) -> None:
    """Ask `is_done` again and again, for a bounded time; AssertionError, naming `what`, when it never is."""
    deadline = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)


def environment(**variables: str) -> dict[str, str]:
    """This process's environment with `variables` as its only `HEADGATE_…` ones, for a Python without options."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HEADGATE_", "PYTHON"))}
    return clean | {"PYTHONPATH": str(ROOT)} | variables


def headgate(*arguments: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the console program to its end."""
    return subprocess.run(
        [*HEADGATE, *arguments],
        cwd=cwd,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header field names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Gateway:
    """One `headgate` process that serves. Its output goes to files, so that it never waits for a reader."""

    process: subprocess.Popen[bytes]
    stdout: Path
    stderr: Path
    ports: dict[str, int] = field(default_factory=dict)  # of the listeners "public" and "admin"

    def get(self, target: str, headers: Mapping[str, str] | None = None, *, listener: str = "public") -> Answer:
        """One GET on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[listener], timeout=_PATIENCE)
        try:
            connection.request("GET", target, headers=dict(headers or {}))
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, fields, response.read())
        finally:
            connection.close()

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels (and any others)."""
        text = self.get("/metrics", listener="admin").body.decode()
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())

    def log(self) -> list[dict[str, object]]:
        """The process log so far, which has to be JSON."""
        return [json.loads(line) for line in self.stderr.read_text().splitlines()]

    def access_log(self) -> list[dict[str, object]]:
        """The access log so far."""
        return [json.loads(line) for line in self.stdout.read_text().splitlines()]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and give the exit code; negative when a signal ended it."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(_PATIENCE)


@contextlib.contextmanager
def serving(config: Path, *, name: str = "gateway", to: int | None = None, **variables: str) -> Iterator[Gateway]:
    """`headgate serve` on a configuration with both ports 0, inside while it answers.

    The log has to be JSON at level info or debug. `name` tells the output files of several apart; standard output
    goes to the descriptor `to` instead, if there is one.
    """
    stdout, stderr = (config.with_name(f"{name}.{stream}") for stream in ("stdout", "stderr"))
    with stdout.open("wb") as out, stderr.open("wb") as err:
        process = subprocess.Popen(
            [*HEADGATE, "serve", "--config", str(config)],
            cwd=config.parent,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=out if to is None else to,
            stderr=err,
        )
    gateway = Gateway(process, stdout, stderr)
    try:
        wait_until(lambda: _is_up(gateway), f"{name} listens")
        yield gateway
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            gateway.end()
        process.kill()
        process.wait()


def _is_up(gateway: Gateway) -> bool:
    """Whether both listeners have told their ports, which are noted."""
    text = gateway.stderr.read_text()
    assert gateway.process.poll() is None, f"the gateway ended: {text[-2000:]}"
    for line in text.splitlines(keepends=True):
        words = str(json.loads(line)["message"]).split() if line.endswith("\n") else [""]
        if words[0] in _LISTENERS:
            gateway.ports[_LISTENERS[words[0]]] = int(words[-1].rpartition(":")[2])
    return len(gateway.ports) == len(_LISTENERS)


def write_configuration(folder: Path, mounts: str, *, name: str = "headgate.toml", extra: str = "") -> Path:
    """A configuration file with listeners on free ports; `mounts` and `extra` are further TOML."""
    path = folder / name
    path.write_text(f"[public]\nport = 0\n[admin]\nport = 0\n{extra}\n{mounts}\n")
    return path


@contextlib.contextmanager
def ran(command: Sequence[str], log: Path, is_there: Callable[[], bool]) -> Iterator[None]:
    """Somebody else's program in the foreground, inside while it `is_there`; what it says is in `log`."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def is_up() -> bool:
        assert process.poll() is None, log.read_text()[-2000:]
        return is_there()

    try:
        wait_until(is_up, f"{log.stem} listens")
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
