"""Numbers in memory and in files: what is put there is found there, and garbage is not believed."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.telemetry.cells import Cells, records_in

RECORDS = st.dictionaries(st.binary(max_size=300), st.lists(st.floats(allow_nan=False), max_size=30), max_size=20)


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    opened = os.open(tmp_path / "cells", os.O_RDWR | os.O_CREAT)
    yield opened
    os.close(opened)


def put(cells: Cells, records: dict[bytes, list[float]]) -> None:
    """Everything there."""
    for key, values in records.items():
        room, at = cells.take(key, len(values))
        for number, value in enumerate(values):
            room[at + number] = value


@given(RECORDS)
def test_memory_gives_back_what_was_put_there(records: dict[bytes, list[float]]) -> None:
    cells = Cells()
    put(cells, records)
    assert list(cells.records()) == list(records.items())


def test_a_file_grows_and_nothing_moves(descriptor: int) -> None:
    cells = Cells(descriptor)
    records = {b"key %d" % number + b"x" * (number % 50): [float(number)] * (number % 20) for number in range(3000)}
    first, at = cells.take(b"first", 1)
    put(cells, records)
    put(cells, {b"huge" + bytes(100_000): [7.0]})
    assert os.fstat(descriptor).st_size > 4 * 64 * 1024
    first[at] += 1.5
    expected = [(b"first", [1.5]), *records.items(), (b"huge" + bytes(100_000), [7.0])]
    assert list(records_in(descriptor)) == list(cells.records()) == expected


def test_nothing_is_found_in_nothing(descriptor: int) -> None:
    assert list(records_in(descriptor)) == []
    assert list(Cells(descriptor).records()) == []


def test_what_makes_no_sense_is_left_out_with_what_follows(descriptor: int) -> None:
    cells = Cells(descriptor)
    put(cells, {b"one": [1.0], b"two": [2.0]})
    size = os.fstat(descriptor).st_size
    second = 24 + 8 + 8 + 8
    for offset, word, found in (
        (second, (1 << 32) * 10_000 + 3, [(b"one", [1.0])]),  # more values than there is room
        (second, 0xFFFFFFFF, [(b"one", [1.0])]),  # a longer key
        (16, size * 2, [(b"one", [1.0])]),  # used beyond the end: zeros are records of nothing
        (8, size + 8, []),  # a longer segment than the file
        (8, 20, []),  # shorter than its head
        (0, 0, []),  # another mark
    ):
        before = os.pread(descriptor, 8, offset)
        os.pwrite(descriptor, struct.pack("Q", word), offset)
        assert list(records_in(descriptor))[:1] == found
        os.pwrite(descriptor, before, offset)
    assert list(records_in(descriptor)) == [(b"one", [1.0]), (b"two", [2.0])]


@given(st.binary(max_size=400))
def test_any_bytes_can_be_read(data: bytes) -> None:
    opened = os.memfd_create("cells")
    try:
        os.write(opened, b"HGcells1" + data)
        for _, values in records_in(opened):
            assert all(isinstance(value, float) for value in values)
    finally:
        os.close(opened)


def test_without_room_on_the_disk_it_still_counts(caplog: pytest.LogCaptureFixture) -> None:
    full = os.open("/dev/full", os.O_RDWR)  # it has no room for anything
    try:
        with pytest.raises(OSError) as refused:
            os.posix_fallocate(full, 0, 1)
        assert refused.value.errno in {errno.ENODEV, errno.ENOSPC, errno.ESPIPE}
        cells = Cells(full)
        put(cells, {b"one": [1.0]})
        assert list(cells.records()) == [(b"one", [1.0])]
    finally:
        os.close(full)
    assert "incomplete" in caplog.text
