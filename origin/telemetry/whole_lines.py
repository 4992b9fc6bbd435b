"""Lines of several processes in one pipe, each of them whole."""

from __future__ import annotations

import os
import select
import stat
import sys
from collections.abc import Iterator

from origin.telemetry.access_log import Sink


class WholeLines:
    """A sink to which other processes write too. Lines never mix, save one that alone is longer than PIPE_BUF."""

    def __init__(self, sink: Sink) -> None:
        """`sink` is a pipe or a socket: it takes that much in one piece (pipe(7)), and may be full amid more."""
        self._sink = sink

    def write(self, data: bytes) -> None:
        """Whole lines; may block."""
        for piece in pieces(data):
            self._sink.write(piece)
            self._sink.flush()

    def flush(self) -> None:
        """Everything has been passed on already."""
        self._sink.flush()


def pieces(data: bytes) -> Iterator[bytes]:
    """Cut behind ends of lines, into pieces as large as a pipe takes at once."""
    at = 0
    while at < len(data):
        end = len(data) if len(data) - at <= select.PIPE_BUF else data.rfind(b"\n", at, at + select.PIPE_BUF) + 1
        if end == 0:  # a line longer than that
            end = data.find(b"\n", at) + 1 or len(data)
        yield data[at:end]
        at = end


def standard_output(*, is_shared: bool) -> Sink:
    """Standard output, to which other processes write as well, or not."""
    output = sys.stdout.buffer
    return WholeLines(output) if is_shared and not takes_all_at_once(output.fileno()) else output


def takes_all_at_once(descriptor: int) -> bool:
    """Whether a file is behind it, to which whatever is written together stays together."""
    return stat.S_ISREG(os.fstat(descriptor).st_mode)
