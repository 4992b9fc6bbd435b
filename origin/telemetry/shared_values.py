"""What the workers of one machine count together: exact, whichever of them has ended, and however.

In the directory that they share:

    <slot>-<pid>-<chance>.cells  what one process counts, mapped by it; it holds a lock on it for as long as it lives
    ended                        the sums of all whose files are gone, and the names of those that are in them already
    lock                         held by whoever makes, adds up or reads files

The lock on a file goes with its process, whatever ends it, so that no number is taken for another process's. Whoever
looks adds up the files of the dead: first `ended` is replaced, with their names, then they are removed. If that is
interrupted in between, the names say what needs no adding any more. So a scrape reads as many files as there are
workers, however many there have been.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
from prometheus_client import Metric, ProcessCollector
from prometheus_client.registry import Collector

from origin.telemetry.cells import Cells, records_in
from origin.telemetry.series import Counted, Values, add_ended

_log = logging.getLogger(__name__)

_CELLS = ".cells"
_PATIENCE_SECONDS = 5.0  # a process that was stopped while it held the lock keeps nobody for longer
_LOOK_EVERY = 0.005


class _Ended(msgspec.Struct):
    names: list[str] = []
    sums: dict[bytes, Values] = {}


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that lives."""

    slot: str
    pid: int


class SharedValues:
    """One worker's part of what all count, as a `series.Source`. Its methods raise OSError."""

    def __init__(self, directory: Path, slot: int) -> None:
        """`directory` is the workers' own; a folder is made there. `slot` is the worker's number, not its alone."""
        self._directory = directory / "metrics"
        self._directory.mkdir(0o700, exist_ok=True)
        name = f"{slot}-{os.getpid()}-{secrets.token_hex(4)}{_CELLS}"
        with self._changing():
            self._sum_up()
            self._descriptor = os.open(self._directory / name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.cells = Cells(self._descriptor)

    def read(self) -> Counted:
        """See `series.Source`."""
        with self._changing():
            ended, living = self._sum_up()
            return Counted(ended.sums, [self._records(name) for name in living])

    def workers(self) -> list[Worker]:
        """Those that live now."""
        with self._changing():
            _, living = self._sum_up()
        return [Worker(slot, int(pid)) for slot, pid, _ in (name.split("-") for name in living)]

    def close(self) -> None:
        """Count no more: what was counted is as if the process had ended."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)  # a mapping keeps the file open, and would keep the lock
        os.close(self._descriptor)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with (self._directory / "lock").open("ab") as lock:
            deadline = time.monotonic() + _PATIENCE_SECONDS
            while not _is_locked(lock.fileno()):
                if time.monotonic() > deadline:
                    raise TimeoutError("another worker keeps the metrics locked")
                time.sleep(_LOOK_EVERY)
            yield

    def _sum_up(self) -> tuple[_Ended, list[str]]:
        """Add up the files of the dead; what they are together, and the names of the others."""
        ended = self._read_ended()
        names = sorted(path.name for path in self._directory.iterdir() if path.suffix == _CELLS)
        with ExitStack() as stack:
            dead = [name for name in names if _is_dead(self._directory / name, stack)]
            news = [name for name in dead if name not in ended.names]
            for name in news:
                add_ended(ended.sums, self._records(name).items())
            if news:
                ended.names = dead
                fresh = self._directory / "ended.new"
                fresh.write_bytes(msgspec.msgpack.encode(ended))
                fresh.replace(self._directory / "ended")
            for name in dead:
                (self._directory / name).unlink()
        return ended, [name for name in names if name not in dead]

    def _read_ended(self) -> _Ended:
        try:
            return msgspec.msgpack.decode((self._directory / "ended").read_bytes(), type=_Ended)
        except FileNotFoundError:
            return _Ended()
        except msgspec.MsgspecError:
            _log.exception("what workers counted that have ended cannot be read")
            return _Ended()

    def _records(self, name: str) -> dict[bytes, Values]:
        with (self._directory / name).open("rb") as file:
            return dict(records_in(file.fileno()))


class WorkerProcesses(Collector):
    """The `process_` families of all workers, each with its slot and process id."""

    def __init__(self, shared: SharedValues) -> None:
        """`shared` knows who they are."""
        self._shared = shared

    def collect(self) -> Iterator[Metric]:
        """Of whoever lives now, as far as the system tells."""
        families: dict[str, Metric] = {}
        for worker in self._shared.workers():
            where = {"worker": worker.slot, "pid": str(worker.pid)}
            for metric in ProcessCollector(pid=partial(int, worker.pid), registry=None).collect():
                family = families.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                for sample in metric.samples:
                    family.add_sample(sample.name, where | sample.labels, sample.value)
        yield from families.values()


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_dead(path: Path, stack: ExitStack) -> bool:
    """Whether nobody counts in this file; then it is ours until `stack` is left."""
    file = stack.enter_context(path.open("rb"))
    return _is_locked(file.fileno())
