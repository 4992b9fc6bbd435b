from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from cache.disk.schema import APPLICATION_ID, INDEX, VERSION, Link, is_damage, locked

TOTALS = "SELECT * FROM total"


def damage(directory: Path) -> None:
    """Make the index unreadable."""
    path = directory / INDEX
    path.write_bytes(b"no database at all" * 1000)


def test_a_new_index_says_what_it_is(tmp_path: Path) -> None:
    link = Link(tmp_path)
    asked = [link.connection().execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
    assert asked == [APPLICATION_ID, VERSION]
    assert link.connection().execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert link.connection().execute(TOTALS).fetchall() == [(0, 0, 0), (1, 0, 0), (2, 0, 0)]
    assert link.resets == 0
    link.close()


def test_an_index_is_found_again(tmp_path: Path) -> None:
    first = Link(tmp_path)
    first.connection().execute("INSERT INTO doomed VALUES (5)")
    first.close()
    second = Link(tmp_path)
    assert second.connection().execute("SELECT id FROM doomed").fetchall() == [(5,)]
    second.close()


@pytest.mark.parametrize("fault", ["rubbish", "version", "foreign"])
def test_an_index_that_cannot_be_read_is_moved_aside(tmp_path: Path, fault: str) -> None:
    Link(tmp_path).close()
    if fault == "rubbish":
        damage(tmp_path)
    else:
        other = sqlite3.connect(tmp_path / INDEX)
        other.execute(f"PRAGMA {'user_version' if fault == 'version' else 'application_id'} = 77")
        other.close()
    link = Link(tmp_path)
    assert link.resets == 1
    assert link.connection().execute(TOTALS).fetchall() == [(0, 0, 0), (1, 0, 0), (2, 0, 0)]
    assert (tmp_path / "damaged" / INDEX).exists()
    link.close()


def test_ids_are_not_used_again_by_the_index_that_follows(tmp_path: Path) -> None:
    def next_id(link: Link) -> int:
        statement = "INSERT INTO fill (body, owner, reserved) VALUES (0, '', 0)"
        return link.connection().execute(statement).lastrowid or 0

    first = Link(tmp_path)
    last = next_id(first)
    first.reset()
    assert first.resets == 1
    assert next_id(first) > last
    first.close()


def test_the_others_follow_when_one_moves_the_index_aside(tmp_path: Path) -> None:
    one, other = Link(tmp_path), Link(tmp_path)
    one.connection().execute("INSERT INTO doomed VALUES (5)")
    one.reset()
    assert other.connection().execute("SELECT id FROM doomed").fetchall() == []
    one.connection().execute("INSERT INTO doomed VALUES (6)")
    assert other.connection().execute("SELECT id FROM doomed").fetchall() == [(6,)]
    one.close()
    other.close()


def test_two_who_find_the_same_damage_move_it_aside_once(tmp_path: Path) -> None:
    one, other = Link(tmp_path), Link(tmp_path)
    one.reset()
    one.connection().execute("INSERT INTO doomed VALUES (6)")
    other.reset()  # of what it had open, which is aside already
    assert other.resets == 0
    assert other.connection().execute("SELECT id FROM doomed").fetchall() == [(6,)]
    one.close()
    other.close()


def test_damage_is_told_from_what_passes(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"no database at all" * 100)
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.DatabaseError) as damaged:
        connection.execute("SELECT 1 FROM sqlite_master")
    connection.close()
    assert is_damage(damaged.value)
    assert not is_damage(sqlite3.OperationalError("database is locked"))


def test_totals_follow_every_change(tmp_path: Path) -> None:
    link = Link(tmp_path)
    run = link.connection().execute
    body = "INSERT INTO body VALUES (?, ?, 1, 0, ?, 0, ?, NULL, 0, '', '[]', '', '')"
    run(body, (1, 0, 10, "a"))
    run(body, (2, 0, 20, "b"))
    run("UPDATE body SET queue = 1, size = 25 WHERE id = 2")
    run("INSERT INTO fill (body, owner, reserved) VALUES (0, '', 7)")
    run("UPDATE fill SET reserved = reserved + 3")
    assert run(TOTALS).fetchall() == [(0, 1, 10), (1, 1, 25), (2, 1, 10)]
    run("DELETE FROM body")
    run("DELETE FROM fill")
    assert run(TOTALS).fetchall() == [(0, 0, 0), (1, 0, 0), (2, 0, 0)]
    link.close()


def test_the_lock_is_given_back_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), locked(tmp_path):
        raise KeyError
    with locked(tmp_path):
        pass
