from __future__ import annotations

import io
import os
import select
from pathlib import Path

import pytest

from origin.telemetry.whole_lines import WholeLines, pieces, takes_all_at_once


@pytest.mark.parametrize("ends", [True, False])
def test_lines_leave_whole_and_in_pieces_that_a_pipe_takes_at_once(ends: bool) -> None:
    lines = [bytes([65 + number % 26]) * (number * 37 % 900) + b"\n" for number in range(200)]
    lines.insert(50, b"x" * 3 * select.PIPE_BUF + b"\n")  # longer than that: alone
    data = b"".join(lines) if ends else b"".join(lines)[:-1]
    made = list(pieces(data))
    assert b"".join(made) == data
    assert all(piece.endswith(b"\n") for piece in made[:-1])
    assert all(len(piece) <= select.PIPE_BUF or piece.count(b"\n") == 1 for piece in made)
    assert len(made) < len(lines) / 4
    assert list(pieces(b"")) == []


def test_each_piece_is_passed_on_by_itself() -> None:
    written: list[bytes] = []

    class Pipe(io.BytesIO):
        def flush(self) -> None:
            if self.getvalue():
                written.append(self.getvalue())
                self.seek(0)
                self.truncate()

    line = b"a" * 1000 + b"\n"
    sink = WholeLines(Pipe())
    sink.write(line * 10)
    sink.flush()
    assert written == [line * 4, line * 4, line * 2]


def test_a_file_needs_none_of_it(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with (tmp_path / "log").open("wb") as file, os.fdopen(reader), os.fdopen(writer):
        assert takes_all_at_once(file.fileno())
        assert not takes_all_at_once(writer)
