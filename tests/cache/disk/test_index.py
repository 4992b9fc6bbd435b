from __future__ import annotations

from pathlib import Path

from tests.cache.disk.changing import BLOCK, add, asking, writing


def test_a_reader_sees_what_was_committed(tmp_path: Path) -> None:
    with writing(tmp_path) as changes, asking(tmp_path) as index:
        assert index.find("a") is None
        row = add(changes, tmp_path, "a")
        assert index.find("a") == row
        assert (row.key, row.head, row.length, row.tags, row.stored_at, row.boot) == (
            "a",
            b"head of a",
            BLOCK,
            ("t",),
            5.0,
            "now",
        )
        assert index.stats().small.objects == 1


def test_keys_are_found_by_their_beginning(tmp_path: Path) -> None:
    with writing(tmp_path) as changes, asking(tmp_path) as index:
        for key in ("/b/2", "/a/1", "/b/1", "/b%", "/c"):
            add(changes, tmp_path, key)
        assert index.keys("/b", 10) == ["/b%", "/b/1", "/b/2"]
        assert index.keys("/b/", 1) == ["/b/1"]
        assert index.keys("", 10) == ["/a/1", "/b%", "/b/1", "/b/2", "/c"]


def test_bodies_are_walked_through_by_id(tmp_path: Path) -> None:
    with writing(tmp_path) as changes, asking(tmp_path) as index:
        rows = [add(changes, tmp_path, key) for key in "cab"]
        assert index.after(0, 2) == rows[:2]
        assert index.after(rows[1].body_id, 2) == rows[2:]


def test_an_id_is_known_while_anything_has_it(tmp_path: Path) -> None:
    with writing(tmp_path) as changes, asking(tmp_path) as index:
        visible = add(changes, tmp_path, "a").body_id
        filling = changes.reserve(1)
        assert filling is not None
        assert index.unknown([7, visible, 8, filling]) == [7, 8]
        changes.remove("a")
        assert index.unknown([visible]) == []  # its file is gone, which the next change will note
        changes.remove("a")
        assert index.unknown([visible]) == [visible]


def test_the_last_sweep_is_noted(tmp_path: Path) -> None:
    with writing(tmp_path, boot="today") as changes, asking(tmp_path) as index:
        assert index.swept_boot() is None
        changes.note_swept()
        assert index.swept_boot() == "today"
