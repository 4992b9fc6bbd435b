"""A supervisor whose workers are a few lines long, and do what a script says."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from origin.server.listeners import Place
from origin.supervisor.plan import Plan, write_plan
from tests.system.processes import environment, wait_until

PLAN = Plan(2, 0.0, Place("127.0.0.1", 0), Place("127.0.0.1", 0), ("/vod",), "info", "json")

SERVE = "say('1'); control.recv(1)"  # until it is told to retire, or its supervisor has gone

# Every process counts itself, then does what its line of the script says; the last line is for all who come later.
_CHILD = """
import fcntl, os, re, signal, socket, sys, time
folder = sys.argv[1]
part = os.environ["HEADGATE_SUPERVISED"]
kind = part.split()[0]
control = socket.socket(fileno=int(re.search("control=([0-9]+)", part)[1]))
say = lambda word: control.sendall(word.encode())
with open(folder + "/lock", "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    with open(folder + "/" + kind + ".started", "a+") as started:
        started.seek(0)
        number = len(started.readlines())
        directory = os.environ.get("HEADGATE_WORKERS_DIRECTORY", "")
        print(os.getpid(), os.environ.get("HEADGATE_WORKER", "-"), directory, file=started, flush=True)
    lines = open(folder + "/" + kind + ".script").read().splitlines()
exec(lines[min(number, len(lines) - 1)])
"""


@dataclass(frozen=True, slots=True)
class Started:
    """What a child has told of itself."""

    pid: int
    slot: str
    directory: str


@dataclass(frozen=True, slots=True)
class Theatre:
    """A folder with scripts; what their players have done stands there, too."""

    folder: Path

    def write(self, *workers: str, planners: tuple[str, ...] = ("sys.exit(70)",)) -> list[str]:
        """Write the scripts; the command line of whoever plays them."""
        (self.folder / "worker.script").write_text("\n".join(workers))
        (self.folder / "planner.script").write_text("\n".join(planners))
        return [sys.executable, "-S", "-c", _CHILD, str(self.folder)]

    def started(self, kind: str = "worker") -> list[Started]:
        """All who have started, in order."""
        file = self.folder / f"{kind}.started"
        lines = file.read_text().splitlines() if file.exists() else []
        return [Started(int(pid), slot, folder) for pid, slot, folder in (line.split(" ") for line in lines)]


@dataclass(slots=True)
class Play:
    """A supervisor that runs."""

    theatre: Theatre
    process: subprocess.Popen[bytes]
    stderr: Path

    def words(self) -> list[str]:
        """The messages of its log."""
        return [json.loads(line)["message"] for line in self.stderr.read_text().splitlines()]

    def wait_for(self, word: str, times: int = 1) -> None:
        """Until a message with `word` in it stands in the log so many times."""
        wait_until(lambda: sum(word in one for one in self.words()) >= times, f"{word} in {self.words()}")

    def wait_for_workers(self, count: int) -> list[Started]:
        """Until so many have been started."""
        wait_until(lambda: len(self.theatre.started()) >= count, f"{count} workers have started")
        return self.theatre.started()

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Tell it to stop; its exit code."""
        self.tell(signal.SIGTERM)
        return self.process.wait(30)


@contextlib.contextmanager
def playing(
    folder: Path,
    *workers: str,
    planners: tuple[str, ...] = ("sys.exit(70)",),
    plan: Plan = PLAN,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Play]:
    """`python -m origin.supervisor` with workers that play these lines."""
    theatre = Theatre(folder)
    command = theatre.write(*workers, planners=planners)
    stderr = folder / "stderr"
    with stderr.open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "origin.supervisor", write_plan(plan), *command],
            env=environment(**(variables or {})),
            stdin=subprocess.DEVNULL,
            stderr=err,
        )
    try:
        yield Play(theatre, process, stderr)
    finally:
        process.kill()
        process.wait()
        for one in (*theatre.started(), *theatre.started("planner")):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGKILL)
