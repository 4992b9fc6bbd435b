"""A child of the supervisor: a fresh interpreter with inherited sockets, and a pair of sockets to talk to it."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from origin.server.worker_environment import DIRECTORY, SLOT
from origin.supervisor.handover import RETIRE, VARIABLE, Part, PlannerPart, WorkerPart
from origin.supervisor.plan import MAX_BYTES
from origin.systemd import activation, notify

# What the service manager says to the supervisor alone.
_NOT_FOR_CHILDREN = frozenset({*activation.VARIABLES, *notify.VARIABLES, VARIABLE})


@dataclass(slots=True)
class Child:
    """A process that runs, or has just ended."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    heard: bytearray = field(default_factory=bytearray)

    def hear(self) -> bool:
        """Take what it has said since the last time; False at the end. What is too much is not kept."""
        data = self._received()
        if data is not None and len(self.heard) + len(data) <= MAX_BYTES:
            self.heard += data
        return data != b""

    def _received(self) -> bytes | None:
        try:
            return self.control.recv(65536)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def retire(self) -> None:
        """Tell it that another has taken over."""
        with contextlib.suppress(OSError):  # it has just ended
            self.control.send(RETIRE)

    def close(self) -> None:
        """Say no more, and hear the last of it."""
        while (data := self._received()) and len(self.heard) + len(data) <= MAX_BYTES:
            self.heard += data
        self.control.close()


@dataclass(frozen=True, slots=True)
class Nursery:
    """How children are made."""

    command: Sequence[str]  # the command line of `headgate serve`, as it was given
    environ: Mapping[str, str]
    directory: str
    public: Sequence[socket.socket]
    admin: Sequence[socket.socket]

    def worker(self, slot: int) -> Child:
        """A worker in a slot. `OSError` when the machine has no process to spare."""
        public, admin = _numbers(self.public), _numbers(self.admin)
        told = {DIRECTORY: self.directory, SLOT: str(slot)}
        return self._child(lambda control: WorkerPart(control, public, admin), told)

    def planner(self) -> Child:
        """A process that reads the configuration and says what comes of it. `OSError` as above."""
        return self._child(PlannerPart, {})

    def _child(self, part_of: Callable[[int], Part], told: dict[str, str]) -> Child:
        environ = {name: value for name, value in self.environ.items() if name not in _NOT_FOR_CHILDREN}
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        part = part_of(theirs.fileno())
        try:
            process = subprocess.Popen(  # noqa: S603  # our own command line
                self.command,
                env=environ | told | {VARIABLE: part.spelled()},
                pass_fds=part.descriptors(),
                stdin=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C and a terminal that hangs up are the supervisor's to answer
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        return Child(process, ours)


def _numbers(sockets: Sequence[socket.socket]) -> tuple[int, ...]:
    return tuple(one.fileno() for one in sockets)
