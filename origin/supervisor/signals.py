"""Signals as bytes on a socket, so that one `select` waits for them and for everything else."""

from __future__ import annotations

import signal
import socket
from collections.abc import Sequence
from types import FrameType, TracebackType


class Signals:
    """While it is entered, the given signals do nothing but appear in `take`. For the main thread."""

    def __init__(self, numbers: Sequence[signal.Signals]) -> None:
        """Changes nothing yet."""
        self._numbers = numbers
        self._ours, self._kernels = socket.socketpair()
        self._ours.setblocking(False)
        self._kernels.setblocking(False)
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Signals:
        self._wakeup_before = signal.set_wakeup_fd(self._kernels.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, _nothing) for number in self._numbers}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal gave
        signal.set_wakeup_fd(self._wakeup_before)
        self._ours.close()
        self._kernels.close()

    def fileno(self) -> int:
        """Readable when `take` has something to give."""
        return self._ours.fileno()

    def take(self) -> set[int]:
        """The signals since the last time, each once."""
        try:
            return set(self._ours.recv(4096))
        except BlockingIOError:
            return set()


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """A handler there has to be, or the kernel's own would act."""
