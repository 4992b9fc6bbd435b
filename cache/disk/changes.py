"""Changes to the index, each one transaction. All block; the object belongs to one thread.

Whatever happens to the process, no file is lost sight of: the row of a fill is there before its file, and what is
to be removed stands among the doomed until its file is gone.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from hashlib import blake2b
from pathlib import Path

from cache.disk.body import remove_body
from cache.disk.eviction import Entry, Queue, make_room, queue_for_new
from cache.disk.index import find_row, read_stats
from cache.disk.limits import DiskLimits
from cache.disk.rows import Change, Pieces, Row, Stats, extents_of, joined, on_disk, pack
from cache.disk.schema import Link

_GHOSTS_AT_LEAST = 1000
_STEPS_AT_ONCE = 1000  # of eviction in one transaction, which keeps the other writers waiting
_DELETE_KEY = "DELETE FROM body WHERE key = ? RETURNING id"
_DELETE_ID = "DELETE FROM body WHERE id = ? RETURNING id"


class _Room(Enum):
    MADE = auto()
    NOT_YET = auto()  # so much has to go that others should have their turn before it goes on
    NONE = auto()


@dataclass(frozen=True, slots=True)
class Place:
    """Who makes the changes, and where."""

    directory: Path
    owner: str
    boot: str
    limits: DiskLimits


@dataclass(slots=True)
class Evicted:
    """What was pushed out."""

    keys: list[str] = field(default_factory=list)
    size_bytes: int = 0


class Changes:
    """The one writer of this process."""

    def __init__(self, link: Link, place: Place) -> None:
        """Only the thread that made `link` may use this."""
        self._link = link
        self._place = place
        self._doomed: list[int] = []  # whose files go when the transaction is through
        self._removed: list[int] = []  # files that are gone, while their ids still stand among the doomed
        self.evicted = Evicted()  # since whoever reads it last set it anew

    def reserve(self, size_bytes: int, body_id: int | None = None) -> int | None:
        """The id of a fill that may take `size_bytes`, of a new body or of `body_id`; None without room."""
        fields = (body_id or 0, self._place.owner, on_disk(size_bytes))
        while True:
            with self._transaction() as db:
                room = self._make_room(db, size_bytes)
                if room is _Room.NONE:
                    return None
                if room is _Room.MADE:
                    return db.execute("INSERT INTO fill (body, owner, reserved) VALUES (?, ?, ?)", fields).lastrowid

    def grow(self, fill_id: int, size_bytes: int) -> bool:
        """Whether the fill may take `size_bytes` more."""
        more = (on_disk(size_bytes), fill_id)
        while True:
            with self._transaction() as db:
                room = self._make_room(db, size_bytes)
                if room is _Room.NONE:
                    return False
                if room is _Room.MADE:
                    return db.execute("UPDATE fill SET reserved = reserved + ? WHERE id = ?", more).rowcount == 1

    def commit(self, fill_id: int, change: Change) -> Row | None:
        """Make the fill's new body the one of its key. None when the fill is not known any more."""
        with self._transaction() as db:
            if not db.execute("DELETE FROM fill WHERE id = ?", (fill_id,)).rowcount:
                return None
            self._doom(db, change.key)
            row = Row(
                fill_id,
                0,
                change.key,
                change.head or b"",
                change.length,
                change.tags or (),
                change.pieces,
                change.stored_at,
                self._place.boot,
            )
            queue = queue_for_new(is_ghost=_forget_ghost(db, change.key))
            db.execute(
                "INSERT INTO body (id, queue, seq, frequency, size, version, key, length, stored_at, boot, tags, head,"
                " pieces) VALUES (?, ?, ?, 0, ?, 0, ?, ?, ?, ?, ?, ?, ?)",
                (
                    row.body_id,
                    queue,
                    _next_in(db, queue),
                    max(change.taken, on_disk(row.extents.size)),
                    row.key,
                    row.length,
                    row.stored_at,
                    row.boot,
                    json.dumps(row.tags),
                    row.head,
                    pack(row.pieces),
                ),
            )
            return row

    def commit_more(self, fill_id: int, body_id: int, change: Change) -> Row | None:
        """Add the fill's pieces to the body; None when it is not the body of its key any more."""
        with self._transaction() as db:
            if not db.execute("DELETE FROM fill WHERE id = ?", (fill_id,)).rowcount:
                return None
            found = find_row(db, change.key)
            if found is None or found.body_id != body_id:
                return None
            pieces = joined(found.pieces, change.pieces)
            db.execute(
                "UPDATE body SET version = version + 1, size = max(size, ?), length = coalesce(?, length),"
                " tags = coalesce(?, tags), head = coalesce(?, head), pieces = ? WHERE id = ?",
                (
                    max(change.taken, on_disk(extents_of(pieces).size)),
                    change.length,
                    None if change.tags is None else json.dumps(change.tags),
                    change.head,
                    pack(pieces),
                    body_id,
                ),
            )
            return find_row(db, change.key)

    def abandon(self, fill_id: int, body_id: int | None, size_bytes: int) -> None:
        """Forget the fill; a new body's file goes, an old body is charged `size_bytes`, what its file takes now."""
        with self._transaction() as db:
            if not db.execute("DELETE FROM fill WHERE id = ?", (fill_id,)).rowcount:
                return
            if body_id is None:
                db.execute("INSERT OR IGNORE INTO doomed VALUES (?)", (fill_id,))
                self._doomed.append(fill_id)
            else:
                db.execute("UPDATE body SET size = max(size, ?) WHERE id = ?", (size_bytes, body_id))

    def rewrite(self, key: str, body_id: int, head: bytes, tags: tuple[str, ...]) -> bool:
        """Give the body another head, if it still is the body of `key`."""
        with self._transaction() as db:
            return bool(
                db.execute(
                    "UPDATE body SET version = version + 1, head = ?, tags = ? WHERE key = ? AND id = ?",
                    (head, json.dumps(tags), key, body_id),
                ).rowcount
            )

    def reverify(self, row: Row, pieces: Pieces) -> Row | None:
        """Note that of the body `pieces` were found intact; without any of what it had, the body goes."""
        with self._transaction() as db:
            if row.pieces and not pieces:
                self._doom(db, row.body_id)
                return None
            db.execute(
                "UPDATE body SET version = version + 1, size = ?, pieces = ?, boot = ? WHERE id = ? AND version = ?",
                (on_disk(extents_of(pieces).size), pack(pieces), self._place.boot, row.body_id, row.version),
            )
            return find_row(db, row.key)

    def remove(self, key: str) -> bool:
        """Whether there was a body of `key`; there is none now."""
        with self._transaction() as db:
            return bool(self._doom(db, key))

    def remove_body(self, body_id: int) -> None:
        """Remove this body, whatever its key."""
        with self._transaction() as db:
            self._doom(db, body_id)

    def count_hits(self, hits: Iterable[tuple[int, int]]) -> None:
        """Tell the eviction policy how often (second) bodies (first) were asked for."""
        with self._transaction() as db:
            db.executemany(
                "UPDATE body SET frequency = min(3, frequency + ?2) WHERE id = ?1 AND frequency < 3", list(hits)
            )

    def foreign_fills(self) -> list[tuple[int, int | None, str]]:
        """The fills of other owners: id, old body (None when the body is new), owner."""
        rows = self._link.connection().execute(
            "SELECT id, nullif(body, 0), owner FROM fill WHERE owner <> ?", (self._place.owner,)
        )
        return rows.fetchall()

    def remove_doomed(self) -> int:
        """Remove the files that somebody wanted to remove and did not live to; how many."""
        with self._transaction() as db:
            self._doomed = [body_id for (body_id,) in db.execute("SELECT id FROM doomed")]
            return len(self._doomed)

    def note_swept(self) -> None:
        """Note that since the machine started, files that nobody knows have been looked for."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES ('swept', ?)", (self._place.boot,))

    def stats(self) -> Stats:
        """What the directory holds."""
        return read_stats(self._link.connection())

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        db = self._link.connection()
        db.execute("BEGIN IMMEDIATE")
        try:
            if self._removed:
                db.executemany("DELETE FROM doomed WHERE id = ?", [(body_id,) for body_id in self._removed])
            self._doomed = []
            yield db
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        self._removed.clear()
        self._remove(self._doomed)

    def _remove(self, body_ids: list[int]) -> None:
        self._removed += [body_id for body_id in body_ids if remove_body(self._place.directory, body_id)]

    def _doom(self, db: sqlite3.Connection, body: str | int) -> list[int]:
        """Remove the body of this key or id."""
        gone = [body_id for (body_id,) in db.execute(_DELETE_KEY if isinstance(body, str) else _DELETE_ID, (body,))]
        db.executemany("INSERT OR IGNORE INTO doomed VALUES (?)", [(body_id,) for body_id in gone])
        self._doomed += gone
        return gone

    def _make_room(self, db: sqlite3.Connection, size_bytes: int) -> _Room:
        limits, stats, needed = self._place.limits, read_stats(db), on_disk(size_bytes)
        room = os.statvfs(self._place.directory)
        short = needed + limits.min_free_bytes - room.f_bavail * room.f_frsize
        most = min(limits.max_bytes - stats.filling.size_bytes - needed, stats.size_bytes - max(0, short))
        if most < 0:
            return _Room.NONE
        queues = _SqlQueues(db, stats)
        is_made = make_room(queues, capacity_bytes=limits.max_bytes, most_bytes=most, steps=_STEPS_AT_ONCE)
        self._doomed += queues.gone
        self.evicted.keys += queues.gone_keys
        self.evicted.size_bytes += stats.size_bytes - queues.size_bytes(Queue.SMALL) - queues.size_bytes(Queue.MAIN)
        return _Room.MADE if is_made else _Room.NOT_YET


class _SqlQueues:
    """The queues as rows, within one transaction."""

    def __init__(self, db: sqlite3.Connection, stats: Stats) -> None:
        self._db = db
        self._sizes = {Queue.SMALL: stats.small.size_bytes, Queue.MAIN: stats.main.size_bytes}
        self._ghosts = max(_GHOSTS_AT_LEAST, stats.objects)
        self.gone: list[int] = []
        self.gone_keys: list[str] = []

    def size_bytes(self, queue: Queue) -> int:
        return self._sizes[queue]

    def oldest(self, queue: Queue) -> Entry | None:
        found = self._db.execute(
            "SELECT id, size, frequency FROM body WHERE queue = ? ORDER BY seq LIMIT 1", (queue,)
        ).fetchone()
        return None if found is None else Entry(*found)

    def requeue(self, entry: Entry, source: Queue, frequency: int) -> None:
        self._db.execute(
            "UPDATE body SET queue = ?, frequency = ?, seq = ? WHERE id = ?",
            (Queue.MAIN, frequency, _next_in(self._db, Queue.MAIN), entry.body_id),
        )
        self._sizes[source] -= entry.size_bytes
        self._sizes[Queue.MAIN] += entry.size_bytes

    def evict(self, entry: Entry, source: Queue) -> None:
        statement = "DELETE FROM body WHERE id = ? RETURNING key"
        [(key,)] = self._db.execute(statement, (entry.body_id,)).fetchall()
        self._db.execute("INSERT INTO doomed VALUES (?)", (entry.body_id,))
        if source is Queue.SMALL:
            self._db.execute("INSERT OR REPLACE INTO ghost (hash) VALUES (?)", (_hash(key),))
            self._db.execute("DELETE FROM ghost WHERE seq <= (SELECT max(seq) FROM ghost) - ?", (self._ghosts,))
        self._sizes[source] -= entry.size_bytes
        self.gone.append(entry.body_id)
        self.gone_keys.append(key)


def _next_in(db: sqlite3.Connection, queue: Queue) -> int:
    (last,) = db.execute("SELECT max(seq) FROM body WHERE queue = ?", (queue,)).fetchone()
    return (last or 0) + 1


def _forget_ghost(db: sqlite3.Connection, key: str) -> bool:
    return db.execute("DELETE FROM ghost WHERE hash = ?", (_hash(key),)).rowcount == 1


def _hash(key: str) -> int:
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), signed=True)
