from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cache.disk.body import body_path, create_body
from cache.disk.changes import Changes
from cache.disk.rows import Queued, extents_of
from cache.extents import Extents
from tests.cache.disk.changing import BLOCK, LIMITS, add, change, writing
from tests.cache.disk.stores import files_in


def keys(changes: Changes) -> set[str]:
    rows = changes._link.connection().execute("SELECT key FROM body")
    return {key for (key,) in rows}


def doomed(changes: Changes) -> list[int]:
    return [body_id for (body_id,) in changes._link.connection().execute("SELECT id FROM doomed")]


def test_a_new_body_replaces_the_old_and_its_file(tmp_path: Path) -> None:
    with writing(tmp_path) as changes:
        old, new = (add(changes, tmp_path, "a") for _ in range(2))
        assert keys(changes) == {"a"}
        assert files_in(tmp_path) == [body_path(tmp_path, new.body_id).name]
        assert old.body_id != new.body_id
        assert changes.stats().small == Queued(1, BLOCK)


def test_reserved_room_counts_until_the_fill_ends(tmp_path: Path) -> None:
    with writing(tmp_path) as changes:
        one, other = changes.reserve(1), changes.reserve(2 * BLOCK)
        assert one
        assert other
        assert changes.stats().filling == Queued(2, 3 * BLOCK)
        assert changes.grow(one, BLOCK)
        assert changes.stats().filling == Queued(2, 4 * BLOCK)
        changes.abandon(one, None, 0)
        changes.commit(other, change("a"))
        assert changes.stats().filling == Queued(0, 0)
        assert not changes.grow(one, BLOCK)
        assert changes.commit(one, change("a")) is None


def test_there_is_room_for_what_fits_beside_other_fills_only(tmp_path: Path) -> None:
    with writing(tmp_path) as changes:
        first = changes.reserve(6 * BLOCK)
        assert first
        assert changes.reserve(5 * BLOCK) is None
        assert not changes.grow(first, 5 * BLOCK)
        assert changes.reserve(4 * BLOCK)


def test_bodies_make_room_for_new_ones(tmp_path: Path) -> None:
    with writing(tmp_path) as changes:
        rows = [add(changes, tmp_path, f"{number}") for number in range(10)]
        assert changes.evicted.keys == []
        add(changes, tmp_path, "new", 2 * BLOCK)
        assert keys(changes) == {f"{number}" for number in range(2, 10)} | {"new"}
        assert (changes.evicted.keys, changes.evicted.size_bytes) == (["0", "1"], 2 * BLOCK)
        assert not body_path(tmp_path, rows[0].body_id).exists()
        assert len(files_in(tmp_path)) == 9


def test_many_bodies_go_in_several_transactions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cache.disk.changes._STEPS_AT_ONCE", 3)
    with writing(tmp_path) as changes:
        for number in range(10):
            add(changes, tmp_path, f"{number}")
        fill_id = changes.reserve(5 * BLOCK)
        assert fill_id
        assert keys(changes) == set("56789")
        assert changes.grow(fill_id, 5 * BLOCK)
        assert (keys(changes), changes.evicted.size_bytes) == (set(), 10 * BLOCK)
        assert files_in(tmp_path) == []


def test_nothing_is_evicted_for_what_does_not_fit_anyway(tmp_path: Path) -> None:
    with writing(tmp_path) as changes:
        add(changes, tmp_path, "a")
        assert changes.reserve(11 * BLOCK) is None
        assert keys(changes) == {"a"}


def test_what_is_asked_for_stays(tmp_path: Path) -> None:
    with writing(tmp_path) as changes:
        hot = add(changes, tmp_path, "hot")
        changes.count_hits([(hot.body_id, 2)])
        for number in range(30):
            add(changes, tmp_path, f"{number}")
        assert "hot" in keys(changes)
        assert changes.stats().main == Queued(1, BLOCK)


def test_what_left_too_early_comes_back_into_the_main_queue(tmp_path: Path) -> None:
    with writing(tmp_path) as changes:
        for number in range(11):
            add(changes, tmp_path, f"{number}")
        assert "0" not in keys(changes)
        add(changes, tmp_path, "0")
        assert changes.stats().main == Queued(1, BLOCK)


def test_bodies_go_when_others_fill_the_file_system(tmp_path: Path) -> None:
    with writing(tmp_path) as changes:
        add(changes, tmp_path, "a")
    with writing(tmp_path, replace(LIMITS, min_free_bytes=1 << 60)) as changes:
        assert changes.reserve(1) is None  # even without any body, too little would be free
        assert keys(changes) == {"a"}


def test_a_body_is_extended_while_it_is_the_one_of_its_key(tmp_path: Path) -> None:
    with writing(tmp_path) as changes:
        old = add(changes, tmp_path, "a", 10)
        fill_id = changes.reserve(BLOCK, old.body_id)
        assert fill_id
        more = replace(change("a", 10, start=20), head=None, tags=None, length=None)
        row = changes.commit_more(fill_id, old.body_id, more)
        assert row is not None
        assert row == replace(old, version=1, pieces=(*old.pieces, *more.pieces))
        assert extents_of(row.pieces) == Extents(((0, 10), (20, 30)))

        late = changes.reserve(BLOCK, old.body_id)
        assert late
        new = add(changes, tmp_path, "a")
        assert changes.commit_more(late, old.body_id, more) is None
        assert changes.stats().filling == Queued(0, 0)
        assert changes.rewrite("a", old.body_id, b"", ()) is False
        assert changes.rewrite("a", new.body_id, b"other", ("x",)) is True


def test_what_a_fill_leaves_in_an_old_file_is_charged(tmp_path: Path) -> None:
    with writing(tmp_path) as changes:
        old = add(changes, tmp_path, "a", 10)
        fill_id = changes.reserve(BLOCK, old.body_id)
        assert fill_id
        changes.abandon(fill_id, old.body_id, 3 * BLOCK)
        assert changes.stats().small == Queued(1, 3 * BLOCK)


def test_an_abandoned_new_body_leaves_no_file(tmp_path: Path) -> None:
    with writing(tmp_path) as changes:
        fill_id = changes.reserve(10)
        assert fill_id
        create_body(tmp_path, fill_id, lambda _: None)
        changes.abandon(fill_id, None, 0)
        changes.abandon(fill_id, None, 0)
        assert files_in(tmp_path) == []


def test_a_file_that_cannot_be_removed_now_is_not_forgotten(tmp_path: Path) -> None:
    with writing(tmp_path) as changes:
        row = add(changes, tmp_path, "a")
        path = body_path(tmp_path, row.body_id)
        path.unlink()
        (path / "in the way").mkdir(parents=True)
        assert changes.remove("a")
        changes.count_hits([])
        assert doomed(changes) == [row.body_id]
        (path / "in the way").rmdir()
        path.rmdir()
        path.touch()
        assert changes.remove_doomed() == 1
        changes.count_hits([])
        assert (doomed(changes), files_in(tmp_path)) == ([], [])


def test_a_change_that_fails_changes_nothing(tmp_path: Path) -> None:
    with writing(tmp_path) as changes:
        row = add(changes, tmp_path, "a")
        fill_id = changes.reserve(1)
        assert fill_id
        with pytest.raises(AttributeError):
            changes.commit(fill_id, None)  # type: ignore[arg-type]  # fails after the fill's row is gone
        assert keys(changes) == {"a"}
        assert changes.stats().filling.objects == 1
        assert body_path(tmp_path, row.body_id).exists()


def test_only_bytes_that_verify_stay(tmp_path: Path) -> None:
    with writing(tmp_path, boot="before") as changes:
        old = add(changes, tmp_path, "a", 10)
        fill_id = changes.reserve(1, old.body_id)
        assert fill_id
        row = changes.commit_more(fill_id, old.body_id, change("a", 10, start=20))
        assert row is not None
    with writing(tmp_path) as changes:
        verified = changes.reverify(row, row.pieces[1:])
        assert verified == replace(row, version=2, pieces=row.pieces[1:], boot="now")
        assert changes.reverify(row, row.pieces) == verified  # too late: another process has done it
        assert changes.reverify(verified, ()) is None
        assert keys(changes) == set()


def test_the_fills_of_others_are_told(tmp_path: Path) -> None:
    with writing(tmp_path, owner="other") as changes:
        row = add(changes, tmp_path, "a")
        first, second = changes.reserve(1), changes.reserve(1, row.body_id)
        assert changes.foreign_fills() == []
    with writing(tmp_path) as changes:
        changes.reserve(1)
        assert changes.foreign_fills() == [(first, None, "other"), (second, row.body_id, "other")]


def test_an_empty_body_takes_a_place_too(tmp_path: Path) -> None:
    with writing(tmp_path) as changes:
        for number in range(20):
            add(changes, tmp_path, f"{number}", 0)
        assert changes.stats().objects == 10
        assert changes.remove("19")
        assert not changes.remove("19")
