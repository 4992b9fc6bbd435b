from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.disk.rows import Piece, Queued, Stats, extents_of, joined, on_disk, pack, unpack
from cache.extents import Extents

pieces = st.lists(
    st.builds(
        lambda start, length, checksum: Piece(start, start + length, checksum),
        st.integers(0, 100),
        st.integers(1, 40),
        st.integers(0, 2**32 - 1),
    ),
    max_size=8,
).map(tuple)


@given(pieces)
def test_pieces_survive_packing(given_pieces: tuple[Piece, ...]) -> None:
    assert unpack(pack(given_pieces)) == given_pieces


@given(pieces, pieces)
def test_joined_covers_both_and_keeps_the_old(old: tuple[Piece, ...], new: tuple[Piece, ...]) -> None:
    both = joined(old, new)
    assert extents_of(both) == extents_of([*old, *new])
    assert both[: len(old)] == old


def test_a_new_piece_that_tells_nothing_new_is_left_out() -> None:
    old = (Piece(0, 10, 1),)
    assert joined(old, (Piece(2, 8, 2), Piece(8, 12, 3))) == (Piece(0, 10, 1), Piece(8, 12, 3))


def test_touching_pieces_are_one_run() -> None:
    assert extents_of([Piece(4, 8, 0), Piece(0, 4, 0)]) == Extents(((0, 8),))


@pytest.mark.parametrize(("size", "taken"), [(0, 4096), (1, 4096), (4096, 4096), (4097, 8192)])
def test_whole_blocks_are_taken(size: int, taken: int) -> None:
    assert on_disk(size) == taken


def test_what_is_being_filled_is_not_among_the_objects() -> None:
    stats = Stats(Queued(1, 10), Queued(2, 20), Queued(4, 40))
    assert (stats.objects, stats.size_bytes) == (3, 30)
