"""The index's tables, and how a connection to them is opened."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

APPLICATION_ID = 0x48644763
VERSION = 1
INDEX = "index.db"
_BUSY_SECONDS = 5.0

# A fill's id is its body's id when the body is new. Ids are never used twice, not even by the index that follows
# a damaged one: the sequence begins at the time of its creation.
_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE fill (
  id INTEGER PRIMARY KEY AUTOINCREMENT, body INTEGER NOT NULL, owner TEXT NOT NULL, reserved INTEGER NOT NULL
);
CREATE TABLE body (
  id INTEGER PRIMARY KEY, queue INTEGER NOT NULL, seq INTEGER NOT NULL, frequency INTEGER NOT NULL,
  size INTEGER NOT NULL, version INTEGER NOT NULL, key TEXT NOT NULL UNIQUE, length INTEGER, stored_at REAL NOT NULL,
  boot TEXT NOT NULL, tags TEXT NOT NULL, head BLOB NOT NULL, pieces BLOB NOT NULL
);
CREATE INDEX body_queue ON body (queue, seq);
CREATE TABLE ghost (seq INTEGER PRIMARY KEY AUTOINCREMENT, hash INTEGER NOT NULL UNIQUE);
CREATE TABLE doomed (id INTEGER PRIMARY KEY);
CREATE TABLE total (queue INTEGER PRIMARY KEY, objects INTEGER NOT NULL, size INTEGER NOT NULL);
INSERT INTO total VALUES (0, 0, 0), (1, 0, 0), (2, 0, 0);
CREATE TRIGGER body_in AFTER INSERT ON body BEGIN
  UPDATE total SET objects = objects + 1, size = size + new.size WHERE queue = new.queue;
END;
CREATE TRIGGER body_out AFTER DELETE ON body BEGIN
  UPDATE total SET objects = objects - 1, size = size - old.size WHERE queue = old.queue;
END;
CREATE TRIGGER body_moved AFTER UPDATE OF queue, size ON body BEGIN
  UPDATE total SET objects = objects - 1, size = size - old.size WHERE queue = old.queue;
  UPDATE total SET objects = objects + 1, size = size + new.size WHERE queue = new.queue;
END;
CREATE TRIGGER fill_in AFTER INSERT ON fill BEGIN
  UPDATE total SET objects = objects + 1, size = size + new.reserved WHERE queue = 2;
END;
CREATE TRIGGER fill_out AFTER DELETE ON fill BEGIN
  UPDATE total SET objects = objects - 1, size = size - old.reserved WHERE queue = 2;
END;
CREATE TRIGGER fill_grown AFTER UPDATE OF reserved ON fill BEGIN
  UPDATE total SET size = size + new.reserved - old.reserved WHERE queue = 2;
END;
"""


class BadIndex(Exception):  # noqa: N818  # named for what it is
    """The file is no index of ours, of another version, or damaged."""


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Alone among the processes that share the directory, for what must not happen twice at once."""
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class Link:
    """One thread's connection to the index, which follows the file when it is replaced."""

    def __init__(self, directory: Path) -> None:
        """Opens the index, and begins one where there is none that can be read."""
        self._directory = directory
        self._path = directory / INDEX
        self.resets = 0  # how many damaged indexes this link has moved aside
        self._connection, self._inode = self._open()

    def connection(self) -> sqlite3.Connection:
        """The connection to what is the index now."""
        if self._current_inode() != self._inode:
            self._connection.close()
            self._connection, self._inode = self._open()
        return self._connection

    def reset(self) -> None:
        """Move the index aside, unless another process was quicker, and begin a new one."""
        self._connection.close()
        with locked(self._directory):
            if self._current_inode() == self._inode:
                self._move_aside()
        self._connection, self._inode = self._open()

    def close(self) -> None:
        """Let go of the index."""
        self._connection.close()

    def _open(self) -> tuple[sqlite3.Connection, int]:
        with locked(self._directory):
            try:
                connection = _connect(self._path)
            except BadIndex:
                self._move_aside()
                connection = _connect(self._path)
            return connection, self._current_inode()

    def _current_inode(self) -> int:
        try:
            return self._path.stat().st_ino
        except OSError:
            return 0

    def _move_aside(self) -> None:
        """Keep the last damaged index for whoever wants to know."""
        self.resets += 1
        aside = self._directory / "damaged"
        aside.mkdir(exist_ok=True)
        for suffix in ("-wal", "-shm", ""):  # the index last: without it, there is nothing to move
            with suppress(FileNotFoundError):
                Path(f"{self._path}{suffix}").replace(aside / f"{INDEX}{suffix}")


def is_damage(error: sqlite3.Error) -> bool:
    """Whether `error` says that the index cannot be read, rather than that it cannot be used now."""
    return getattr(error, "sqlite_errorcode", None) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        _prepare(connection)
    except sqlite3.DatabaseError as error:
        connection.close()
        if is_damage(error) or not isinstance(error, sqlite3.OperationalError):
            raise BadIndex(str(error)) from error
        raise
    except BadIndex:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if (version, application, objects) == (0, 0, 0):
        _create(connection)
    elif (version, application) != (VERSION, APPLICATION_ID):
        raise BadIndex("of another version, or not an index of bodies")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("SELECT queue, objects, size FROM total").fetchall()


def _create(connection: sqlite3.Connection) -> None:
    connection.executescript(f"BEGIN IMMEDIATE; {_TABLES}")
    connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('fill', ?)", (time.time_ns() // 1000,))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
