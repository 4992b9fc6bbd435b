from __future__ import annotations

import os
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cache.disk.body import BodyFile, BodyWriter, body_path, create_body, intact, open_body, remove_body, taken
from cache.disk.rows import Piece, extents_of
from cache.extents import Extents


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


@pytest.fixture
def file(tmp_path: Path) -> BodyFile:
    return create_body(tmp_path, 300, os.close)


def test_bodies_are_spread_over_folders(tmp_path: Path) -> None:
    assert body_path(tmp_path, 300) == tmp_path / "bodies" / "2c" / "12c"


def test_the_last_to_let_go_closes_the_file(file: BodyFile) -> None:
    file.hold()
    file.let_go()
    assert is_open(file.descriptor)
    file.let_go()
    assert not is_open(file.descriptor)


def test_a_removed_file_stays_readable_to_who_has_it_open(tmp_path: Path, file: BodyFile) -> None:
    BodyWriter(file, 4096).write(0, b"abc")
    assert remove_body(tmp_path, 300)
    assert remove_body(tmp_path, 300)
    assert open_body(tmp_path, 300, os.close) is None
    assert file.read(0, 3) == b"abc"
    file.let_go()


def test_a_body_is_created_once(tmp_path: Path, file: BodyFile) -> None:
    with pytest.raises(FileExistsError):
        create_body(tmp_path, 300, os.close)
    file.let_go()


def test_reads_end_where_the_file_does(file: BodyFile) -> None:
    BodyWriter(file, 4096).write(0, b"abcdef")
    assert file.read(2, 100) == b"cdef"
    assert file.read(6, 1) == b""
    assert file.read_now(1, 3) in {b"bcd", None}
    assert file.read_now(6, 1) is None
    file.let_go()


def test_pieces_end_at_the_borders_of_blocks(file: BodyFile) -> None:
    writer = BodyWriter(file, 4)
    for start, data in ((0, b"ab"), (2, b"cdef"), (6, b"g"), (20, b"xyz")):
        assert writer.write(start, data)
    expected = [(0, 4, b"abcd"), (4, 7, b"efg"), (20, 23, b"xyz")]
    assert writer.pieces() == tuple(Piece(start, stop, zlib.crc32(data)) for start, stop, data in expected)
    assert intact(file, writer.pieces()) == writer.pieces()
    file.let_go()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 50), st.binary(min_size=1, max_size=30)), max_size=8))
def test_whatever_is_written_once_verifies(tmp_path: Path, writes: list[tuple[int, bytes]]) -> None:
    remove_body(tmp_path, 1)
    file = create_body(tmp_path, 1, os.close)
    writer, there = BodyWriter(file, 16), Extents()
    for start, data in writes:
        for first, stop in there.missing(start, start + len(data)):
            assert writer.write(first, data[first - start : stop - start])
        there = there.with_run(start, start + len(data))
    assert extents_of(writer.pieces()) == there
    assert intact(file, writer.pieces()) == writer.pieces()
    assert all(piece.start // 16 == (piece.stop - 1) // 16 for piece in writer.pieces())
    file.let_go()


def test_changed_and_missing_bytes_are_noticed(file: BodyFile) -> None:
    writer = BodyWriter(file, 4)
    writer.write(0, b"abcdefghij")
    first, _, third = writer.pieces()
    os.pwrite(file.descriptor, b"X", 5)
    assert intact(file, writer.pieces()) == (first, third)
    os.ftruncate(file.descriptor, 9)
    assert intact(file, (first, third)) == (first,)
    file.let_go()


def test_a_write_that_fails_leaves_no_piece(tmp_path: Path, file: BodyFile) -> None:
    read_only = BodyFile(300, os.open(body_path(tmp_path, 300), os.O_RDONLY))
    writer = BodyWriter(read_only, 4096)
    assert not writer.write(0, b"abc")
    assert writer.pieces() == ()
    read_only.let_go()
    file.let_go()


def test_allocated_room_counts_as_taken(tmp_path: Path, file: BodyFile) -> None:
    assert taken(tmp_path, 300) == 0
    BodyWriter(file, 4096).allocate(0, 40_000)
    assert taken(tmp_path, 300) >= 40_000
    assert taken(tmp_path, 301) == 0
    file.let_go()
